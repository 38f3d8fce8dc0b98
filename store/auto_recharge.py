"""Auto-recharge at rest: the owner's settings, T, and the wakes that every change of either writes (requirement D2).

What changes anything is a step under the account's lock (``ledger.lock``).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime

from sqlalchemy import Text, and_, bindparam, func, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

import ledger
from models.account import Account
from models.auto_recharge import AutoRecharge
from models.card import Card
from models.ledger import LedgerBalance, LedgerThreshold
from models.recharge import Recharge
from rules.auto_recharge import LIFTED, watched_minimum, watched_steps
from rules.money import Money
from rules.thresholds import Threshold
from store import auto_story, outbox

OPEN = ("processing", "requires_action")
_ACCOUNT = bindparam("account", type_=Text())
_IN_FLIGHT = and_(col(Recharge.kind) == "auto", col(Recharge.status).in_(OPEN))
_GET = select(AutoRecharge).where(col(AutoRecharge.account_id) == _ACCOUNT).execution_options(populate_existing=True)
_AWAITED = (
    select(func.coalesce(func.sum(col(Recharge.amount_cents)), 0))
    .where(col(Recharge.account_id) == _ACCOUNT, col(Recharge.status) == "requires_action")
    .scalar_subquery()
)
_WATCHED = (
    select(func.jsonb_agg(func.jsonb_build_array(col(LedgerThreshold.kind), col(LedgerThreshold.below)), type_=JSONB))
    .where(
        col(LedgerThreshold.account_id) == _ACCOUNT,
        col(LedgerThreshold.kind).in_((Threshold.MINIMUM.value, Threshold.STEP.value)),
    )
    .scalar_subquery()
)
_STANDS = (col(LedgerBalance.spendable), col(LedgerBalance.pending), col(LedgerBalance.provisional), _AWAITED, _WATCHED)
_LOOK = select(*_STANDS).where(col(LedgerBalance.account_id) == _ACCOUNT)
_READ = (
    select(AutoRecharge, Account, Recharge, *_STANDS)
    .join(Account, col(Account.id) == col(AutoRecharge.account_id))
    .join(LedgerBalance, col(LedgerBalance.account_id) == col(AutoRecharge.account_id))
    .join(Recharge, and_(col(Recharge.account_id) == col(AutoRecharge.account_id), _IN_FLIGHT), isouter=True)
    .where(col(AutoRecharge.account_id) == _ACCOUNT)
    .execution_options(populate_existing=True)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the owner chooses, whole."""

    enabled: bool
    minimum_micros: int
    amount_cents: int
    method_id: str | None
    """None: the default card, followed."""
    backup_method_id: str | None
    daily_cents: int | None
    weekly_cents: int | None
    monthly_cents: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """T and what it is made of, in micros. A recharge that waits for the customer is not in it."""

    available: int
    arriving: int
    """Of recharges in ``processing``."""
    provisional: int

    @property
    def micros(self) -> int:
        """T: what auto-recharge looks at, so that money on its way counts."""
        return self.available + self.arriving - self.provisional


@dataclass(frozen=True, slots=True)
class Look:
    """What a decision begins from, read by one statement."""

    total: Total
    watched: Mapping[int, set[int]]
    """Below which amounts of available a crossing is told to auto-recharge, by kind of threshold."""


@dataclass(frozen=True, slots=True)
class Seen(Look):
    """The same of an account whose owner has chosen settings."""

    row: AutoRecharge
    account: Account
    in_flight: Recharge | None


async def get(session: AsyncSession, account_id: str) -> AutoRecharge | None:
    """The settings and how they stand, read anew; None where they were never chosen."""
    return await session.scalar(_GET, {"account": account_id})


async def read(session: AsyncSession, account_id: str) -> Seen | None:
    """The settings, their account, its automatic recharge in flight, and T; None where nothing was ever chosen."""
    found = (await session.execute(_READ, {"account": account_id})).one_or_none()
    if found is None:
        return None
    row, account, in_flight, spendable, pending, provisional, awaited_cents, thresholds = found
    look = _look_of(spendable, pending, provisional, awaited_cents, thresholds)
    return Seen(look.total, look.watched, row, account, in_flight)


async def put(session: AsyncSession, account_id: str, settings: Settings, *, now: datetime) -> AutoRecharge:
    """Replace the settings, lift a pause, and wake: always where an automatic recharge is open, else by T."""
    row = await get(session, account_id)
    given = asdict(settings)
    before = {name: getattr(row, name) for name in given} if row is not None else {}
    if row is None:
        row = AutoRecharge(
            account_id=account_id, episode_from=now, refusals_from=now, updated_at=now, created_at=now, **given
        )  # fmt: skip
    else:
        for name, value in given.items():
            setattr(row, name, value)
        row.version += before != given
        row.limited_until = row.limited_by = None
    row.episode_from = row.refusals_from = row.updated_at = now
    session.add(row)
    await session.flush()
    if before != given:
        await auto_story.of_settings(session, row, was_enabled=bool(before.get("enabled")), now=now)
    if row.paused_at is not None:
        await auto_story.resume(session, row, why=LIFTED["settings_put"], now=now)
    if not await tested(session, account_id, now=now) and await open_recharge(session, account_id) is not None:
        await wake(session, account_id, now=now)
    return row


async def switched_off(session: AsyncSession, account_id: str) -> Settings | None:
    """The settings as they are, but off; None where they were never chosen."""
    row = await get(session, account_id)
    if row is None:
        return None
    return replace(Settings(**{field.name: getattr(row, field.name) for field in fields(Settings)}), enabled=False)


async def total(session: AsyncSession, account_id: str) -> Total:
    """T of the account: what holds while the caller has its lock, else a look at it. Raises AccountNotOpenError."""
    return (await _look(session, account_id)).total


async def _look(session: AsyncSession, account_id: str) -> Look:
    row = (await session.execute(_LOOK, {"account": account_id})).one_or_none()
    if row is None:
        raise ledger.AccountNotOpenError(account_id)
    return _look_of(*row)


def _look_of(
    spendable: int, pending: int, provisional: int, awaited_cents: int, thresholds: Sequence[tuple[int, int]] | None
) -> Look:
    found = Total(
        available=spendable,
        arriving=pending - Money.from_cents(int(awaited_cents)).micros,
        provisional=-provisional,
    )
    watched: defaultdict[int, set[int]] = defaultdict(set)
    for kind, below in thresholds or ():
        watched[kind].add(below)
    return Look(found, watched)


async def open_recharge(session: AsyncSession, account_id: str) -> Recharge | None:
    """The account's automatic recharge in flight: there is at most one (D5)."""
    return await session.scalar(
        select(Recharge)
        .where(col(Recharge.account_id) == account_id, _IN_FLIGHT)
        .execution_options(populate_existing=True)
    )


async def primary(session: AsyncSession, row: AutoRecharge) -> str | None:
    """The method that is charged first: the one named, else the default card; None where there is none."""
    return row.method_id or await default_card(session, row.account_id)


async def default_card(session: AsyncSession, account_id: str) -> str | None:
    """The account's default card, if it can be charged."""
    return await session.scalar(
        select(col(Card.id)).where(
            col(Card.account_id) == account_id,
            col(Card.is_default),
            col(Card.status) == "active",
            col(Card.removal_requested_at).is_(None),
        )
    )


async def tested(session: AsyncSession, account_id: str, *, now: datetime) -> bool:
    """After a change of T or of the settings: watch anew, and wake where T is at or below the minimum. True if woken.

    The level is tested, for a threshold that is new tells nothing of a balance that is below it already.
    """
    seen = await read(session, account_id)
    if seen is None:
        return False
    row = seen.row
    await _watch(session, row, seen)
    ready = row.enabled and row.paused_at is None and seen.account.status == "active"
    if not ready or seen.total.micros > row.minimum_micros:
        return False
    await wake(session, account_id, now=now)
    return True


async def rearm(session: AsyncSession, row: AutoRecharge) -> None:
    """Watch what a crossing must tell now: the minimum, and the balance steps while a card waits for its next try."""
    await _watch(session, row, await _look(session, row.account_id))


async def _watch(session: AsyncSession, row: AutoRecharge, look: Look) -> None:
    minimum: list[int] = []
    steps: list[int] = []
    if row.enabled and row.paused_at is None:
        minimum = [
            watched_minimum(
                row.minimum_micros, arriving_micros=look.total.arriving, provisional_micros=look.total.provisional
            )
        ]  # fmt: skip
        if row.next_attempt_at is not None and await _card_waits(session, row):
            steps = watched_steps(row.minimum_micros)
    for kind, below in ((Threshold.MINIMUM, minimum), (Threshold.STEP, steps)):
        if look.watched.get(kind.value, set()) != set(below):
            await ledger.watch(session, row.account_id, kind, below)


async def _card_waits(session: AsyncSession, row: AutoRecharge) -> bool:
    """Whether it is a card that is tried next: the open recharge's, else the one that is charged first."""
    waiting = await open_recharge(session, row.account_id)
    method = waiting.method_id if waiting is not None else await primary(session, row)
    return method is not None and method.startswith("card_")


async def wake(session: AsyncSession, account_id: str, *, now: datetime) -> str:
    """Write what Temporal must hear: look at this account anew. A hint; the episode reads again under the lock."""
    return await outbox.add(
        session,
        kind="auto_recharge",
        workflow_id=f"auto-recharge/{account_id}",
        arguments={"account_id": account_id},
        now=now,
        account_id=account_id,
    )
