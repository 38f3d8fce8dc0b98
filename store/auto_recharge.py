"""Auto-recharge at rest: the owner's settings, T, and the wakes that every change of either writes (requirement D2).

What changes anything is a step under the account's lock (``ledger.lock``).
"""

from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

import ledger
from models.auto_recharge import AutoRecharge
from models.card import Card
from rules.auto_recharge import LIFTED, watched_minimum, watched_steps
from rules.thresholds import Threshold
from store import auto_story, outbox
from store.auto_reading import Look, look, open_recharge, read

_GET = (
    select(AutoRecharge)
    .where(col(AutoRecharge.account_id) == bindparam("account"))
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


async def get(session: AsyncSession, account_id: str) -> AutoRecharge | None:
    """The settings and how they stand, read anew; None where they were never chosen."""
    return await session.scalar(_GET, {"account": account_id})


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
    await _watch(session, row, await look(session, row.account_id))


async def _watch(session: AsyncSession, row: AutoRecharge, found: Look) -> None:
    minimum: list[int] = []
    steps: list[int] = []
    if row.enabled and row.paused_at is None:
        minimum = [
            watched_minimum(
                row.minimum_micros, arriving_micros=found.total.arriving, provisional_micros=found.total.provisional
            )
        ]  # fmt: skip
        if row.next_attempt_at is not None and await _card_waits(session, row):
            steps = watched_steps(row.minimum_micros)
    for kind, below in ((Threshold.MINIMUM, minimum), (Threshold.STEP, steps)):
        if found.watched.get(kind.value, set()) != set(below):
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
