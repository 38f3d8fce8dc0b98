"""What the processor told us, until it has been looked into (decision 5), and how far its list was read."""

from datetime import datetime

from sqlalchemy import BigInteger
from sqlmodel import Field

from models.base import JSON, Record, json_object, timestamp


class Inbox(Record, table=True):
    """An event of the processor, stored before it is acknowledged (decision 5); taken in at ``created_at``."""

    id: str = Field(primary_key=True)
    type: str
    occurred_at: datetime = timestamp()
    object_id: str
    payload: JSON = json_object()
    """``data.object`` as far as it is needed: ids, amounts, enumerations."""
    state: str = "new"
    """``new``, ``done``, ``kept`` (told to operators until it can be posted) or ``unmatched``."""
    tries: int = 0
    next_try_at: datetime = timestamp()
    handed_at: datetime | None = timestamp(nullable=True)


class PollCursor(Record, table=True):
    """How far the events poller has read: the id of the newest event it has seen."""

    __tablename__ = "poll_cursor"  # pyright: ignore[reportAssignmentType]

    name: str = Field(primary_key=True)
    event_id: str
    reads: int = Field(default=0, sa_type=BigInteger)
