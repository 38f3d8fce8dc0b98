"""What the decisions of auto-recharge are made from, read under the account's lock."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import bindparam, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from models.account import Account
from models.attempt import ChargeAttempt
from models.auto_recharge import AutoRecharge
from models.bank_account import BankAccount
from models.recharge import Recharge
from rules import episode_words, retry_ladder
from rules.declines import RATE_LIMITED
from rules.durations import SOONEST_RETRY
from rules.episodes import Try
from rules.mandate_text import largest_cents
from rules.recharge_sizing import cap_cents
from rules.retry_ladder import RATE_LIMIT_WAIT, Confirm, Decision, Episode, MethodKind, Stop, Tried, Trigger, Wait
from store import mandates, methods
from store.auto_reading import Total

#: Failures of ours: the bank or issuer was never asked, so that there is nothing to keep away from.
_OURS = "method_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the deployment sets: the largest recharge (C2) and the rungs of the retry ladder (D6)."""

    max_recharge_cents: int
    ladder: tuple[timedelta, ...]


def kind_of(method_id: str) -> MethodKind:
    """``card`` or ``bank``, by the id of our record."""
    return "card" if method_id.startswith("card_") else "bank"


async def cap(session: AsyncSession, account_id: str, method_id: str, *, terms: Terms) -> int:
    """The most that may be charged by this method at once, in cents: the deployment's bound and the mandate's (D3)."""
    return cap_cents(
        max_recharge_cents=terms.max_recharge_cents,
        mandate_cents=await _mandate_cents(session, account_id, method_id),
    )


async def _mandate_cents(session: AsyncSession, account_id: str, method_id: str) -> int | None:
    if kind_of(method_id) == "card":
        return None
    bank = await session.get(BankAccount, (account_id, method_id), populate_existing=True)
    try:
        return largest_cents((await mandates.of_bank(session, bank)).amount_rule) if bank is not None else None
    except LookupError:
        return None  # no mandate: the confirm itself says so, as a decline


async def decide(
    session: AsyncSession,
    row: AutoRecharge,
    *,
    account: Account,
    total: Total,
    primary: str,
    recharge: Recharge | None,
    terms: Terms,
    now: datetime,
) -> Decision:
    """What comes next in the episode as it stands; ``recharge`` is the automatic one that is open, if any."""
    tried, last = await _attempts(session, row, recharge, primary)
    counted = recharge.amount_cents if recharge is not None and recharge.status == "processing" else 0
    episode = Episode(
        primary=primary,
        primary_kind=kind_of(primary),
        backup=await _backup(session, row, recharge, terms=terms),
        tried=[_as_tried(one, under_way=recharge is not None and one.recharge_id == recharge.id) for one in tried],
        minimum_micros=row.minimum_micros,
        available_micros=total.available,
        total_without_micros=total.micros - counted * 10_000,
        refused=_refused(row, last),
        action_expires_at=recharge.action_expires_at if recharge is not None else None,
        stop=_stop(row, account, recharge),
        ladder=terms.ladder,
    )
    decision = retry_ladder.decide(episode, now=now)
    if isinstance(decision, Confirm) and decision.method_id != primary:
        last = await _last(session, row.account_id, decision.method_id)
    return _kept_away(decision, last, now=now)


def _stop(row: AutoRecharge, account: Account, recharge: Recharge | None) -> Stop | None:
    if not row.enabled:
        return "off"
    if account.status == "suspended":
        return "suspended"
    if account.status == "closed":
        return "closed"
    return "settings_changed" if recharge is not None and row.version != row.charged_version else None


async def _backup(
    session: AsyncSession, row: AutoRecharge, recharge: Recharge | None, *, terms: Terms
) -> str | None:  # fmt: skip
    """The back-up, if it can be charged the amount that is under way: a bank's mandate may allow less (D3, D7)."""
    if row.backup_method_id is None:
        return None
    method = await methods.find(session, account_id=row.account_id, method_id=row.backup_method_id)
    if not isinstance(method, methods.ChargeableMethod):
        return None
    most = await cap(session, row.account_id, method.id, terms=terms)
    return method.id if recharge is None or recharge.amount_cents <= most else None


_OF_ACCOUNT = (
    select(ChargeAttempt)
    .join(
        Recharge,
        (col(Recharge.account_id) == col(ChargeAttempt.account_id))
        & (col(Recharge.id) == col(ChargeAttempt.recharge_id)),
    )
    .where(col(ChargeAttempt.account_id) == bindparam("account"), col(Recharge.kind) == "auto")
    .execution_options(populate_existing=True)
)
_LAST = (
    _OF_ACCOUNT.where(col(ChargeAttempt.method_id) == bindparam("method"), col(ChargeAttempt.ended_at).is_not(None))
    .order_by(col(ChargeAttempt.ended_at).desc())
    .limit(1)
)
_TRIED = _OF_ACCOUNT.where(
    or_(
        col(ChargeAttempt.created_at) >= bindparam("since"),
        col(ChargeAttempt.recharge_id) == bindparam("recharge"),
        tuple_(col(ChargeAttempt.recharge_id), col(ChargeAttempt.number)).in_(
            _LAST.with_only_columns(col(ChargeAttempt.recharge_id), col(ChargeAttempt.number)).correlate(None)
        ),
    )
).order_by(col(ChargeAttempt.created_at), col(ChargeAttempt.number))


async def _attempts(
    session: AsyncSession, row: AutoRecharge, recharge: Recharge | None, primary: str
) -> tuple[Sequence[ChargeAttempt], ChargeAttempt | None]:
    """The episode's confirms, oldest first: those since it began, and all of the open recharge, whatever was put
    meanwhile. And the latest of the primary method that has its answer, whichever episode it was of.
    """
    open_id = recharge.id if recharge is not None else None
    asked = {"account": row.account_id, "method": primary, "since": row.episode_from, "recharge": open_id}
    found = (await session.scalars(_TRIED, asked)).all()
    tried = [one for one in found if one.created_at >= row.episode_from or one.recharge_id == open_id]
    answered = [one for one in found if one.method_id == primary and one.ended_at is not None]
    return tried, max(answered, key=_ended_at, default=None)


def _ended_at(attempt: ChargeAttempt) -> datetime:
    return attempt.ended_at or attempt.created_at


async def _last(session: AsyncSession, account_id: str, method_id: str) -> ChargeAttempt | None:
    """The latest confirm of the method, by an automatic recharge, that has its answer."""
    return await session.scalar(_LAST, {"account": account_id, "method": method_id})


def _as_tried(attempt: ChargeAttempt, *, under_way: bool) -> Tried:
    """``under_way``: of the recharge that is open. Those of another are over, whether we heard how or not."""
    failure = attempt.failure or {}
    return Tried(
        number=attempt.number,
        method_id=attempt.method_id,
        trigger=trigger_of(attempt),
        step_percent=attempt.step_percent,
        created_at=attempt.created_at,
        ended_at=attempt.ended_at if under_way else attempt.ended_at or attempt.created_at,
        failure_code=failure.get("code"),
        retry=failure.get("retry"),
    )


def _refused(row: AutoRecharge, last: ChargeAttempt | None) -> str | None:
    """The code by which the primary was refused for good, the ``last`` time that an automatic recharge asked it (D6).

    None where it was not, or where the owner has acted or the method was renewed since. A failure of ours is none: the
    issuer was not asked, and the confirm finds out anew.
    """
    if last is None or last.ended_at is None or last.ended_at < row.refusals_from:
        return None
    failure = last.failure or {}
    code = str(failure.get("code") or "")
    return code if failure.get("retry") == "other_method" and not code.startswith(_OURS) else None


def _kept_away(decision: Decision, last: ChargeAttempt | None, *, now: datetime) -> Decision:
    """``decision``, or to wait with it where its method declined only just now, whichever episode that was of.

    A pause that is lifted over and over, or settings that are sent every minute, would else ask a declining card as
    often.
    """
    code = str((last.failure or {}).get("code") or "") if last is not None else ""
    if not isinstance(decision, Confirm) or last is None or last.ended_at is None or not code or code.startswith(_OURS):
        return decision
    soonest = last.ended_at + (RATE_LIMIT_WAIT if code == RATE_LIMITED else SOONEST_RETRY)
    return decision if soonest <= now else Wait(soonest, decision.trigger, (), episode_words.SOON_ENOUGH)


def trigger_of(attempt: ChargeAttempt) -> Trigger:
    """What led to a confirm; the column's CHECK knows these words alone."""
    return cast("Trigger", attempt.trigger)


def as_try(number: int, decision: Confirm) -> Try:
    """The confirm that was decided, numbered."""
    return Try(
        number=number,
        method_id=decision.method_id,
        method_kind=kind_of(decision.method_id),
        trigger=decision.trigger,
        step_percent=decision.step_percent,
    )
