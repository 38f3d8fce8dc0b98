"""What follows zero, at rest: notices, events, and the retention clock with its hand-off (requirements B1, B2).

The crossing is a hint. Under the account's lock the ledger says whether anything is left and since when there is not,
so that crossings handed on late, twice or out of order leave the clock that is right now.
"""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

import ledger
from ledger import Crossing, transaction_id
from models.account import Account
from models.retention import RetentionClock
from rules import retention
from rules.money import CURRENCY, Money
from store import events, notices, outbox


async def crossed(session: AsyncSession, crossing: Crossing, *, days: int, now: datetime) -> None:
    """Tell that available reached zero or rose above it, and set the clock; a new one runs for ``days``."""
    account = await _locked(session, crossing.account_id)
    data = {
        "available": str(Money(crossing.spendable_after)),
        "currency": CURRENCY,
        "crossed_at": crossing.crossed_at,
        "transaction": crossing.transaction_id,
    }
    told = "balance.restored" if crossing.rising else "balance.exhausted"
    await events.add(session, type=told, account_id=account.id, data=data, now=now)
    if not crossing.rising and account.status != "closed":
        await notices.add(
            session,
            account_id=account.id,
            kind="balance_exhausted",
            cause=crossing.transaction_id,
            facts={
                "retention": crossing.transaction_id,
                "balance_micros": crossing.spendable_after,
                "crossed_at": crossing.crossed_at,
                "ends_at": retention.ends(crossing.crossed_at, days=days),
            },
            now=now,
        )
    await _set(session, account, days=days, now=now)


async def look(session: AsyncSession, account_id: str, *, now: datetime) -> tuple[RetentionClock | None, datetime]:
    """Do what is due about an account's clock: remind, cancel, end.

    Gives its newest clock, if it ever had one, and when to look again while that runs.
    """
    account = await _locked(session, account_id)
    running = await running_clock(session, account_id)
    if running is None:
        return await _newest(session, account_id), now
    if await _canceled(session, running, now=now):
        return running, now
    spendable = await _available(session, account_id)
    clock = retention.Clock(
        started_at=running.started_at, ends_at=running.ends_at, told=frozenset(running.told)
    )  # fmt: skip
    step = retention.step(
        clock, account_status=account.status, spendable_micros=spendable.micros, now=now
    )  # fmt: skip
    if step.outcome is not None:
        await _end(session, running, step.outcome, ended_at=now, now=now)
        return running, now
    running.ends_at, running.told = step.ends_at, sorted(step.told)
    session.add(running)
    await session.flush()
    if step.remind is not None:
        await _remind(session, running, days=step.remind, now=now)
    return running, step.look_at or running.ends_at


async def running_clock(session: AsyncSession, account_id: str) -> RetentionClock | None:
    """The account's clock that runs."""
    return await session.scalar(
        select(RetentionClock)
        .where(col(RetentionClock.account_id) == account_id, col(RetentionClock.ended_at).is_(None))
        .execution_options(populate_existing=True)
    )


async def _locked(session: AsyncSession, account_id: str) -> Account:
    await ledger.lock(session, [account_id])
    return await session.get_one(Account, account_id, populate_existing=True)


async def _available(session: AsyncSession, account_id: str) -> Money:
    book = await ledger.balances(session, account_id)
    if book is None:
        raise ledger.AccountNotOpenError(account_id)
    return Money(book.available)


async def _newest(session: AsyncSession, account_id: str) -> RetentionClock | None:
    return await session.scalar(
        select(RetentionClock)
        .where(col(RetentionClock.account_id) == account_id)
        .order_by(col(RetentionClock.seq).desc())
        .limit(1)
    )


async def _set(session: AsyncSession, account: Account, *, days: int, now: datetime) -> None:
    """End the clock that money has stopped, and start the one that is wanted; wake the workflow where one changed."""
    running = await running_clock(session, account.id)
    changed = False
    if running is not None and await _canceled(session, running, now=now):
        running, changed = None, True
    exhaustion = await ledger.exhaustion(session, account.id)
    if running is None and exhaustion is not None and account.status != "closed":
        changed |= await _start(session, account.id, exhaustion, days=days, now=now)
    if changed:
        await outbox.add(
            session,
            kind="retention",
            workflow_id=f"retention/{account.id}",
            arguments={"account_id": account.id},
            now=now,
            account_id=account.id,
        )


async def _start(
    session: AsyncSession, account_id: str, exhaustion: ledger.Exhaustion, *, days: int, now: datetime
) -> bool:
    """Start the clock of this exhaustion, unless it had one."""
    if await session.get(RetentionClock, (account_id, exhaustion.seq)) is not None:
        return False
    clock = RetentionClock(
        account_id=account_id,
        seq=exhaustion.seq,
        started_at=exhaustion.since,
        ends_at=retention.ends(exhaustion.since, days=days),
        created_at=now,
    )
    session.add(clock)
    await session.flush()
    await _tell(session, clock, "account.retention_started", now=now)
    return True


async def _canceled(session: AsyncSession, clock: RetentionClock, *, now: datetime) -> bool:
    """End the clock if available has risen above zero since it started, though it may be below again."""
    risen_at = await ledger.risen_after(session, clock.account_id, clock.seq)
    if risen_at is None:
        return False
    await _end(session, clock, "canceled", ended_at=risen_at, now=now)
    return True


async def _end(
    session: AsyncSession, clock: RetentionClock, outcome: retention.Outcome, *, ended_at: datetime, now: datetime
) -> None:
    clock.outcome, clock.ended_at = outcome, ended_at
    session.add(clock)
    await session.flush()
    if outcome != "ended":
        await _tell(session, clock, "account.retention_canceled", now=now, ended_at=ended_at, reason=outcome)
        return
    await _tell(session, clock, "account.retention_ended", now=now, ended_at=ended_at)
    cause = transaction_id(clock.account_id, clock.seq)
    balance = await _available(session, clock.account_id)
    facts = {
        "retention": cause, "balance_micros": balance.micros, "started_at": clock.started_at, "ended_at": ended_at,
    }  # fmt: skip
    for kind in ("retention_ended", "retention_ended_for_operators"):
        await notices.add(session, account_id=clock.account_id, kind=kind, cause=cause, facts=facts, now=now)


async def _remind(session: AsyncSession, clock: RetentionClock, *, days: int, now: datetime) -> None:
    left = retention.days_left(clock.ends_at, now=now)
    cause = transaction_id(clock.account_id, clock.seq)
    await notices.add(
        session,
        account_id=clock.account_id,
        kind="retention_ending",
        cause=f"{cause}/{days}",
        facts={
            "retention": cause,
            "balance_micros": (await _available(session, clock.account_id)).micros,
            "ends_at": clock.ends_at,
            "days_left": left,
        },
        now=now,
    )
    await _tell(session, clock, "account.retention_ending", now=now, days_left=left)


async def _tell(
    session: AsyncSession, clock: RetentionClock, event_type: str, *, now: datetime, **more: object
) -> None:
    data = {
        "started_at": clock.started_at,
        "ends_at": clock.ends_at,
        "available": str(await _available(session, clock.account_id)),
        "currency": CURRENCY,
    }
    await events.add(session, type=event_type, account_id=clock.account_id, data=data | more, now=now)
