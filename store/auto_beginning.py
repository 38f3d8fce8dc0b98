"""The beginning of an episode of auto-recharge: its recharge made under the account's lock, or nothing (D2 to D5)."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

import ledger
from models.account import Account
from models.attempt import ChargeAttempt
from models.auto_recharge import AutoRecharge
from models.recharge import Recharge
from rules import episode_words, recharge_limits
from rules.episodes import Begun, Standing, Try
from rules.money import Money
from rules.recharge_limits import Limited, LimitName
from rules.recharge_sizing import size
from rules.retry_ladder import AwaitCustomer, Confirm, Drop, GiveUp, Wait
from store import attempts, auto_facts, auto_limits, auto_reading, auto_recharge, auto_story, recharges
from store.auto_facts import Terms, kind_of
from store.auto_reading import Total
from store.ids import new_id


async def begin(session: AsyncSession, account_id: str, *, terms: Terms, now: datetime) -> Begun:
    """Read everything again, and make the recharge, its pending entry and its limit's reservation, or nothing (D2).

    An automatic recharge that is open already is driven on: there is never a second one (D5).
    """
    await ledger.lock(session, [account_id])
    seen = await auto_reading.read(session, account_id)
    if seen is None:
        return Begun(standing="off")
    if seen.in_flight is not None:
        return await _adopted(session, seen.in_flight)
    if (standing := _at_rest(seen.row, seen.account, seen.total.micros)) is not None:
        await _calm(session, seen.row)
        return Begun(standing=standing)
    return await _anew(session, seen.row, seen.account, seen.total, terms=terms, now=now)


async def _anew(
    session: AsyncSession, row: AutoRecharge, account: Account, total: Total, *, terms: Terms, now: datetime
) -> Begun:
    """T is at or below the minimum and nothing is open: what the ladder says, for the episode may have begun before."""
    primary = await auto_recharge.primary(session, row) or row.backup_method_id
    if primary is None:
        return await _pause(session, row, "no_payment_method", episode_words.NO_METHOD, now=now)
    decision = await auto_facts.decide(
        session, row, account=account, total=total, primary=primary, recharge=None, terms=terms, now=now
    )
    match decision:
        case Confirm():
            return await _charge(session, row, account, decision, total_micros=total.micros, terms=terms, now=now)
        case GiveUp():
            return await _pause(session, row, decision.reason, decision.why, now=now)
        case Drop():
            return Begun(standing="watching")
        case Wait() | AwaitCustomer():
            return await _wait(session, row, decision.until, decision.why, now=now)


async def _adopted(session: AsyncSession, recharge: Recharge) -> Begun:
    """The open recharge of a run that was lost, and how to go on with it: what may have run is looked at first."""
    newest = await attempts.newest(session, recharge)
    begun = Begun(
        standing="charging",
        recharge_id=recharge.id,
        amount_cents=recharge.amount_cents,
        method_kind=kind_of(recharge.method_id),
    )
    if newest is None:
        made = Try(number=1, method_id=recharge.method_id, method_kind=begun.method_kind, trigger="first")
        return replace(begun, confirm=made)
    if newest.outcome is not None:
        return replace(begun, first="look", on_session=not newest.off_session)
    return replace(begun, first="confirm", confirm=_again(newest))


async def _charge(
    session: AsyncSession,
    row: AutoRecharge,
    account: Account,
    decision: Confirm,
    *,
    total_micros: int,
    terms: Terms,
    now: datetime,
) -> Begun:
    """One recharge of the right size, unless a limit forbids it whole."""
    most = await auto_facts.cap(session, account.id, decision.method_id, terms=terms)
    wanted = size(
        total_micros=total_micros, minimum_micros=row.minimum_micros, amount_cents=row.amount_cents, cap_cents=most
    )  # fmt: skip
    if wanted is None:
        return await _pause(session, row, "amount_too_large", episode_words.too_large(most), now=now)
    limit = await _limit(session, row, account, cents=wanted.cents, now=now)
    if limit is not None:
        why = episode_words.limited(limit, cents=wanted.cents, timezone=account.timezone)
        await auto_story.limited(session, row, by=limit.by, until=limit.until, why=why, now=now)
        return Begun(standing="limited", until=limit.until)
    key = new_id("auto", now)
    recharge = await recharges.make(
        session,
        recharges.NewRecharge(
            account_id=account.id,
            amount_cents=wanted.cents,
            method_id=decision.method_id,
            method_kind=kind_of(decision.method_id),
            kind="auto",
            idempotency_key=key,
            request_digest=key,
            return_url=None,
            metadata={},
        ),
        now=now,
    )
    why = episode_words.charged(
        decision, wanted, total=Money(total_micros), minimum=Money(row.minimum_micros),
        amount=Money.from_cents(row.amount_cents),
    )  # fmt: skip
    await auto_story.charged(session, row, recharge_id=recharge.id, why=why, now=now)
    return Begun(
        standing="charging",
        recharge_id=recharge.id,
        amount_cents=recharge.amount_cents,
        method_kind=kind_of(decision.method_id),
        confirm=auto_facts.as_try(1, decision),
    )


async def _limit(
    session: AsyncSession, row: AutoRecharge, account: Account, *, cents: int, now: datetime
) -> Limited | None:  # fmt: skip
    """The limit that a recharge of ``cents`` would go over (D4)."""
    limits: dict[LimitName, int | None] = {
        "daily": row.daily_cents,
        "weekly": row.weekly_cents,
        "monthly": row.monthly_cents,
    }
    if not any(limits.values()):
        return None
    used = await auto_limits.used(session, account.id, timezone=account.timezone, now=now)
    return recharge_limits.limited(limits=limits, used=used, cents=cents, now=now, timezone=account.timezone)


def _at_rest(row: AutoRecharge, account: Account, total_micros: int) -> Standing | None:
    """Why there is nothing to do; None where there is."""
    if not row.enabled:
        return "off"
    if account.status in {"suspended", "closed"}:
        return "suspended" if account.status == "suspended" else "closed"
    if row.paused_at is not None:
        return "paused"
    return "watching" if total_micros > row.minimum_micros else None


async def _calm(session: AsyncSession, row: AutoRecharge) -> None:
    """Nothing is waited for any more."""
    if row.next_attempt_at is not None or row.limited_until is not None:
        row.next_attempt_at = row.limited_until = row.limited_by = None
        session.add(row)
        await session.flush()


async def _wait(session: AsyncSession, row: AutoRecharge, until: datetime, why: str, *, now: datetime) -> Begun:
    """Nothing may be charged before ``until``; there is no recharge meanwhile."""
    if row.next_attempt_at != until:
        row.next_attempt_at = until
        await auto_story.note(session, row, what="waiting", why=why, now=now)
    return Begun(standing="waiting", until=until)


async def _pause(session: AsyncSession, row: AutoRecharge, reason: str, why: str, *, now: datetime) -> Begun:
    """Nothing can be charged, and nothing was begun."""
    await auto_story.pause(session, row, reason=reason, why=why, recharge_id=None, now=now)
    await auto_recharge.rearm(session, row)
    return Begun(standing="paused")


def _again(attempt: ChargeAttempt) -> Try:
    """The confirm that was written and may not have been made."""
    return Try(
        number=attempt.number,
        method_id=attempt.method_id,
        method_kind=kind_of(attempt.method_id),
        trigger=auto_facts.trigger_of(attempt),
        step_percent=attempt.step_percent,
        off_session=attempt.off_session,
    )
