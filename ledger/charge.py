"""A charge of usage as the book is asked for it, and its answer."""

from dataclasses import dataclass
from datetime import date, datetime

from ledger.ids import transaction_id
from rules.chart import Kind
from rules.money import Money

POSTED = "posted"
REPLAYED = "replayed"
CONFLICT = "conflict"
STALE = "stale"


@dataclass(slots=True, kw_only=True)  # not frozen: that would take three times as long to make
class Charge:
    """One charge of usage, and how it was judged before it came here."""

    account_id: str
    reference: str
    amount_micros: int
    kind: Kind = Kind.USAGE
    settled: bool = False
    """It has already happened, so it may take available below zero (rule B4)."""
    subaccount_id: str | None = None
    sender_id: str | None = None
    description: str | None = None
    epoch: int | None = None
    """Of the facts by which it was judged; another one in the book makes the charge `stale`. None: not judged."""
    refusal: str | None = None
    """Why it may not be posted; a reference that is stored already is answered all the same."""
    budget_month: date | None = None
    """First day of the month that a subaccount's budget counts it in; None for the main account."""
    has_budget: bool = False


@dataclass(slots=True)
class Charged:
    """The answer to a charge. `outcome`: posted, replayed, conflict, stale, or the error code of a refusal."""

    account_id: str
    outcome: str
    seq: int
    """Of what was posted, now or before; for a refusal, the account's latest when it was refused."""
    spendable_after: int
    """Available in micros after it was posted; for a refusal, as it stands."""
    posted_at: datetime | None

    @property
    def available(self) -> Money:
        """`spendable_after`."""
        return Money(self.spendable_after)

    @property
    def transaction_id(self) -> str:
        """The `txn_` id of what is posted or was before."""
        if self.outcome not in {POSTED, REPLAYED, CONFLICT}:
            raise ValueError(f"nothing is posted: {self.outcome}")
        return transaction_id(self.account_id, self.seq)
