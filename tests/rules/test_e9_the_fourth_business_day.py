"""E9: the date on which the answer to a bank debit is expected, against the Federal Reserve's published holidays.

The table is written out by hand from the Federal Reserve's K.8 pages, and the walk below counts over it: neither shares
a line with `rules` or with the library behind it.
"""

from bisect import bisect_left, bisect_right
from datetime import UTC, date, datetime, time, timedelta

import pytest

from rules.business_days import (
    add_business_days,
    business_day_on_or_after,
    eastern,
    eastern_date,
    holiday_name,
    is_business_day,
    next_business_day,
)
from rules.settlement import expected_on, submission_date, watchdog_at

# Weekdays on which the Federal Reserve Banks are closed (federalreserve.gov/aboutthefed/k8.htm). A holiday on a
# Saturday closes no weekday; one on a Sunday closes the Monday after it.
CLOSED = """
2024-01-01 2024-01-15 2024-02-19 2024-05-27 2024-06-19 2024-07-04 2024-09-02 2024-10-14 2024-11-11 2024-11-28 2024-12-25
2025-01-01 2025-01-20 2025-02-17 2025-05-26 2025-06-19 2025-07-04 2025-09-01 2025-10-13 2025-11-11 2025-11-27 2025-12-25
2026-01-01 2026-01-19 2026-02-16 2026-05-25 2026-06-19 2026-09-07 2026-10-12 2026-11-11 2026-11-26 2026-12-25
2027-01-01 2027-01-18 2027-02-15 2027-05-31 2027-07-05 2027-09-06 2027-10-11 2027-11-11 2027-11-25
2028-01-17 2028-02-21 2028-05-29 2028-06-19 2028-07-04 2028-09-04 2028-10-09 2028-11-23 2028-12-25
2029-01-01 2029-01-15 2029-02-19 2029-05-28 2029-06-19 2029-07-04 2029-09-03 2029-10-08 2029-11-12 2029-11-22 2029-12-25
2030-01-01 2030-01-21 2030-02-18 2030-05-27 2030-06-19 2030-07-04 2030-09-02 2030-10-14 2030-11-11 2030-11-28 2030-12-25
"""
CLOSURES = {date.fromisoformat(word) for word in CLOSED.split()}
FIRST, LAST = date(2024, 1, 1), date(2030, 12, 31)
DAYS = [FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 1)]
NEW_YEAR_2031 = date(2031, 1, 1)  # a Wednesday: debits of the last days of 2030 wait over it
OPEN = [
    day
    for day in (FIRST + timedelta(days=n) for n in range(len(DAYS) + 20))
    if day.isoweekday() <= 5 and day not in CLOSURES and day != NEW_YEAR_2031
]


def nth_sunday(year: int, month: int, n: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(7 - first.isoweekday()) % 7 + 7 * (n - 1))


def utc_of_eastern(day: date, at: time) -> datetime:
    """Eastern clock time in UTC by the rule of law: five hours behind, four from March's 2nd to November's 1st Sunday.

    For times of the evening, when a day's change of clocks is past.
    """
    summer = nth_sunday(day.year, 3, 2) <= day < nth_sunday(day.year, 11, 1)
    return datetime.combine(day, at, tzinfo=UTC) + timedelta(hours=4 if summer else 5)


def answer_due(day: date, *, before_cut_off: bool) -> tuple[date, date]:
    """S and the fourth business day after it, by counting in the list of open days."""
    place = bisect_left(OPEN, day) if before_cut_off else bisect_right(OPEN, day)
    return OPEN[place], OPEN[place + 4]


def test_the_table_has_the_72_closures_of_2024_to_2030() -> None:
    assert len(CLOSURES) == len(CLOSED.split()) == 72
    assert all(day.isoweekday() <= 5 for day in CLOSURES)


def test_every_day_is_open_or_closed_as_published() -> None:
    wrong = [day for day in DAYS if is_business_day(day) != (day.isoweekday() <= 5 and day not in CLOSURES)]
    assert wrong == []
    assert [day for day in DAYS if day.isoweekday() <= 5 and bool(holiday_name(day)) != (day in CLOSURES)] == []


@pytest.mark.parametrize("day", ["2026-07-03", "2027-06-18", "2027-12-24", "2027-12-31", "2028-11-10"])
def test_the_friday_before_a_saturday_holiday_is_open(day: str) -> None:
    """The usual federal calendar closes these five; the banks do not."""
    assert is_business_day(date.fromisoformat(day))


@pytest.mark.parametrize(
    ("day", "is_open"),
    [("2027-07-05", False), ("2029-11-12", False), ("2025-01-09", True), ("2026-04-03", True), ("2026-10-12", False)],
    ids=["Monday after a Sunday holiday", "the same", "day of mourning", "Good Friday", "Columbus Day"],
)
def test_days_on_which_other_calendars_are_wrong(day: str, is_open: bool) -> None:
    assert is_business_day(date.fromisoformat(day)) is is_open


def test_every_date_of_seven_years_on_both_sides_of_the_cut_off() -> None:
    assert len(DAYS) == 2557
    wrong: list[str] = []
    for day in DAYS:
        for at, before in ((time(20, 59, 59, 999_999), True), (time(21, 0), False)):
            moment = utc_of_eastern(day, at)
            submitted, due = answer_due(day, before_cut_off=before)
            if (submission_date(moment), expected_on(moment).on) != (submitted, due):
                wrong.append(moment.isoformat())
    assert wrong == []


@pytest.mark.parametrize("at", [time(0, 0), time(9, 30), time(16, 0)])
def test_the_hour_does_not_matter_before_the_cut_off(at: time) -> None:
    day = date(2026, 11, 23)
    assert submission_date(utc_of_eastern(day, at)) == day


def test_the_example_over_thanksgiving() -> None:
    """Saturday 2026-11-21 is taken up on Monday; Thursday is a holiday; the fourth day is Monday the 30th."""
    expected = expected_on(datetime(2026, 11, 21, 15, 0, tzinfo=UTC))
    assert expected.on == date(2026, 11, 30)
    assert expected.why == (
        "US bank debits take up to four business days; the banks take this one up on Monday 2026-11-23; "
        "Thursday 2026-11-26 is a bank holiday (Thanksgiving Day)"
    )


def test_a_plain_week_needs_no_other_reason() -> None:
    expected = expected_on(datetime(2026, 3, 2, 15, 0, tzinfo=UTC))
    assert (expected.on, expected.why) == (date(2026, 3, 6), "US bank debits take up to four business days")


@pytest.mark.parametrize(
    ("moment", "submitted"),
    [
        # Clocks go forward on Sunday 2026-03-08: Friday's cut-off is 02:00 UTC, Monday's 01:00 UTC.
        (datetime(2026, 3, 7, 1, 59, 59, tzinfo=UTC), date(2026, 3, 6)),
        (datetime(2026, 3, 7, 2, 0, tzinfo=UTC), date(2026, 3, 9)),
        (datetime(2026, 3, 8, 6, 59, tzinfo=UTC), date(2026, 3, 9)),
        (datetime(2026, 3, 8, 7, 0, tzinfo=UTC), date(2026, 3, 9)),
        (datetime(2026, 3, 10, 0, 59, 59, tzinfo=UTC), date(2026, 3, 9)),
        (datetime(2026, 3, 10, 1, 0, tzinfo=UTC), date(2026, 3, 10)),
        # Clocks go back on Sunday 2026-11-01: 01:30 comes twice; Friday's cut-off is 01:00 UTC, Monday's 02:00 UTC.
        (datetime(2026, 10, 31, 0, 59, 59, tzinfo=UTC), date(2026, 10, 30)),
        (datetime(2026, 10, 31, 1, 0, tzinfo=UTC), date(2026, 11, 2)),
        (datetime(2026, 11, 1, 5, 30, tzinfo=UTC), date(2026, 11, 2)),
        (datetime(2026, 11, 1, 6, 30, tzinfo=UTC), date(2026, 11, 2)),
        (datetime(2026, 11, 3, 1, 59, 59, tzinfo=UTC), date(2026, 11, 2)),
        (datetime(2026, 11, 3, 2, 0, tzinfo=UTC), date(2026, 11, 3)),
    ],
    ids=lambda value: value.isoformat(),
)
def test_the_cut_off_around_a_change_of_clocks(moment: datetime, submitted: date) -> None:
    assert submission_date(moment) == submitted


def test_the_watchdog_looks_at_nine_in_the_evening_of_new_york() -> None:
    wrong = [day for day in DAYS if watchdog_at(day) != utc_of_eastern(day, time(21, 0))]
    assert wrong == []


def test_the_date_of_new_york_is_not_that_of_greenwich() -> None:
    assert eastern_date(datetime(2026, 1, 1, 4, 59, tzinfo=UTC)) == date(2025, 12, 31)
    assert eastern_date(datetime(2026, 1, 1, 5, 0, tzinfo=UTC)) == date(2026, 1, 1)
    assert eastern(date(2026, 7, 4), time(9, 0)) == datetime(2026, 7, 4, 13, 0, tzinfo=UTC)


def test_steps_by_business_days() -> None:
    friday = date(2026, 7, 3)
    assert next_business_day(friday) == date(2026, 7, 6)
    assert business_day_on_or_after(friday) == friday
    assert business_day_on_or_after(date(2026, 7, 4)) == date(2026, 7, 6)
    assert add_business_days(date(2026, 7, 4), 0) == date(2026, 7, 4)
    assert add_business_days(date(2026, 7, 4), 1) == date(2026, 7, 6)
    with pytest.raises(ValueError, match="negative"):
        add_business_days(friday, -1)


def test_a_moment_without_a_zone_is_refused() -> None:
    naive = datetime(2026, 7, 4, 12, 0)  # noqa: DTZ001 - the very thing that is refused
    with pytest.raises(ValueError, match="time zone"):
        eastern_date(naive)
    with pytest.raises(ValueError, match="time zone"):
        submission_date(naive)
