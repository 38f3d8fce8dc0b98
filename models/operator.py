"""Operators' named keys, the audit log of what they did, and the processor account this database belongs to."""

from datetime import datetime

from sqlmodel import Field

from models.base import JSON, Record, json_object, timestamp


class OperatorKey(Record, table=True):
    """A named, hashed, scoped key (requirement I6). Two keys of one name may be valid at a time."""

    __tablename__ = "operator_key"  # pyright: ignore[reportAssignmentType]

    id: str = Field(primary_key=True)
    name: str
    digest: str
    scope: str
    expires_at: datetime | None = timestamp(nullable=True)
    revoked_at: datetime | None = timestamp(nullable=True)


class AuditEntry(Record, table=True):
    """One act of an operator, or an account's act on credentials. Append-only: the application may not change it."""

    __tablename__ = "audit_entry"  # pyright: ignore[reportAssignmentType]

    id: str = Field(primary_key=True)
    actor: str
    action: str
    account_id: str | None = None
    object_id: str | None = None
    request_id: str | None = None
    details: JSON = json_object()


class Deployment(Record, table=True):
    """The processor account and mode to which this database belongs, stored at first start (requirement I7)."""

    only: bool = Field(default=True, primary_key=True)
    processor_account: str
    livemode: bool
