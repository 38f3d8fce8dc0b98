"""An account's balance alerts: what its owner set, and what is recommended."""

from datetime import date, datetime

from sqlalchemy import ARRAY, BigInteger, Text
from sqlmodel import Field

from models.base import Record, timestamp


class BalanceAlerts(Record, table=True):
    """``configured_by`` is ``system`` until the owner first sets thresholds, an empty list too (A4)."""

    __tablename__ = "balance_alerts"  # pyright: ignore[reportAssignmentType]

    account_id: str = Field(primary_key=True)
    configured_by: str = "system"
    thresholds: list[int] = Field(default_factory=list, sa_type=ARRAY(BigInteger), nullable=False)  # pyright: ignore[reportArgumentType, reportCallIssue]
    """The owner's own, in micros; those of the system follow from the recommendation."""
    emails: list[str] = Field(default_factory=list, sa_type=ARRAY(Text), nullable=False)  # pyright: ignore[reportArgumentType, reportCallIssue]
    """Told beside the registered address (A2)."""
    recommended_micros: int | None = Field(default=None, sa_type=BigInteger)
    recommended_on: date | None = None
    """The account's local day on which the recommendation was last worked out."""
    updated_at: datetime = timestamp()
