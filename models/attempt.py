"""One numbered confirm of a recharge's PaymentIntent."""

from datetime import datetime

from sqlalchemy import SmallInteger
from sqlmodel import Field

from models.base import JSON, Record, json_or_null, timestamp


class ChargeAttempt(Record, table=True):
    """One numbered confirm of the recharge's PaymentIntent; the row is written before the call."""

    __tablename__ = "charge_attempt"  # pyright: ignore[reportAssignmentType]

    account_id: str = Field(primary_key=True)
    recharge_id: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    method_id: str
    off_session: bool
    trigger: str = "first"
    """What led to it: ``first``, ``rung``, ``step``, ``backup`` (rules D6, D7) or ``customer``."""
    step_percent: int | None = Field(default=None, sa_type=SmallInteger)
    """The lowest balance step, in percent of the minimum, that available had reached when it was made."""
    outcome: str | None = None
    charge: str | None = None
    """The intent's latest charge after this confirm: what a retry compares with to see that the confirm already ran."""
    failure: JSON | None = json_or_null()
    ended_at: datetime | None = timestamp(nullable=True)
    """When its outcome was known: a wait is counted from here."""
