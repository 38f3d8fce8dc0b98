"""The inbox: the processor's events, stored before they are acknowledged and handed on once (decision 5)."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from models.base import JSON
from models.hand_off import Inbox, PollCursor

KEEP_TRYING = timedelta(days=1)
LONGEST_WAIT_SECONDS = 600
_CURSOR = "stripe_events"


async def take_in(session: AsyncSession, payload: JSON, *, now: datetime) -> bool:
    """Store an event under its id; whether it is new. A second delivery changes nothing."""
    written = await session.execute(
        insert(Inbox)
        .values(
            id=payload["id"],
            type=payload["type"],
            occurred_at=datetime.fromtimestamp(payload["created"], UTC),
            object_id=payload["data"]["object"].get("id") or payload["type"],
            payload=payload,
            state="new",
            tries=0,
            next_try_at=now,
            created_at=now,
        )
        .on_conflict_do_nothing()
        .returning(col(Inbox.id))
    )
    return written.first() is not None


async def claim(session: AsyncSession, *, now: datetime, limit: int) -> Sequence[Inbox]:
    """Due events, oldest first, locked until the caller's transaction ends; those another relay holds are skipped."""
    rows = await session.scalars(
        select(Inbox)
        .where(col(Inbox.state) == "new", col(Inbox.next_try_at) <= now)
        .order_by(col(Inbox.next_try_at), col(Inbox.id))
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return rows.all()


def settle(row: Inbox, *, state: str, now: datetime) -> None:
    """The event is dealt with: ``done``, ``kept`` for operators, or ``unmatched`` after a day."""
    row.state, row.handed_at, row.tries = state, now, row.tries + 1


def put_off(row: Inbox, *, now: datetime) -> bool:
    """Look again later, after 1, 2, 4 … seconds, at most ten minutes; False once a day has passed."""
    if now - row.created_at > KEEP_TRYING:
        return False
    row.tries += 1
    row.next_try_at = now + timedelta(seconds=min(2 ** min(row.tries - 1, 12), LONGEST_WAIT_SECONDS))
    return True


async def cursor(session: AsyncSession) -> str | None:
    """The newest event that the poller has read."""
    return await session.scalar(select(col(PollCursor.event_id)).where(col(PollCursor.name) == _CURSOR))


async def move_cursor(session: AsyncSession, event_id: str, *, now: datetime) -> None:
    """Remember how far the poller has read."""
    await session.execute(
        insert(PollCursor)
        .values(name=_CURSOR, event_id=event_id, reads=1, created_at=now)
        .on_conflict_do_update(
            index_elements=[col(PollCursor.name)], set_={"event_id": event_id, "reads": col(PollCursor.reads) + 1}
        )
    )
