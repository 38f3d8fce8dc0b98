"""The inbox: the processor's events, stored before they are acknowledged and handed on once (decision 5)."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel, col

from models.base import JSON
from models.inbox import Inbox, PollCursor

KEEP_TRYING = timedelta(days=1)
LONGEST_WAIT_SECONDS = 600
_CURSOR = "stripe_events"
_table = SQLModel.metadata.tables["inbox"]
# Built once: it is executed for every delivery.
_TAKE_IN = insert(_table).on_conflict_do_nothing().returning(_table.c.id)


class UnreadableEventError(ValueError):
    """What was to be stored lacks what makes it an event, or holds what Postgres cannot keep."""


async def take_in(session: AsyncSession, payload: JSON, *, now: datetime) -> bool:
    """Store an event under its id; whether it is new. A second delivery changes nothing.

    Raises UnreadableEventError, with nothing done to the transaction.
    """
    row = {"payload": payload, "state": "new", "tries": 0, "next_try_at": now, "created_at": now}
    written = await session.execute(_TAKE_IN, _columns(payload) | row)
    return written.first() is not None


def _columns(payload: JSON) -> dict[str, Any]:
    try:
        # Neither U+0000 nor half of a surrogate pair is text to Postgres.
        if "\\u0000" in json.dumps(payload, ensure_ascii=False).encode().decode():
            raise UnreadableEventError("U+0000")
        return {
            "id": payload["id"],
            "type": payload["type"],
            "occurred_at": datetime.fromtimestamp(payload["created"], UTC),
            "object_id": payload["data"]["object"].get("id") or payload["type"],
        }
    except (LookupError, TypeError, AttributeError, ValueError, OverflowError, OSError) as error:
        raise UnreadableEventError(type(error).__name__) from error


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


def put_off(row: Inbox, *, now: datetime, longest_seconds: int = LONGEST_WAIT_SECONDS) -> None:
    """Look again later, after 1, 2, 4 … seconds, at most ``longest_seconds``."""
    row.tries += 1
    row.next_try_at = now + timedelta(seconds=min(2 ** min(row.tries - 1, 12), longest_seconds))


def waited_enough(row: Inbox, *, now: datetime) -> bool:
    """Whether an event that matches nothing has been kept for a day."""
    return now - row.created_at > KEEP_TRYING


async def cursor(session: AsyncSession) -> str | None:
    """The newest event that the poller has read; ``""`` when there was none yet, None before the first look."""
    return await session.scalar(select(col(PollCursor.event_id)).where(col(PollCursor.name) == _CURSOR))


async def move_cursor(session: AsyncSession, event_id: str, *, now: datetime) -> None:
    """Remember how far the poller has read; ``""``: everything there is, and that is nothing."""
    await session.execute(
        insert(PollCursor)
        .values(name=_CURSOR, event_id=event_id, reads=1, created_at=now)
        .on_conflict_do_update(
            index_elements=[col(PollCursor.name)], set_={"event_id": event_id, "reads": col(PollCursor.reads) + 1}
        )
    )
