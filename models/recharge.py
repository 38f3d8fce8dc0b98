"""A recharge: one PaymentIntent at the processor for life."""

from datetime import date, datetime

from sqlalchemy import BigInteger
from sqlmodel import Field

from models.base import JSON, Record, json_object, json_or_null, timestamp


class Recharge(Record, table=True):
    """``status``: ``processing``, ``requires_action``, ``succeeded``, ``failed``, ``canceled``, ``returned``."""

    account_id: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    kind: str = "manual"
    """``manual``, ``auto`` or ``scheduled``."""
    amount_cents: int = Field(sa_type=BigInteger)
    currency: str = "usd"
    status: str = "processing"
    method_kind: str
    """``card`` or ``bank``: the kind of ``method_id``, a ``card_`` or ``bank_`` id."""
    method_id: str
    payment_intent: str | None = None
    charge: str | None = None
    """The processor's charge that paid; its id keys the credit."""
    idempotency_key: str
    request_digest: str
    return_url: str | None = None
    action_digest: str | None = None
    """SHA-256 of the token in the link that lets the customer finish this payment (rule C4)."""
    action_url: str | None = None
    """The processor's page for the confirm under way."""
    action_expires_at: datetime | None = timestamp(nullable=True)
    expected_on: date | None = None
    expected_why: str | None = None
    failure: JSON | None = json_or_null()
    schedule_month: date | None = None
    """First day of the nominal month of a ``scheduled`` recharge: one for each account and month (E8)."""
    finished_at: datetime | None = timestamp(nullable=True)
    details: JSON = json_object()
