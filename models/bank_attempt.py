"""A code or two amounts that a customer entered."""

from datetime import datetime

from sqlalchemy import LargeBinary
from sqlmodel import Field

from models.base import Record, timestamp


class BankAttempt(Record, table=True):
    """One code or pair of amounts that the customer entered; the sealed value is erased when it is answered."""

    __tablename__ = "bank_attempt"  # pyright: ignore[reportAssignmentType]

    account_id: str = Field(primary_key=True)
    bank_account_id: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    sealed: bytes | None = Field(default=None, sa_type=LargeBinary)
    digest: str
    """Keyed hash of the value: the same code while the newest row is unanswered is the same attempt."""
    answer: str | None = None
    answered_at: datetime | None = timestamp(nullable=True)
    told_at: datetime | None = timestamp(nullable=True)
    """When the answer was given to whoever asked; until then the same value is the same attempt."""
