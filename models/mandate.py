"""Proof that the customer authorised debits from a bank account."""

from datetime import datetime

from sqlmodel import Field

from models.base import Record, timestamp


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
