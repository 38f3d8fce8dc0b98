"""Days of an account's time zone: 23, 24 or 25 hours, and none of them twice or never."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.days import day_of, starts

ZONES = sorted(available_timezones())


@pytest.mark.parametrize(
    ("timezone", "day", "begins", "hours"),
    [
        ("UTC", date(2026, 11, 24), datetime(2026, 11, 24, tzinfo=UTC), 24),
        ("America/New_York", date(2026, 3, 8), datetime(2026, 3, 8, 5, tzinfo=UTC), 23),
        ("America/New_York", date(2026, 11, 1), datetime(2026, 11, 1, 4, tzinfo=UTC), 25),
        ("Asia/Kolkata", date(2026, 1, 1), datetime(2025, 12, 31, 18, 30, tzinfo=UTC), 24),
        # Midnight is skipped: clocks in Santiago go from 00:00 to 01:00.
        ("America/Santiago", date(2026, 9, 6), datetime(2026, 9, 6, 4, tzinfo=UTC), 23),
        # 23:00 comes twice: they go back from 24:00.
        ("America/Santiago", date(2026, 4, 4), datetime(2026, 4, 4, 3, tzinfo=UTC), 25),
        # Midnight comes twice: clocks in Havana go back from 01:00 to 00:00.
        ("America/Havana", date(2026, 11, 1), datetime(2026, 11, 1, 4, tzinfo=UTC), 25),
        # Half an hour, on Lord Howe Island.
        ("Australia/Lord_Howe", date(2026, 10, 4), datetime(2026, 10, 3, 13, 30, tzinfo=UTC), 23.5),
        # The day that Samoa left out.
        ("Pacific/Apia", date(2011, 12, 30), datetime(2011, 12, 30, 10, tzinfo=UTC), 0),
    ],
)
def test_a_day_is_as_long_as_its_clocks_make_it(timezone, day, begins, hours):
    assert starts(day, day, timezone) == [begins, begins + timedelta(hours=hours)]


@given(
    st.sampled_from(ZONES), st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.integers(0, 30), st.integers(0, 86_399_999)
)
def test_every_moment_is_between_the_starts_of_its_day(timezone, first, length, milliseconds):
    days = starts(first, first + timedelta(days=length), timezone)
    assert days == sorted(days)
    moment = days[0] + timedelta(milliseconds=milliseconds)
    day = day_of(moment, timezone)
    begin, end = starts(day, day, timezone)
    assert begin <= moment < end


def test_a_moment_without_a_zone_has_no_day():
    with pytest.raises(ValueError, match="time zone"):
        day_of(datetime(2026, 1, 1), "UTC")  # noqa: DTZ001 - that is the point
