"""Where events are told by webhook."""

from datetime import datetime

from sqlalchemy import ARRAY, Text
from sqlmodel import Field

from models.base import Record, timestamp


class WebhookEndpoint(Record, table=True):
    """``status``: ``enabled`` or ``disabled``; a deleted one is kept, disabled, for the deliveries that name it."""

    __tablename__ = "webhook_endpoint"  # pyright: ignore[reportAssignmentType]

    id: str = Field(primary_key=True)
    url: str
    events: list[str] = Field(default_factory=lambda: ["*"], sa_type=ARRAY(Text), nullable=False)  # pyright: ignore[reportArgumentType, reportCallIssue]
    """Types that it hears of; ``*`` for all, those to come too."""
    description: str | None = None
    status: str = "enabled"
    disabled_reason: str | None = None
    """``operator``, ``gone`` (it answered 410) or ``deleted``."""
    secret_sealed: bytes
    previous_secret_sealed: bytes | None = None
    """Signs beside the new secret until ``previous_until``."""
    previous_until: datetime | None = timestamp(nullable=True)
    deleted_at: datetime | None = timestamp(nullable=True)
