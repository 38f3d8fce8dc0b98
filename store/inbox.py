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
_KEPT = (
    *("id", "object", "status", "reason", "currency", "amount", "amount_refunded", "payment_intent", "payment_method"),
    *("charge", "setup_intent", "mandate", "customer", "balance_transaction"),
)
#: What we give our payments and set-ups at the processor, so that they are known before their ids are stored.
_OURS = ("account", "recharge", "bank_account")
_table = SQLModel.metadata.tables["inbox"]
# Built once: it is executed for every delivery.
_TAKE_IN = insert(_table).on_conflict_do_nothing().returning(_table.c.id)


class UnreadableEventError(ValueError):
    """What was to be stored lacks what makes it an event, or holds what Postgres cannot keep."""


async def take_in(session: AsyncSession, payload: JSON, *, now: datetime) -> bool:
    """Store an event under its id; whether it is new. A second delivery changes nothing.

    Of its object ids, amounts and enumerations are kept alone: names, addresses, routing numbers and links that it may
    quote are nothing that we need (requirements E13, I5), for whoever acts on it fetches the object anew.

    Raises UnreadableEventError, with nothing done to the transaction.
    """
    row = {"state": "new", "tries": 0, "next_try_at": now, "created_at": now}
    written = await session.execute(_TAKE_IN, _columns(payload) | row)
    return written.first() is not None


def _columns(payload: JSON) -> dict[str, Any]:
    try:
        subject = payload["data"]["object"]
        columns = {
            "id": payload["id"],
            "type": payload["type"],
            "occurred_at": datetime.fromtimestamp(payload["created"], UTC),
            "object_id": subject.get("id") or payload["type"],
            "payload": {"data": {"object": _needed(subject)}},
        }
        # Neither U+0000 nor half of a surrogate pair is text to Postgres.
        if "\\u0000" in json.dumps(columns, ensure_ascii=False, default=str).encode().decode():
            raise UnreadableEventError("U+0000")
    except (LookupError, TypeError, AttributeError, ValueError, OverflowError, OSError) as error:
        raise UnreadableEventError(type(error).__name__) from error
    return columns


def _needed(subject: JSON) -> JSON:
    kept = {name: subject[name] for name in _KEPT if isinstance(subject.get(name), str | int)}
    hints: JSON = subject.get("metadata") or {}
    return kept | {"metadata": {name: hints[name] for name in _OURS if name in hints}}


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
