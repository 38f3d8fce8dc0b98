"""What waits to be handed over: to Temporal (outbox), from the processor (inbox), and answers kept for replays."""

from datetime import datetime

import sqlalchemy
from sqlalchemy import BigInteger
from sqlmodel import Field

from models.base import JSON, Record, json_object, timestamp


class Outbox(Record, table=True):
    """Something Temporal must hear, written in the transaction that made it true (decision 6)."""

    id: str = Field(primary_key=True)
    account_id: str | None = None
    kind: str
    """Which workflow, and whether it is started or signalled: see ``workflows/starting.py``."""
    workflow_id: str
    arguments: JSON = json_object()
    tries: int = 0
    next_try_at: datetime = timestamp()
    handed_at: datetime | None = timestamp(nullable=True)
    last_error: str | None = None


class Inbox(Record, table=True):
    """An event of the processor, stored before it is acknowledged (decision 5); taken in at ``created_at``."""

    id: str = Field(primary_key=True)
    type: str
    occurred_at: datetime = timestamp()
    object_id: str
    payload: JSON = json_object()
    state: str = "new"
    """``new``, ``done``, ``kept`` (told to operators until it can be posted) or ``unmatched``."""
    tries: int = 0
    next_try_at: datetime = timestamp()
    handed_at: datetime | None = timestamp(nullable=True)


class IdempotentAnswer(Record, table=True):
    """The answer first given under an Idempotency-Key, replayed for 30 days (rule C3)."""

    __tablename__ = "idempotent_answer"  # pyright: ignore[reportAssignmentType]

    account_id: str = Field(primary_key=True)
    route: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    request_digest: str
    status: int
    body: JSON | None = Field(default=None, sa_type=sqlalchemy.JSON(none_as_null=True))  # pyright: ignore[reportArgumentType]
    """As it was written, with the order of its members."""


class PollCursor(Record, table=True):
    """How far the events poller has read: the id of the newest event it has seen."""

    __tablename__ = "poll_cursor"  # pyright: ignore[reportAssignmentType]

    name: str = Field(primary_key=True)
    event_id: str
    reads: int = Field(default=0, sa_type=BigInteger)
