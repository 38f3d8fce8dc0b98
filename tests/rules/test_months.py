"""Months of an account's time zone: where they begin, whatever the clocks do there."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.months import month_of, start_of

ZONES = sorted(available_timezones())


@pytest.mark.parametrize(
    ("timezone", "month", "begins"),
    [
        ("UTC", date(2026, 11, 1), datetime(2026, 11, 1, 0, tzinfo=UTC)),
        # New York changes its clocks on 8 March and on 1 November, two hours after that month began.
        ("America/New_York", date(2026, 3, 1), datetime(2026, 3, 1, 5, tzinfo=UTC)),
        ("America/New_York", date(2026, 4, 1), datetime(2026, 4, 1, 4, tzinfo=UTC)),
        ("America/New_York", date(2026, 11, 1), datetime(2026, 11, 1, 4, tzinfo=UTC)),
        ("America/New_York", date(2026, 12, 1), datetime(2026, 12, 1, 5, tzinfo=UTC)),
        ("Asia/Kolkata", date(2026, 1, 1), datetime(2025, 12, 31, 18, 30, tzinfo=UTC)),
        ("Pacific/Kiritimati", date(2026, 1, 1), datetime(2025, 12, 31, 10, tzinfo=UTC)),
        ("Pacific/Pago_Pago", date(2026, 1, 1), datetime(2026, 1, 1, 11, tzinfo=UTC)),
        # Midnight skipped: clocks in Asuncion went from 00:00 to 01:00 on 1 October 2017.
        ("America/Asuncion", date(2017, 10, 1), datetime(2017, 10, 1, 4, tzinfo=UTC)),
        # Midnight twice: clocks in Havana went back from 01:00 to 00:00 on 1 November 2015.
        ("America/Havana", date(2015, 11, 1), datetime(2015, 11, 1, 4, tzinfo=UTC)),
    ],
)
def test_where_a_month_begins(timezone, month, begins):
    assert start_of(month, timezone) == begins
    assert month_of(begins, timezone) == month
    assert month_of(begins - timedelta(microseconds=1), timezone) < month


@settings(deadline=None)
@given(
    timezone=st.sampled_from(ZONES),
    month=st.dates(date(2000, 1, 1), date(2037, 12, 31)).map(lambda day: day.replace(day=1)),
)
def test_a_month_begins_where_the_one_before_ends(timezone, month):
    begins = start_of(month, timezone)
    assert month_of(begins, timezone) == month
    before = month_of(begins - timedelta(microseconds=1), timezone)
    assert before == (month - timedelta(days=1)).replace(day=1)


@settings(deadline=None)
@given(timezone=st.sampled_from(ZONES), seconds=st.integers(946_684_800, 2_145_916_800))
def test_every_moment_lies_in_its_month(timezone, seconds):
    moment = datetime.fromtimestamp(seconds, UTC)
    month = month_of(moment, timezone)
    following = (month + timedelta(days=31)).replace(day=1)
    assert start_of(month, timezone) <= moment < start_of(following, timezone)


def test_a_moment_without_a_zone_and_a_day_within_a_month_are_refused():
    with pytest.raises(ValueError, match="time zone"):
        month_of(datetime(2026, 11, 24), "UTC")  # noqa: DTZ001 - that it has none is the point
    with pytest.raises(ValueError, match="first day"):
        start_of(date(2026, 11, 2), "UTC")
