"""What waits to be handed on, counted for those who watch: the outbox and the inbox."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

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


async def _count(
    session: AsyncSession, *, model: type[Outbox | Inbox], waits: ColumnElement[bool], now: datetime
) -> Backlog:
    found = await session.execute(
        select(func.count(), func.count().filter(col(model.tries) > 0), func.min(col(model.created_at))).where(waits)
    )
    waiting, put_off, oldest = found.one()
    return Backlog(waiting, put_off, max(int((now - oldest).total_seconds()), 0) if oldest else 0)
