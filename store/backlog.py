"""What waits to be handed on, counted for those who watch: outbox, inbox and crossings."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from ledger.crossings import waiting
from models.inbox import Inbox
from models.outbox import Outbox


@dataclass(frozen=True, slots=True)
class Backlog:
    """Rows that wait, those of them that were put off at least once, and the age of the oldest in seconds."""

    waiting: int
    put_off: int
    oldest_seconds: int


async def outbox(session: AsyncSession, *, now: datetime) -> Backlog:
    """What Temporal has not heard yet."""
    return await _count(session, model=Outbox, waits=col(Outbox.handed_at).is_(None), now=now)


async def inbox(session: AsyncSession, *, now: datetime) -> Backlog:
    """The processor's events that have not been dealt with yet."""
    return await _count(session, model=Inbox, waits=col(Inbox.state) == "new", now=now)


async def crossings(session: AsyncSession, *, now: datetime) -> Backlog:
    """What was crossed in the ledger and has had no effect yet."""
    count, put_off, oldest = await waiting(session)
    return Backlog(count, put_off, _age(oldest, now))


async def _count(
    session: AsyncSession, *, model: type[Outbox | Inbox], waits: ColumnElement[bool], now: datetime
) -> Backlog:
    found = await session.execute(
        select(func.count(), func.count().filter(col(model.tries) > 0), func.min(col(model.created_at))).where(waits)
    )
    rows, put_off, oldest = found.one()
    return Backlog(rows, put_off, _age(oldest, now))


def _age(oldest: datetime | None, now: datetime) -> int:
    return max(int((now - oldest).total_seconds()), 0) if oldest else 0
