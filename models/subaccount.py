"""A subaccount and its Auth Tokens: credentials of their own that spend the main account's money (section F)."""

from datetime import datetime
from typing import Literal

from sqlalchemy import ARRAY, Text
from sqlmodel import Field

from models.base import JSON, Record, json_object, timestamp

Status = Literal["enabled", "disabled", "deleted"]


class Subaccount(Record, table=True):
    """A subaccount. A deleted one stays as a record; it has no tokens any more."""

    account_id: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    name: str
    enabled: bool = False
    disabled_at: datetime | None = timestamp(nullable=True)
    """Since when it is not enabled, None while it is."""
    deleted_at: datetime | None = timestamp(nullable=True)
    sender_ids: list[str] | None = Field(default=None, sa_type=ARRAY(Text), nullable=True)  # pyright: ignore[reportArgumentType, reportCallIssue]
    """Senders that its usage may name: None for any, empty for none (F5)."""
    # ``metadata`` is taken by SQLAlchemy.
    details: JSON = json_object()
    modified_at: datetime | None = timestamp(nullable=True)

    @property
    def status(self) -> Status:
        """What it is: ``deleted`` over ``enabled`` or ``disabled``."""
        if self.deleted_at is not None:
            return "deleted"
        return "enabled" if self.enabled else "disabled"


class SubaccountToken(Record, table=True):
    """HMAC-SHA256 of an Auth Token beside a sealed copy of it; at most two are valid at a time."""

    __tablename__ = "subaccount_token"  # pyright: ignore[reportAssignmentType]

    account_id: str = Field(primary_key=True)
    subaccount_id: str = Field(primary_key=True)
    digest: str = Field(primary_key=True)
    sealed: bytes
    """AES-256-GCM under the sealing key, bound to both ids."""
    expires_at: datetime | None = timestamp(nullable=True)
