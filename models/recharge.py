"""A recharge (one PaymentIntent for life), its numbered attempts, and the timeline shown of it."""

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
    finished_at: datetime | None = timestamp(nullable=True)
    details: JSON = json_object()


class ChargeAttempt(Record, table=True):
    """One numbered confirm of the recharge's PaymentIntent; the row is written before the call."""

    __tablename__ = "charge_attempt"  # pyright: ignore[reportAssignmentType]

    account_id: str = Field(primary_key=True)
    recharge_id: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    method_id: str
    off_session: bool
    outcome: str | None = None
    charge: str | None = None
    """The intent's latest charge after this confirm: what a retry compares with to see that the confirm already ran."""
    failure: JSON | None = json_or_null()


class TimelineEntry(Record, table=True):
    """What happened to a recharge, in words for people; ``created_at`` is shown as ``at``."""

    __tablename__ = "timeline_entry"  # pyright: ignore[reportAssignmentType]

    account_id: str = Field(primary_key=True)
    recharge_id: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    """One entry for each happening, however often its activity runs."""
    what: str
    detail: str | None = None


class Adjustment(Record, table=True):
    """A posting by an operator's hand (requirement H7); ``amount_micros`` alone may be negative."""

    account_id: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    amount_micros: int = Field(sa_type=BigInteger)
    currency: str = "usd"
    kind: str
    reason: str
    actor: str
    idempotency_key: str
    request_digest: str
