"""Banking days: the calendar of the Federal Reserve Banks, on which ACH moves.

A holiday that falls on a Saturday leaves the Friday before it open; one on a Sunday closes the Monday after it
(federalreserve.gov, K.8). ``holidays`` carries exactly that calendar as ``XFED`` since 0.109.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays

EASTERN = ZoneInfo("America/New_York")
_SATURDAY = 5


@lru_cache(maxsize=64)
def _closures(year: int) -> dict[date, str]:
    return dict(holidays.financial_holidays("XFED", years=year).items())


def holiday_name(day: date) -> str | None:
    """The Federal Reserve holiday observed on ``day``, if it is one."""
    return _closures(day.year).get(day)


def is_business_day(day: date) -> bool:
    """Whether the Federal Reserve Banks are open on ``day``."""
    return day.weekday() < _SATURDAY and holiday_name(day) is None


def next_business_day(day: date) -> date:
    """The first business day after ``day``."""
    day += timedelta(days=1)
    while not is_business_day(day):
        day += timedelta(days=1)
    return day


def business_day_on_or_after(day: date) -> date:
    """``day`` itself if it is a business day, else the next one."""
    return day if is_business_day(day) else next_business_day(day)


def add_business_days(day: date, count: int) -> date:
    """The ``count``-th business day after ``day``; ``count`` is at least 0, and 0 gives ``day`` unchanged."""
    if count < 0:
        raise ValueError("count of business days must not be negative")
    for _ in range(count):
        day = next_business_day(day)
    return day


def eastern(day: date, at: time) -> datetime:
    """The UTC moment at which clocks in New York show ``at`` on ``day``."""
    return datetime.combine(day, at, tzinfo=EASTERN).astimezone(UTC)


def eastern_date(moment: datetime) -> date:
    """The calendar date in New York at ``moment``, which must be aware."""
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone has no date in New York")
    return moment.astimezone(EASTERN).date()
