"""What an account's balance is called, and why each part of it is what it is (requirement H3)."""

from typing import Literal

from rules.money import Money

Status = Literal["active", "exhausted", "suspended", "closed"]


def status(*, account_status: str, available: Money) -> Status:
    """``closed``, or ``suspended`` over ``exhausted`` (available at or below zero) over ``active``."""
    if account_status == "closed":
        return "closed"
    if account_status == "suspended":
        return "suspended"
    return "exhausted" if available.micros <= 0 else "active"


def reasons(*, posted: Money, provisional: Money, held: Money, pending_count: int) -> dict[str, str]:
    """A sentence for each part of the balance, with the figures that it is made of."""
    arriving = "No recharge is under way." if not pending_count else f"{pending_count} under way: see pending_items."
    return {
        "posted": "The sum of all final entries: settled recharges, usage, adjustments, refunds and returns.",
        "available": f"posted {posted} + provisional {provisional} - held {held}: what may be spent now.",
        "pending": f"Money of recharges on its way, not spendable. {arriving}",
        "provisional": "The part of pending that may already be spent.",
        "held": "Reserved by holds and by refunds under way.",
        "at_risk": "Withdrawn by a dispute that is undecided; already out of posted.",
    }
