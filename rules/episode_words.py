"""Why auto-recharge did what it did, in words for its owner."""

from rules.money import Money
from rules.recharge_limits import Limited
from rules.recharge_sizing import Size
from rules.retry_ladder import Confirm
from rules.wording import moment, pause_trouble

NO_METHOD = "There is no card that could be charged."
SOON_ENOUGH = "The method declined a short while ago: it is not asked again before."
RECHARGED = "The recharge has succeeded."
BEGUN_ANEW = "The recharge was given up. The owner has acted meanwhile: it begins again."
_DROPPED = {
    "above_minimum": "The recharge was canceled: the balance is above the minimum again without it.",
    "closed": "The recharge was canceled: the account is closed.",
    "off": "The recharge was canceled: auto-recharge was switched off.",
    "settings_changed": "The recharge was canceled: the settings were changed.",
    "suspended": "The recharge was canceled: the account is suspended.",
}


def charged(decision: Confirm, size: Size, *, total: Money, minimum: Money, amount: Money) -> str:
    """Why so much was charged (D3): T, the minimum, and how many amounts it takes."""
    sentence = f"With what is on its way the balance is ${total}, at or below ${minimum}: "
    charge = f"${Money.from_cents(size.cents)}"
    sentence += f"{charge} is charged." if size.times == 1 else f"{size.times} times ${amount}, {charge}, is charged."
    if not size.enough:
        sentence += " That is the most that may be charged at once; the rest follows."
    return sentence if decision.trigger == "first" else f"{sentence} {decision.why}"


def too_large(most_cents: int) -> str:
    """One amount is more than may be charged at once."""
    return f"One recharge amount is more than may be charged at once, ${Money.from_cents(most_cents)}."


def limited(found: Limited, *, cents: int, timezone: str) -> str:
    """A limit stands in the way (D4)."""
    used, limit = Money.from_cents(found.used_cents), Money.from_cents(found.limit_cents)
    return (
        f"The {found.by} limit is ${limit} and ${used} of it is used: a recharge of ${Money.from_cents(cents)} would go"
        f" over it. It is tried again on {moment(found.until, timezone)}."
    )


def dropped(reason: str | None) -> str:
    """The recharge is not wanted any more."""
    return _DROPPED.get(reason or "", "The recharge was canceled.")


def paused(reason: str | None) -> str:
    """Nothing is left to try, or somebody canceled the recharge."""
    if reason is None:
        return "The recharge was canceled. Nothing is recharged by itself until you act."
    return f"{pause_trouble(reason)} Nothing is left to try: nothing is recharged by itself until you act."
