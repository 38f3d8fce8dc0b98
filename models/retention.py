"""A retention clock: how long an account without money keeps what it has (requirement B2)."""

from datetime import datetime

from sqlalchemy import ARRAY, BigInteger, Integer
from sqlmodel import Field

from models.base import Record, timestamp


class RetentionClock(Record, table=True):
    """It runs until ``ended_at``. ``outcome``: ``canceled`` (money came), ``closed``, ``ended`` (it ran out)."""

    __tablename__ = "retention_clock"  # pyright: ignore[reportAssignmentType]

    account_id: str = Field(primary_key=True)
    seq: int = Field(primary_key=True, sa_type=BigInteger)
    """First transfer of the operation that reached zero."""
    started_at: datetime = timestamp()
    ends_at: datetime = timestamp()
    told: list[int] = Field(default_factory=list, sa_type=ARRAY(Integer), nullable=False)  # pyright: ignore[reportArgumentType, reportCallIssue]
    """Reminders that were given, in days before the end."""
    outcome: str | None = None
    ended_at: datetime | None = timestamp(nullable=True)
