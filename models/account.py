"""A customer's prepaid account and the digests of its Auth Tokens."""

from datetime import datetime

from sqlalchemy import ARRAY, Text
from sqlmodel import Field

from models.base import JSON, Record, json_object, timestamp


class Account(Record, table=True):
    """A main account. ``status`` is what an operator decided: ``active``, ``suspended`` or ``closed``."""

    id: str = Field(primary_key=True)
    external_id: str | None = None
    name: str
    email: str
    timezone: str
    address: str = ""
    city: str = ""
    state: str = ""
    currency: str = "usd"
    status: str = "active"
    status_reason: str | None = None
    status_changed_at: datetime | None = timestamp(nullable=True)
    sender_ids: list[str] | None = Field(default=None, sa_type=ARRAY(Text), nullable=True)  # pyright: ignore[reportArgumentType, reportCallIssue]
    """Senders that its own usage may name: None for any, empty for none (F5)."""
    customer: str | None = None
    """The processor's customer, once there is one."""
    # ``metadata`` is taken by SQLAlchemy.
    details: JSON = json_object()


class AccountToken(Record, table=True):
    """HMAC-SHA256 of an Auth Token; at most two are valid at a time."""

    __tablename__ = "account_token"  # pyright: ignore[reportAssignmentType]

    account_id: str = Field(primary_key=True)
    digest: str = Field(primary_key=True)
    expires_at: datetime | None = timestamp(nullable=True)
