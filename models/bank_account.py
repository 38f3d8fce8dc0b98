"""A US bank account, the codes tried on it, and the mandate that authorises its debits."""

from datetime import date, datetime

from sqlalchemy import LargeBinary
from sqlmodel import Field

from models.base import JSON, Record, json_or_null, timestamp


class BankAccount(Record, table=True):
    """A US bank account.

    ``status``: ``verification_pending``, ``verified``, ``verification_failed``, ``expired``, ``blocked``, ``removed``.
    """

    __tablename__ = "bank_account"  # pyright: ignore[reportAssignmentType]

    account_id: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    token: str
    payment_method: str | None = None
    setup_intent: str | None = None
    bank_name: str | None = None
    last4: str | None = None
    routing_last4: str | None = None
    holder_name: str | None = None
    fingerprint: str | None = None
    status: str = "verification_pending"
    status_reason: str | None = None
    """Why it is blocked, failed or removed: an enumeration, the processor's word where it has one."""
    failure: JSON | None = json_or_null()
    microdeposit_type: str | None = None
    """``descriptor_code`` or ``amounts``; null until the processor has sent the deposit."""
    attempts_allowed: int = 5
    attempts_failed: int = 0
    deposit_expected_on: date | None = None
    expires_at: datetime | None = timestamp(nullable=True)
    verified_at: datetime | None = timestamp(nullable=True)
    removal_requested_at: datetime | None = timestamp(nullable=True)
    removed_at: datetime | None = timestamp(nullable=True)


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


class Mandate(Record, table=True):
    """Proof of authorisation (requirement E13), kept for two years after it ended."""

    account_id: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    bank_account_id: str
    processor_mandate: str | None = None
    status: str = "pending"
    """``pending``, ``active`` or ``inactive``, as the processor says."""
    accepted_at: datetime = timestamp()
    ip_address: str
    user_agent: str
    text_version: str
    amount_rule: str
    ended_at: datetime | None = timestamp(nullable=True)
    ended_reason: str | None = None
