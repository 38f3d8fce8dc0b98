"""A card on file: the processor's token and what may be shown of it."""

from datetime import datetime

from sqlmodel import Field

from models.base import JSON, Record, json_or_null, timestamp


class Card(Record, table=True):
    """``status``: ``attaching``, ``active``, ``failed`` (the processor refused it), ``removed``."""

    account_id: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    token: str
    """As given by the caller; the processor's own id of the attached method is ``payment_method``."""
    payment_method: str | None = None
    brand: str | None = None
    last4: str | None = None
    exp_month: int | None = None
    exp_year: int | None = None
    fingerprint: str | None = None
    is_default: bool = False
    status: str = "attaching"
    failure: JSON | None = json_or_null()
    removal_requested_at: datetime | None = timestamp(nullable=True)
    removed_at: datetime | None = timestamp(nullable=True)
