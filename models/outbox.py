"""What Temporal must hear, until it has (decision 6)."""

from datetime import datetime

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
