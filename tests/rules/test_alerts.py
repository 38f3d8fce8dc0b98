"""Balance alerts: average daily usage (A8), the system's set (A4), and what is watched (A1, A7)."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules import alerts
from rules.alerts import FullDays

DOLLAR = 1_000_000
NOW = datetime(2026, 11, 24, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (timedelta(days=400), FullDays(date(2026, 10, 25), date(2026, 11, 23))),
        (timedelta(days=30), FullDays(date(2026, 10, 26), date(2026, 11, 23))),  # its first day was not a full one
        (timedelta(days=3), FullDays(date(2026, 11, 22), date(2026, 11, 23))),
        (timedelta(days=1, hours=15), FullDays(date(2026, 11, 23), date(2026, 11, 23))),  # opened at midnight
        (timedelta(days=1, hours=14), None),
        (timedelta(hours=1), None),
        (timedelta(), None),
    ],
)
def test_thirty_full_days_or_those_that_a_younger_account_has(age, expected):
    assert alerts.full_days(created_at=NOW - age, timezone="UTC", now=NOW) == expected
    assert expected is None or expected.count <= 30


def test_days_are_those_of_the_accounts_zone():
    late = datetime(2026, 11, 24, 4, 30, tzinfo=UTC)  # still the 23rd in New York
    days = alerts.full_days(created_at=late - timedelta(days=90), timezone="America/New_York", now=late)
    assert days == FullDays(date(2026, 10, 24), date(2026, 11, 22))


@given(
    st.integers(0, 10 * 365 * 24 * 60).map(
        lambda minutes: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    ),
    st.integers(0, 100 * 24),
    st.sampled_from(["UTC", "America/New_York", "Pacific/Kiritimati", "America/Havana", "Asia/Gaza"]),
)
def test_no_day_counts_that_is_not_over_or_began_before_the_account(now, hours, zone):
    created_at = now - timedelta(hours=hours)
    days = alerts.full_days(created_at=created_at, timezone=zone, now=now)
    if days is None:
        assert hours < 2 * 25
        return
    assert 1 <= days.count <= alerts.DAYS
    begins, *_, ends = alerts.starts(days.first, days.last, zone)
    assert created_at <= begins
    assert ends <= now < ends + timedelta(hours=25)


@pytest.mark.parametrize(
    ("used", "days", "expected"),
    [
        (0, 30, None),
        (1, 30, 1),
        (30 * DOLLAR, 30, 1),
        (30 * DOLLAR + 1, 30, 2),
        (19 * DOLLAR, 1, 19),
        (7 * 100 * DOLLAR - 1, 7, 100),
        (5 * DOLLAR, 0, None),
    ],
)
def test_the_average_is_rounded_up_to_whole_dollars(used, days, expected):
    assert alerts.recommended(used, days) == (None if expected is None else expected * DOLLAR)


def test_the_systems_set_has_the_recommendation_once_there_is_one():
    assert alerts.settings("system", [], None) == (100 * DOLLAR, 10 * DOLLAR)
    assert alerts.settings("system", [], 19 * DOLLAR) == (100 * DOLLAR, 19 * DOLLAR, 10 * DOLLAR)
    assert alerts.settings("system", [], 100 * DOLLAR) == (100 * DOLLAR, 10 * DOLLAR)
    assert alerts.settings("owner", [], 19 * DOLLAR) == ()
    assert alerts.settings("owner", [3, 500, 7], 19 * DOLLAR) == (3, 500, 7)


def test_what_is_built_in_and_set_is_watched_once():
    assert alerts.watched([100 * DOLLAR, 42 * DOLLAR]) == tuple(n * DOLLAR for n in (250, 100, 42, 10))
    assert alerts.watched([]) == alerts.BUILT_IN


def test_the_recommendation_is_always_put_in_words():
    assert "from the first full day on" in alerts.why(None, None)
    assert "no usage yet" in alerts.why(None, date(2026, 11, 24))
    assert alerts.why(19 * DOLLAR, date(2026, 11, 24)).startswith("$19.00 is the average daily usage")
