"""A notice to a customer or to the operators, and how each recipient's copy fares."""

from datetime import datetime

from sqlmodel import Field

from models.base import JSON, Record, json_object, timestamp


class Notice(Record, table=True):
    """One thing that somebody would want to know. ``state``: ``pending``, ``sent``, ``failed``, ``superseded``."""

    id: str = Field(primary_key=True)
    account_id: str | None = None
    """Null for a notice to the operators that concerns no account."""
    audience: str
    """``owner`` or ``operators``."""
    kind: str
    cause: str
    """The record or event that caused it; with ``kind`` it is unique, so that nothing is told twice."""
    facts: JSON = json_object()
    """What the templates need; no secrets."""
    state: str = "pending"
    superseded_reason: str | None = None


class NoticeRecipient(Record, table=True):
    """One address of a notice. ``state``: ``pending``, ``sent``, ``failed``, ``superseded``."""

    __tablename__ = "notice_recipient"  # pyright: ignore[reportAssignmentType]

    notice_id: str = Field(primary_key=True)
    email: str = Field(primary_key=True)
    state: str = "pending"
    sent_at: datetime | None = timestamp(nullable=True)
    tries: int = 0
    """How often the mail server was asked to take this copy."""
    last_tried_at: datetime | None = timestamp(nullable=True)
    last_error: str | None = None
    """Why the last try failed, without addresses; None when it did not."""
