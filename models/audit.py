"""The audit log of what operators did, and accounts to credentials."""

from sqlmodel import Field

from models.base import JSON, Record, json_object


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
