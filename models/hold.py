"""A hold: money of an account that is reserved for usage that is about to happen (requirement H6)."""

from datetime import datetime

from sqlalchemy import BigInteger
from sqlmodel import Field

from models.base import Record, timestamp


class Hold(Record, table=True):
    """``status``: ``open``, ``captured``, ``released``, ``expired``; one that is due may still be ``open`` here."""

    account_id: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    subaccount_id: str | None = None
    reference: str
    amount_micros: int = Field(sa_type=BigInteger)
    expires_in: int
    """Seconds, as asked for: part of what a replay is compared with."""
    sender_id: str | None = None
    description: str | None = None
    status: str = "open"
    captured_micros: int | None = Field(default=None, sa_type=BigInteger)
    """What the capture charged; above the hold's amount only when it was settled."""
    capture_settled: bool = False
    expires_at: datetime = timestamp()
    ended_at: datetime | None = timestamp(nullable=True)
    """When it was captured or released; of an expired one the moment at which it expired, whenever that was noticed."""
