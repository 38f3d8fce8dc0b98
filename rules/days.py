"""Calendar days in an account's time zone: what usage is summed by."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def day_of(moment: datetime, timezone: str) -> date:
    """The day that ``moment``, which must be aware, falls in where clocks show ``timezone``."""
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone has no day in another")
    return moment.astimezone(ZoneInfo(timezone)).date()


def starts(first: date, last: date, timezone: str) -> list[datetime]:
    """The UTC moments at which the days from ``first`` to ``last`` begin in ``timezone``, then the end of ``last``.

    A day is as long as the clocks make it: 23 or 25 hours where they change. Where midnight is skipped a day begins
    with the first moment after the gap; where it comes twice, with the first of the two.
    """
    zone = ZoneInfo(timezone)
    count = (last - first).days + 2
    days = (first + timedelta(days=place) for place in range(count))
    return [datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC) for day in days]
