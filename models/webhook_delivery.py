"""How one event fares on its way to one webhook endpoint."""

from datetime import datetime

from sqlmodel import Field

from models.base import Record, timestamp


class WebhookDelivery(Record, table=True):
    """One event for one endpoint. ``state``: ``pending``, ``delivered``, ``failed``."""

    __tablename__ = "webhook_delivery"  # pyright: ignore[reportAssignmentType]

    event_id: str = Field(primary_key=True)
    endpoint_id: str = Field(primary_key=True)
    state: str = "pending"
    round: int = 1
    """Counts the times that it was asked for: 1, and one more for each resend."""
    attempts: int = 0
    last_status: int | None = None
    """The HTTP status of the last answer; null when there was none."""
    last_error: str | None = None
    """Why the last attempt failed: an enumeration of ``rules/webhooks.py``."""
    next_try_at: datetime | None = timestamp(nullable=True)
    delivered_at: datetime | None = timestamp(nullable=True)
