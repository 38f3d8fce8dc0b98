"""What auto-recharge must hear of: news of money, methods and the account, each in the transaction that makes it true.

Every function but ``crossed`` is a step under the account's lock (``ledger.lock``).
"""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from ledger import Crossing
from models.auto_recharge import AutoRecharge
from models.recharge import Recharge
from rules.auto_recharge import LIFTED, Lifted
from store import auto_story
from store.auto_reading import OPEN, open_recharge
from store.auto_recharge import get, primary, rearm, tested, wake


async def recharge_changed(session: AsyncSession, recharge: Recharge, *, now: datetime) -> None:
    """After a recharge was made, has ended, or counts in arriving no more or again.

    An automatic one only watches anew: the episode that carries it tests T itself. One of the owner's that succeeded
    lifts a pause (D7).
    """
    row = await session.get(AutoRecharge, recharge.account_id)  # as the lock's holder may have read it
    if row is None:
        return
    if recharge.status == "succeeded" and recharge.kind != "scheduled":
        row.episode_from = now
    if recharge.kind == "auto":
        if recharge.status not in OPEN:
            row.next_attempt_at, row.charged_version = None, None
        await rearm(session, row)
    elif recharge.kind == "manual" and recharge.status == "succeeded":
        await lift(session, recharge.account_id, because="recharged_by_owner", now=now)
    else:
        await tested(session, recharge.account_id, now=now)


async def lift(session: AsyncSession, account_id: str, *, because: Lifted, now: datetime) -> None:
    """Lift a pause and test T. A recharge that waits for its next try is woken: its reason may be over.

    What was refused for good before may be asked again, paused or not.
    """
    row = await get(session, account_id)
    if row is None:
        return
    row.refusals_from = now
    session.add(row)
    await session.flush()
    if row.paused_at is not None:
        await auto_story.resume(session, row, why=LIFTED[because], now=now)
    if not await tested(session, account_id, now=now) and row.next_attempt_at is not None:
        await wake(session, account_id, now=now)


async def status_changed(session: AsyncSession, account_id: str, *, now: datetime) -> None:
    """The account was suspended or is active again: T is tested, and an automatic recharge that is open is woken."""
    woken = await tested(session, account_id, now=now)
    if not woken and await open_recharge(session, account_id) is not None:
        await wake(session, account_id, now=now)


async def method_changed(session: AsyncSession, account_id: str, method_id: str, *, now: datetime) -> None:
    """A method was renewed by its network or unblocked: where auto-recharge uses it, a pause is lifted."""
    row = await get(session, account_id)
    if row is not None and method_id in {await primary(session, row), row.backup_method_id}:
        await lift(session, account_id, because="method_changed", now=now)


async def crossed(session: AsyncSession, crossing: Crossing, *, now: datetime) -> None:
    """The effect of reaching the minimum or a balance step: a wake, unless there is nothing to wake."""
    row = await get(session, crossing.account_id)
    if row is not None and row.enabled and row.paused_at is None:
        await wake(session, crossing.account_id, now=now)
