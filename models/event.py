"""Something that a platform acts on, as it is told to its webhook endpoints."""

from sqlmodel import Field

from models.base import JSON, Record, json_object


class Event(Record, table=True):
    """``type`` is one of ``rules/events.py``; it happened at ``created_at``."""

    id: str = Field(primary_key=True)
    account_id: str | None = None
    type: str
    data: JSON = json_object()
    """Ids, amounts as decimal strings of dollars, dates, enumerations; no secrets."""
