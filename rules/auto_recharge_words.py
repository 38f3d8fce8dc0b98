"""What is recommended for auto-recharge, and why it stands as it does, in words."""

from dataclasses import dataclass
from datetime import date, datetime

from rules import alerts
from rules.auto_recharge import State
from rules.business_days import eastern_date
from rules.limits import MINIMUM_RECHARGE
from rules.money import MICROS_PER_DOLLAR, Money
from rules.retry_ladder import MethodKind
from rules.settlement import BUSINESS_DAYS_TO_ANSWER, expected_on

#: Of calendar days that a bank debit takes: four business days have a weekend among them.
FEWEST_BANK_DAYS = 6


@dataclass(frozen=True, slots=True)
class Recommended:
    """Whole dollars; None without usage."""

    minimum: Money | None
    amount: Money | None
    why: str


def recommended(
    daily_micros: int | None, *, on: date | None, method_kind: MethodKind, maximum: Money, now: datetime
) -> Recommended:
    """The minimum that lasts until the money is there, and an amount that lasts as long (C2 bounds both).

    ``daily_micros``: average daily usage in whole dollars (A8), worked out on the day ``on``. A card's money is there
    at once: a day of usage; a bank debit's after four business days, as many calendar days as they take from now.
    """
    if daily_micros is None:
        return Recommended(None, None, alerts.why(None, on))
    if method_kind == "card":
        days = 1
        reason = "A card's money is there at once: a day of usage is enough."
    else:
        days = max(FEWEST_BANK_DAYS, (expected_on(now).on - eastern_date(now)).days)
        reason = (
            f"A bank debit takes {BUSINESS_DAYS_TO_ANSWER} business days, {days} calendar days from today: the balance"
            " must last as long."
        )
    most = maximum.micros // MICROS_PER_DOLLAR * MICROS_PER_DOLLAR
    lasting = min(daily_micros * days, most)
    amount = max(lasting, MINIMUM_RECHARGE.micros)
    return Recommended(
        Money(lasting), Money(amount), f"{reason} Average daily usage is ${Money(daily_micros)}."
    )  # fmt: skip


def why(
    state: State, *, chosen: bool, latest: str | None, account_status: str, total: Money, minimum: Money, amount: Money
) -> str:
    """Why auto-recharge is in its state; ``latest`` is the latest decision in words."""
    if not chosen:
        return "Off until a minimum and an amount are chosen."
    if state == "watching" and account_status != "active":
        return f"The account is {account_status}: nothing is recharged until it is active."
    if state == "watching":
        return (
            f"${amount} is recharged when the balance, with what is on its way, is at or below ${minimum}; it is"
            f" ${total} now."
        )
    return latest or ""
