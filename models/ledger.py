"""The ledger's tables: the shape for reading. Only the ledger's functions in the database write them."""

from datetime import date, datetime

from sqlalchemy import BigInteger, DateTime, SmallInteger
from sqlmodel import Field, SQLModel


class LedgerBalance(SQLModel, table=True):
    """One wide row per account: its lock, and credits minus debits of each carried code in micros."""

    __tablename__ = "ledger_balance"  # pyright: ignore[reportAssignmentType]

    account_id: str = Field(primary_key=True)
    spendable: int = Field(default=0, sa_type=BigInteger)
    pending: int = Field(default=0, sa_type=BigInteger)
    provisional: int = Field(default=0, sa_type=BigInteger)
    """Never above zero: minus the credit lent against pending."""
    held: int = Field(default=0, sa_type=BigInteger)
    at_risk: int = Field(default=0, sa_type=BigInteger)
    refund_due: int = Field(default=0, sa_type=BigInteger)
    seq: int = Field(default=0, sa_type=BigInteger)
    """The number of transfers that the account has."""
    next_below: int | None = Field(default=None, sa_type=BigInteger)
    """The nearest watched threshold at or below spendable."""
    next_above: int | None = Field(default=None, sa_type=BigInteger)
    """The nearest watched threshold above spendable, for re-arming."""
    posted_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType, reportCallIssue]
    """Time of the latest transfer; along ``seq`` time never runs back."""
    epoch: int = Field(default=0, sa_type=BigInteger)
    """Counts the changes of what decides who may spend: status, lists, credentials, subaccounts, budgets."""


class LedgerTransfer(SQLModel, table=True):
    """One amount moved from one code to another of one account. The legs of an operation have consecutive ``seq``."""

    __tablename__ = "ledger_transfer"  # pyright: ignore[reportAssignmentType]

    account_id: str = Field(primary_key=True)
    seq: int = Field(primary_key=True, sa_type=BigInteger)
    posted_at: datetime = Field(sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType, reportCallIssue]
    amount: int = Field(sa_type=BigInteger)
    spendable_after: int = Field(sa_type=BigInteger)
    posted_after: int = Field(sa_type=BigInteger)
    leg: int = Field(sa_type=SmallInteger)
    kind: int = Field(sa_type=SmallInteger)
    """A ``rules.chart.Kind``."""
    debit: int = Field(sa_type=SmallInteger)
    """A ``rules.chart.Code``."""
    credit: int = Field(sa_type=SmallInteger)
    key: str | None = None
    """Idempotency key, on leg 0 only."""
    source: str | None = None
    """Id of the record that caused the operation."""
    subaccount_id: str | None = None
    description: str | None = None
    settled: bool = False
    """Usage that had already happened: the only one that may take spendable below zero (rule B4)."""
    sender_id: str | None = None
    """The sender that usage named."""


class LedgerBudget(SQLModel, table=True):
    """A subaccount's monthly budget and what of it is spent, in micros."""

    __tablename__ = "ledger_budget"  # pyright: ignore[reportAssignmentType]

    account_id: str = Field(primary_key=True)
    subaccount_id: str = Field(primary_key=True)
    most: int = Field(sa_type=BigInteger)
    month: date
    """First day of the month, in the account's time zone, that ``spent`` counts."""
    since: int = Field(sa_type=BigInteger)
    """The first ``seq`` of that month."""
    spent: int = Field(sa_type=BigInteger)


class LedgerThreshold(SQLModel, table=True):
    """An amount of available that is watched."""

    __tablename__ = "ledger_threshold"  # pyright: ignore[reportAssignmentType]

    account_id: str = Field(primary_key=True)
    kind: int = Field(primary_key=True, sa_type=SmallInteger)
    """A ``rules.thresholds.Threshold``."""
    below: int = Field(primary_key=True, sa_type=BigInteger)
    """In micros: crossed when spendable was at or above it and is below it."""
    since: int = Field(sa_type=BigInteger)
    """The account's latest ``seq`` when it came to be watched."""


class LedgerCrossing(SQLModel, table=True):
    """A threshold that an operation crossed, and what became of telling it."""

    __tablename__ = "ledger_crossing"  # pyright: ignore[reportAssignmentType]

    account_id: str = Field(primary_key=True)
    seq: int = Field(primary_key=True, sa_type=BigInteger)
    """Of the operation's first transfer."""
    kind: int = Field(primary_key=True, sa_type=SmallInteger)
    """A ``rules.thresholds.Threshold``."""
    below: int = Field(primary_key=True, sa_type=BigInteger)
    rising: bool
    subaccount_id: str | None = None
    """Whose budget was used up."""
    spendable_after: int = Field(sa_type=BigInteger)
    crossed_at: datetime = Field(sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType, reportCallIssue]
    handed_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType, reportCallIssue]
    """When it had its effect."""
    tries: int = 0
    next_try_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType, reportCallIssue]
    last_error: str | None = None
