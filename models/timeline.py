"""What happened to a recharge, in words for people."""

from sqlmodel import Field

from models.base import Record


class TimelineEntry(Record, table=True):
    """What happened to a recharge, in words for people; ``created_at`` is shown as ``at``."""

    __tablename__ = "timeline_entry"  # pyright: ignore[reportAssignmentType]

    account_id: str = Field(primary_key=True)
    recharge_id: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    """One entry for each happening, however often its activity runs."""
    what: str
    detail: str | None = None
