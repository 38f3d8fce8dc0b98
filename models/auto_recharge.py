"""Auto-recharge of an account: what its owner chose, how it stands, and the story of its decisions."""

from datetime import datetime

from sqlalchemy import BigInteger
from sqlmodel import Field

from models.base import Record, timestamp


class AutoRecharge(Record, table=True):
    """Settings (requirements D1 to D7) and what stands in the way now. No row: never chosen."""

    __tablename__ = "auto_recharge"  # pyright: ignore[reportAssignmentType]

    account_id: str = Field(primary_key=True)
    enabled: bool
    minimum_micros: int = Field(sa_type=BigInteger)
    """T at or below it starts an episode (D2)."""
    amount_cents: int = Field(sa_type=BigInteger)
    method_id: str | None = None
    """None: the account's default card, whichever that is when it is charged."""
    backup_method_id: str | None = None
    daily_cents: int | None = Field(default=None, sa_type=BigInteger)
    weekly_cents: int | None = Field(default=None, sa_type=BigInteger)
    monthly_cents: int | None = Field(default=None, sa_type=BigInteger)
    version: int = 1
    """Counts the changes of the settings above."""
    charged_version: int | None = None
    """The version by which the open automatic recharge was made; another one now means that the settings changed."""
    episode_from: datetime = timestamp()
    """Tries before it belong to an episode that is over: by success, the owner's PUT, or a lifted pause."""
    refusals_from: datetime = timestamp()
    """A method refused for good since then is passed over; moved on where the owner acts or a method is renewed."""
    paused_at: datetime | None = timestamp(nullable=True)
    paused_reason: str | None = None
    """An enumeration: the code of the last decline, or ``canceled``, ``action_expired`` …"""
    next_attempt_at: datetime | None = timestamp(nullable=True)
    """Of the open automatic recharge, while it waits to be tried again."""
    limited_until: datetime | None = timestamp(nullable=True)
    limited_by: str | None = None
    """``daily``, ``weekly`` or ``monthly``."""
    why: str | None = None
    """The latest decision, in words."""
    updated_at: datetime = timestamp()


class AutoRechargeDecision(Record, table=True):
    """One decision, when it was made and why, in words; numbered along the account's story."""

    __tablename__ = "auto_recharge_decision"  # pyright: ignore[reportAssignmentType]

    account_id: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    what: str
    """A ``rules.auto_recharge.Decided``."""
    why: str
    recharge_id: str | None = None
