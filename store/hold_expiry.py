"""Holds expire by themselves: at ``expires_at`` they are over, and what they kept is freed soon after (requirement H6).

Each account is a transaction of its own, so that none waits for another's lock.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

import ledger
from models.hold import Hold

BATCH = 100


async def accounts_due(
    session: AsyncSession, *, now: datetime, limit: int = BATCH, without: Collection[str] = ()
) -> Sequence[str]:
    """The accounts of the ``limit`` holds that expired first and still keep their money; none of ``without``."""
    wanted = select(col(Hold.account_id)).where(is_due(now), col(Hold.account_id).not_in(without))
    first = wanted.order_by(col(Hold.expires_at)).limit(limit).subquery()
    return (await session.scalars(select(first.c.account_id).distinct())).all()


async def accounts_due_among(session: AsyncSession, account_ids: set[str], *, now: datetime) -> set[str]:
    """Those of ``account_ids`` of which an expired hold still keeps its money."""
    among = col(Hold.account_id).in_(account_ids)
    return set(await session.scalars(select(col(Hold.account_id)).where(among, is_due(now)).distinct()))


async def expire_due(session: AsyncSession, *, account_id: str, now: datetime, limit: int = BATCH) -> int:
    """Free what up to ``limit`` expired holds of an account still keep; how many were freed.

    Where there are none the account is not locked.
    """
    due = (
        select(col(Hold.id))
        .where(col(Hold.account_id) == account_id, is_due(now))
        .order_by(col(Hold.expires_at))
        .limit(limit)
    )
    if await session.scalar(due.limit(1)) is None:
        return 0
    await ledger.lock(session, [account_id])
    ended = await session.execute(
        update(Hold)
        .where(col(Hold.account_id) == account_id, col(Hold.id).in_(due))
        .values(status="expired", ended_at=col(Hold.expires_at))
        .returning(col(Hold.id), col(Hold.amount_micros), col(Hold.subaccount_id))
        .execution_options(synchronize_session=False)
    )
    freed = [
        ledger.OpenHold(hold_id=hold_id, held_micros=micros, subaccount_id=subaccount_id)
        for hold_id, micros, subaccount_id in ended
    ]
    if freed:
        await ledger.release_all(session, account_id, freed, now=now)
    return len(freed)


async def overdue(session: AsyncSession, *, now: datetime) -> tuple[int, int]:
    """How many expired holds still keep their money, and for how many seconds the first of them has."""
    found = await session.execute(select(func.count(), func.min(col(Hold.expires_at))).where(is_due(now)))
    count, first = found.one()
    return count, int((now - first).total_seconds()) if first else 0


def is_due(now: datetime) -> ColumnElement[bool]:
    """Of a hold: it is over, and nobody has noticed yet."""
    return and_(col(Hold.status) == "open", col(Hold.expires_at) <= now)
