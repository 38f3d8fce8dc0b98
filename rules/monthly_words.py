"""The payment schedule in words: when the next debit is made and why then, and why one was not made."""

from datetime import date, datetime

from rules import wording
from rules.business_days import eastern_date, holiday_name
from rules.monthly import Debit, Plan, nominal_moment

#: Why a debit is not made, as a part of a sentence.
REASONS = {
    "account_closed": "the account is closed",
    "account_suspended": "the account is suspended",
    "amount_above_mandate": "the amount is above what the authorization for debits allows",
    "amount_above_maximum": "the amount is above the largest recharge that is taken",
    "amount_below_minimum": "the amount is below the smallest recharge that is taken",
    "method_blocked": "the bank account is blocked",
    "method_not_verified": "the bank account is not verified",
    "method_removed": "the bank account was removed",
    "method_without_mandate": "the authorization for debits from the bank account is not in force any more",
}


def trouble(reason: str) -> str:
    """Why a debit was not made, as a part of a sentence."""
    return REASONS.get(reason, "the bank account cannot be debited")


def month_name(month: date) -> str:
    """``December 2026``."""
    return f"{month:%B %Y}"


def why(
    plan: Plan | None, *, now: datetime, skipped: tuple[date, str] | None = None, against: str | None = None
) -> str:
    """When the next debit is made and by which rule.

    ``skipped`` is a month without a debit and its reason, ``against`` the reason that stands against the next one now.
    """
    if plan is None:
        return "There is no payment schedule."
    paused = "The payment schedule is paused: nothing is debited."
    said = [paused if plan.next is None else _of_next(plan, plan.next, now=now)]
    if against is not None and plan.next is not None:
        said.append(f"As things stand nothing would be debited: {trouble(against)}.")
    if skipped is not None:
        month, reason = skipped
        said.append(f"Nothing was debited for {month_name(month)}: {trouble(reason)}.")
    if plan.change is not None:
        terms = plan.change.terms
        said.append(
            f"{wording.dollars(terms.amount_cents)} on day {terms.day_of_month} was asked for; that stands for days of"
            f" the month from {wording.moment(plan.change.effective_at, 'America/New_York')} on, seven days after"
            " it was asked for."
        )
    elif plan.next is not None and plan.starts_at > now:
        said.append(
            "The amount or the day was changed: the first debit by it is not made before"
            f" {wording.day(eastern_date(plan.starts_at))}."
        )
    return " ".join(said)


def _of_next(plan: Plan, debit: Debit, *, now: datetime) -> str:
    by_change = plan.change is not None and nominal_moment(debit.nominal_on) >= plan.change.effective_at
    day_of_month = (plan.wanted if by_change else plan.terms).day_of_month
    said = f"The debit for {month_name(debit.month)} is made on {wording.day(debit.debit_on)}, at 09:00 Eastern."
    if day_of_month > debit.nominal_on.day:
        said += f" That month has no day {day_of_month}: its last day counts."
    if debit.debit_on != debit.nominal_on:
        said += f" {wording.day(debit.nominal_on)} is {_closed(debit.nominal_on)}: it waits for the next business day."
    if debit.debit_on < eastern_date(now):
        said += " It is late, and is made once."
    return said


def _closed(day: date) -> str:
    name = holiday_name(day)
    return f"a bank holiday ({name})" if name else "no business day"
