"""The banking clock: the time in which objects are created and money moves.

It starts at wall time, is stored with the data and never goes back. Running, it spreads the 24 hours of each business
day over ``day_seconds`` of wall time and skips every other day; with 0 it stands still until it is moved.
"""

import time as wall
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta

from rules.business_days import add_business_days, eastern, eastern_date, is_business_day, next_business_day
from rules.settlement import submission_date

NOON = time(12, 0)
MIDNIGHT = time(0, 0)
DAY = timedelta(days=1)


class Clock:
    """Banking time, read against the monotonic clock of the process."""

    def __init__(self, *, day_seconds: float, monotonic: Callable[[], float] = wall.monotonic) -> None:
        self.day_seconds = day_seconds
        self._monotonic = monotonic
        self._anchor = datetime.now(UTC)
        self._since = monotonic()

    def restore(self, moment: datetime) -> None:
        """Go on from a stored moment; the time in which the process was down does not count."""
        self._anchor, self._since = moment, self._monotonic()

    def read(self) -> datetime:
        """The banking time now."""
        since = self._monotonic()
        if self.day_seconds > 0:
            passed = DAY * ((since - self._since) / self.day_seconds)
            self._anchor, self._since = travel(self._anchor, passed), since
        return self._anchor

    def set_pace(self, day_seconds: float) -> None:
        """Change how long a business day takes, from now on."""
        self.read()
        self.day_seconds, self._since = day_seconds, self._monotonic()

    def advance(self, to: datetime) -> None:
        """Move ahead to a moment; a moment in the past changes nothing."""
        if to > self.read():
            self.restore(to)

    def wall_seconds_until(self, moment: datetime) -> float | None:
        """How long until a running clock shows ``moment``; None when it stands still."""
        now = self.read()
        if self.day_seconds <= 0:
            return None
        days, day = timedelta(), eastern_date(now)
        last = eastern_date(moment)
        while day < last:
            if is_business_day(day):
                days += eastern(day + DAY, MIDNIGHT) - max(now, eastern(day, MIDNIGHT))
            day += DAY
        if is_business_day(last):
            days += moment - max(now, eastern(last, MIDNIGHT))
        return max(0.0, days / DAY * self.day_seconds)


def travel(start: datetime, passed: timedelta) -> datetime:
    """The moment after ``passed`` of business days' time from ``start``."""
    now = start
    while passed > timedelta():
        day = eastern_date(now)
        if not is_business_day(day):
            now = eastern(next_business_day(day), MIDNIGHT)
            continue
        midnight = eastern(day + DAY, MIDNIGHT)
        if now + passed < midnight:
            return now + passed
        passed -= midnight - now
        now = midnight
    return now


def after_business_days(now: datetime, count: int) -> datetime:
    """Noon of the ``count``-th business day after the day on which a debit confirmed ``now`` is submitted (E9)."""
    return eastern(add_business_days(submission_date(now), count), NOON)
