"""Calendar months in an account's time zone: what monthly budgets count by (requirement F7)."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo


def month_of(moment: datetime, timezone: str) -> date:
    """The first day of the month that ``moment``, which must be aware, falls in where clocks show ``timezone``."""
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone has no month in another")
    return moment.astimezone(ZoneInfo(timezone)).date().replace(day=1)


def start_of(month: date, timezone: str) -> datetime:
    """The UTC moment at which the month that begins on ``month`` begins in ``timezone``.

    Where midnight is skipped that is the first moment after the gap; where it comes twice, the first of the two.
    """
    if month.day != 1:
        raise ValueError("a month is named by its first day")
    return datetime.combine(month, time.min, tzinfo=ZoneInfo(timezone)).astimezone(UTC)
