"""A payment schedule: a bank debit on a day of each month."""

from datetime import date, datetime

from sqlalchemy import BigInteger, SmallInteger
from sqlmodel import Field

from models.base import Record, timestamp


class PaymentSchedule(Record, table=True):
    """``enabled`` is false while it is paused; then there is no next debit."""

    __tablename__ = "payment_schedule"  # pyright: ignore[reportAssignmentType]

    account_id: str = Field(primary_key=True)
    enabled: bool
    bank_account_id: str
    day_of_month: int = Field(sa_type=SmallInteger)
    amount_cents: int = Field(sa_type=BigInteger)
    starts_at: datetime = timestamp()
    """Nominal days before it are never debited."""
    new_day_of_month: int | None = Field(default=None, sa_type=SmallInteger)
    new_amount_cents: int | None = Field(default=None, sa_type=BigInteger)
    new_from: datetime | None = timestamp(nullable=True)
    """From then on ``new_day_of_month`` and ``new_amount_cents`` stand (seven days' notice, E13)."""
    next_nominal_on: date | None = None
    """The day of the month that is debited next; its month is the key."""
    next_debit_on: date | None = None
    """The same day, or the next business day."""
    next_amount_cents: int | None = Field(default=None, sa_type=BigInteger)
    skipped_month: date | None = None
    """The latest month in which nothing was debited, until one is."""
    skipped_reason: str | None = None
    updated_at: datetime = timestamp()
