"""A US bank account."""

from datetime import date, datetime

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
