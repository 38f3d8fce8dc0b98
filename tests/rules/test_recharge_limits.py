"""D4: calendar day, ISO week and month in the account's zone; a recharge that goes over a limit is declined whole."""

from datetime import UTC, date, datetime, timedelta

import pytest

from rules.recharge_limits import NAMES, Limited, limited, windows

NOW = datetime(2026, 11, 25, 15, tzinfo=UTC)  # a Wednesday
NEW_YORK = "America/New_York"
NOTHING = {"daily": 0, "weekly": 0, "monthly": 0}


def test_the_windows_of_a_moment() -> None:
    found = windows(NOW, NEW_YORK)
    assert [(name, found[name].first) for name in NAMES] == [
        ("daily", date(2026, 11, 25)),
        ("weekly", date(2026, 11, 23)),
        ("monthly", date(2026, 11, 1)),
    ]
    assert found["daily"].opens_at == datetime(2026, 11, 25, 5, tzinfo=UTC)
    assert found["daily"].ends_at == datetime(2026, 11, 26, 5, tzinfo=UTC)
    # The month began in summer time.
    assert found["monthly"].opens_at == datetime(2026, 11, 1, 4, tzinfo=UTC)
    assert found["monthly"].ends_at == datetime(2026, 12, 1, 5, tzinfo=UTC)


@pytest.mark.parametrize("timezone", ["UTC", NEW_YORK, "Asia/Kolkata", "Pacific/Kiritimati", "America/Santiago"])
def test_windows_follow_each_other_without_gap_through_three_years(timezone: str) -> None:
    """Over both changes of the clock, leap day and ISO week 53, also where midnight is skipped."""
    moment, last = datetime(2024, 1, 1, tzinfo=UTC), datetime(2027, 1, 10, tzinfo=UTC)
    ended = {name: window.ends_at for name, window in windows(moment, timezone).items()}
    while moment < last:
        moment += timedelta(hours=1)
        for name, window in windows(moment, timezone).items():
            assert window.opens_at <= moment < window.ends_at
            assert ended[name] in {window.opens_at, window.ends_at}
            ended[name] = window.ends_at


def test_a_week_begins_on_monday_a_year_has_no_say() -> None:
    found = windows(datetime(2027, 1, 1, 12, tzinfo=UTC), "UTC")["weekly"]
    assert found.first == date(2026, 12, 28)
    assert found.ends_at == datetime(2027, 1, 4, tzinfo=UTC)


def test_up_to_the_limit_is_allowed_a_cent_more_is_not() -> None:
    limits = {"daily": 100_00, "weekly": None, "monthly": None}
    at = {"limits": limits, "now": NOW, "timezone": NEW_YORK}
    assert limited(used=NOTHING | {"daily": 75_00}, cents=25_00, **at) is None
    assert limited(used=NOTHING | {"daily": 75_01}, cents=25_00, **at) == Limited(
        by="daily", until=datetime(2026, 11, 26, 5, tzinfo=UTC), first=date(2026, 11, 25), exceeded=("daily",),
        limit_cents=100_00, used_cents=75_01,
    )  # fmt: skip


def test_no_limit_no_question() -> None:
    everything = dict.fromkeys(NAMES, 10**9)
    assert limited(limits={}, used=everything, cents=10**9, now=NOW, timezone="UTC") is None


def test_it_is_tried_when_the_last_of_the_exceeded_windows_opens() -> None:
    limits = {"daily": 50_00, "weekly": 100_00, "monthly": 10_000_00}
    found = limited(
        limits=limits, used={"daily": 50_00, "weekly": 90_00, "monthly": 90_00}, cents=25_00, now=NOW, timezone="UTC"
    )
    assert found is not None
    assert (found.by, found.exceeded) == ("weekly", ("daily", "weekly"))
    assert found.until == datetime(2026, 11, 30, tzinfo=UTC)


def test_a_month_may_end_before_its_week() -> None:
    """Monday 30 November: the month's next window opens on Tuesday, the week's on the Monday after."""
    monday = datetime(2026, 11, 30, 12, tzinfo=UTC)
    limits = {"daily": None, "weekly": 50_00, "monthly": 50_00}
    found = limited(limits=limits, used=dict.fromkeys(NAMES, 50_00), cents=25_00, now=monday, timezone="UTC")
    assert found is not None
    assert (found.by, found.until) == ("weekly", datetime(2026, 12, 7, tzinfo=UTC))


def test_a_recharge_above_a_limit_is_refused_in_an_empty_window_too() -> None:
    """Declined whole, also where a smaller multiple would fit."""
    found = limited(limits={"daily": 60_00}, used=NOTHING, cents=75_00, now=NOW, timezone="UTC")
    assert found is not None
    assert found.until == datetime(2026, 11, 26, tzinfo=UTC)
