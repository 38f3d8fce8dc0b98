"""The payment schedule: which day of which month is debited next, and by which terms (requirements E7, E8, E13).

A month is named by its first day. Its nominal day is the chosen day, or the month's last where it has no such day; the
debit is made at 09:00 Eastern of that day, or of the next business day. The nominal day alone decides what is past.
"""

import calendar
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from rules.business_days import business_day_on_or_after, eastern, eastern_date

DEBITED_AT = time(9, 0)
NOTICE = timedelta(days=7)
"""Between a change of amount or day and the first debit by it (E13)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is debited on which day of each month."""

    day_of_month: int
    amount_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """New terms, and the moment from which on nominal days are debited by them."""

    terms: Terms
    effective_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Debit:
    """One debit to come: the nominal day, the business day on which it is made, and its amount."""

    nominal_on: date
    debit_on: date
    amount_cents: int

    @property
    def month(self) -> date:
        """The nominal month: the key that admits one debit, whatever is changed when."""
        return self.nominal_on.replace(day=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A schedule: its terms, those that follow them, and the next debit; without one it is paused.

    ``starts_at``: nominal days before it are never debited.
    """

    terms: Terms
    starts_at: datetime
    change: Change | None = None
    next: Debit | None = None

    @property
    def wanted(self) -> Terms:
        """The terms that were asked for last."""
        return self.change.terms if self.change else self.terms


def nominal_day(month: date, day_of_month: int) -> date:
    """The day of the month that begins on ``month``, or its last day where it has no such day."""
    return month.replace(day=min(day_of_month, calendar.monthrange(month.year, month.month)[1]))


def nominal_moment(nominal_on: date) -> datetime:
    """09:00 Eastern of the nominal day: from then on it is past."""
    return eastern(nominal_on, DEBITED_AT)


def latest_due(now: datetime) -> date:
    """The latest day whose debits are due: today in New York from 09:00 on, else yesterday."""
    today = eastern_date(now)
    return today if now >= eastern(today, DEBITED_AT) else today - timedelta(days=1)


def first_debit(terms: Terms, *, after: datetime, not_before: datetime, taken: Collection[date]) -> Debit:
    """The first debit whose nominal day comes after ``after``, not before ``not_before``, in a month not ``taken``."""
    month = eastern_date(max(after, not_before)).replace(day=1)
    while True:
        nominal = nominal_day(month, terms.day_of_month)
        moment = nominal_moment(nominal)
        if moment > after and moment >= not_before and month not in taken:
            return Debit(
                nominal_on=nominal, debit_on=business_day_on_or_after(nominal), amount_cents=terms.amount_cents
            )
        month = _next_month(month)


def begun(terms: Terms, *, enabled: bool, taken: Collection[date], now: datetime) -> Plan:
    """A first set-up: it stands at once."""
    return _planned(Plan(terms=terms, starts_at=now), enabled=enabled, taken=taken, now=now)


def changed(plan: Plan, wanted: Terms, *, enabled: bool, taken: Collection[date], now: datetime) -> Plan:
    """The plan after its owner has asked for ``wanted``, or for a pause or its end.

    Another day or amount stands seven days later. A running schedule is debited by its old terms until then; a debit
    whose nominal day has come is made as it was planned. A paused one has nothing to be debited: when it is resumed, it
    begins with the new terms, and no month is made up for.
    """
    plan = current(plan, now=now)
    if wanted == plan.terms:
        change = None
    elif plan.change is not None and wanted == plan.change.terms:
        change = plan.change
    else:
        change = Change(terms=wanted, effective_at=now + NOTICE)
    runs = plan.next is not None
    if runs and enabled:
        return _planned(replace(plan, change=change), enabled=True, taken=taken, now=now)
    if enabled:
        starts_at = max(plan.starts_at, change.effective_at if change else now)
        return _planned(Plan(terms=wanted, starts_at=starts_at), enabled=True, taken=taken, now=now)
    return paused(replace(plan, change=change))


def current(plan: Plan, *, now: datetime) -> Plan:
    """The plan with its change in force, once its moment has come."""
    if plan.change is None or plan.change.effective_at > now:
        return plan
    return replace(plan, terms=plan.change.terms, change=None)


def advanced(plan: Plan, *, taken: Collection[date], now: datetime) -> Plan:
    """The plan after its next debit was made, or was due and could not be: on to the next nominal day after now."""
    return _planned(paused(current(plan, now=now)), enabled=True, taken=taken, now=now)


def paused(plan: Plan) -> Plan:
    """The plan without a next debit."""
    return replace(plan, next=None)


def is_changed(before: Plan, after: Plan) -> bool:
    """Whether another amount or day was asked for, of which the owner has to be told seven days ahead."""
    return before.wanted != after.wanted


def _planned(plan: Plan, *, enabled: bool, taken: Collection[date], now: datetime) -> Plan:
    if not enabled:
        return paused(plan)
    if plan.next is not None and nominal_moment(plan.next.nominal_on) <= now:
        return plan  # its day has come: it is made as it was planned
    following = first_debit(plan.terms, after=now, not_before=plan.starts_at, taken=taken)
    if plan.change is not None and nominal_moment(following.nominal_on) >= plan.change.effective_at:
        from_then = plan.change.effective_at
        following = first_debit(plan.change.terms, after=now, not_before=from_then, taken=taken)
    return replace(plan, next=following)


def _next_month(month: date) -> date:
    return (month.replace(day=28) + timedelta(days=4)).replace(day=1)
