"""Operators' named, scoped keys."""

from datetime import datetime

from sqlmodel import Field

from models.base import Record, timestamp


class OperatorKey(Record, table=True):
    """A named, hashed, scoped key (requirement I6). Two keys of one name may be valid at a time."""

    __tablename__ = "operator_key"  # pyright: ignore[reportAssignmentType]

    id: str = Field(primary_key=True)
    name: str
    digest: str
    scope: str
    expires_at: datetime | None = timestamp(nullable=True)
    revoked_at: datetime | None = timestamp(nullable=True)
