"""Who may spend: status before sender list (requirements B1, B4, F4, F5). Budget and balance are decided in the book.

The facts come with the account's epoch. Whoever posts hands it back, and the book refuses a judgement that is stale.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

#: How long after an end (suspended, closed, disabled, deleted) usage that had happened before is still taken (rule B4).
SETTLED_FOR = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubaccountTerms:
    """What decides about a subaccount's spending."""

    enabled: bool
    disabled_at: datetime | None
    deleted_at: datetime | None
    sender_ids: frozenset[str] | None
    """None: any sender may be named; empty: none may."""
    has_budget: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Spender:
    """An account, or with ``subaccount`` one of its subaccounts, as it was at ``epoch``."""

    account_id: str
    epoch: int
    status: str
    status_changed_at: datetime | None
    timezone: str
    sender_ids: frozenset[str] | None
    """The main account's own list; it does not bind its subaccounts."""
    subaccount_id: str | None = None
    subaccount: SubaccountTerms | None = None


def refusal(spender: Spender, *, sender_id: str | None, settled: bool, now: datetime) -> str | None:
    """The error code that says why ``spender`` may not spend, or None. ``settled`` usage ignores lists."""
    terms = spender.subaccount
    if settled:
        ended_at = spender.status_changed_at if spender.status in {"suspended", "closed"} else None
        ends = (ended_at, None if terms is None else terms.deleted_at or terms.disabled_at)
        return "settled_too_late" if any(end is not None and now >= end + SETTLED_FOR for end in ends) else None
    if spender.status == "closed":
        return "account_closed"
    if spender.status == "suspended":
        return "account_suspended"
    if terms is not None and terms.deleted_at is not None:
        return "subaccount_deleted"
    if terms is not None and not terms.enabled:
        return "subaccount_disabled"
    listed = spender.sender_ids if terms is None else terms.sender_ids
    return "sender_not_allowed" if sender_id is not None and listed is not None and sender_id not in listed else None
