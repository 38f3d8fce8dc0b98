"""When the answer to an ACH debit is due (requirement E9) and when we ask for it ourselves (E10)."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from rules.business_days import (
    add_business_days,
    eastern,
    eastern_date,
    holiday_name,
    is_business_day,
    next_business_day,
)

BUSINESS_DAYS_TO_ANSWER = 4
CUT_OFF = time(21, 0)


@dataclass(frozen=True, slots=True)
class Expected:
    """The business day on which the processor's answer is expected, and the reason in words."""

    on: date
    why: str


def submission_date(confirmed_at: datetime) -> date:
    """S of rule E9: the Eastern date of the confirm, or the next business day when it is closed or past 21:00."""
    day = eastern_date(confirmed_at)
    if is_business_day(day) and confirmed_at < eastern(day, CUT_OFF):
        return day
    return next_business_day(day)


def expected_on(confirmed_at: datetime) -> Expected:
    """The fourth business day after submission, with the holidays that moved it."""
    submitted = submission_date(confirmed_at)
    due = add_business_days(submitted, BUSINESS_DAYS_TO_ANSWER)
    why = "US bank debits take up to four business days"
    if submitted != eastern_date(confirmed_at):
        why += f"; the banks take this one up on {_spoken(submitted)}"
    closed = [(day, name) for day in _days(eastern_date(confirmed_at), due) if (name := holiday_name(day))]
    for day, name in closed:
        why += f"; {_spoken(day)} is a bank holiday ({name})"
    return Expected(on=due, why=why)


def watchdog_at(due: date) -> datetime:
    """The moment at which we ask the processor ourselves: 21:00 Eastern of the expected day."""
    return eastern(due, CUT_OFF)


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _spoken(day: date) -> str:
    return f"{day:%A} {day.isoformat()}"
