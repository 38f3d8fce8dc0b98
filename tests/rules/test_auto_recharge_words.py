"""What is recommended for auto-recharge, what is watched for it, and how it stands, in words."""

from datetime import UTC, date, datetime, timedelta
from itertools import product

import pytest

from rules.auto_recharge import state, watched_minimum, watched_steps
from rules.auto_recharge_words import recommended, why
from rules.business_days import eastern_date
from rules.money import Money
from rules.settlement import expected_on

DOLLAR = 1_000_000
NOW = datetime(2026, 11, 24, 15, tzinfo=UTC)
TEN_THOUSAND = Money(10_000 * DOLLAR)


def advise(daily, kind, *, now=NOW, maximum=TEN_THOUSAND):
    found = recommended(daily * DOLLAR, on=date(2026, 11, 24), method_kind=kind, maximum=maximum, now=now)
    return str(found.minimum), str(found.amount), found.why


@pytest.mark.parametrize(
    ("daily", "kind", "minimum", "amount"),
    [
        (19, "card", "19.00", "25.00"),
        (25, "card", "25.00", "25.00"),
        (300, "card", "300.00", "300.00"),
        (20_000, "card", "10000.00", "10000.00"),
        (1, "bank", "7.00", "25.00"),
        (19, "bank", "133.00", "133.00"),
        (5_000, "bank", "10000.00", "10000.00"),
    ],
)
def test_a_day_by_card_and_as_long_as_a_debit_takes_by_bank(daily, kind, minimum, amount):
    assert advise(daily, kind)[:2] == (minimum, amount)


def test_without_usage_nothing_is_recommended_and_it_says_so():
    found = recommended(None, on=date(2026, 11, 24), method_kind="bank", maximum=TEN_THOUSAND, now=NOW)
    assert (found.minimum, found.amount) == (None, None)
    assert "no usage yet" in found.why


def test_a_bound_that_is_no_whole_dollar_is_not_passed():
    assert advise(200, "card", maximum=Money(150 * DOLLAR + 1))[:2] == ("150.00", "150.00")


def test_the_reason_names_the_usage_and_the_days():
    assert "A day" not in advise(19, "card")[2]
    assert advise(19, "card")[2].endswith("Average daily usage is $19.00.")
    assert "4 business days, 7 calendar days from today" in advise(19, "bank")[2]


def test_by_bank_it_lasts_until_the_answer_on_whichever_day_of_seven_years():
    for hours in range(0, 24 * 365 * 7, 31):
        now = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=hours)
        days = int(advise(1, "bank", now=now)[0].split(".")[0])
        answer = (expected_on(now).on - eastern_date(now)).days
        assert days == max(6, answer), now
        assert days <= 10, now


@pytest.mark.parametrize(
    ("arriving", "provisional", "watched"), [(0, 0, 20), (30, 0, -10), (30, 10, 0), (30, 30, 20)]
)  # fmt: skip
def test_the_minimum_is_watched_where_the_total_reaches_it(arriving, provisional, watched):
    """T = available + arriving - provisional; a crossing is told of what is below, so that "at" is one micro more."""
    found = watched_minimum(
        20 * DOLLAR, arriving_micros=arriving * DOLLAR, provisional_micros=provisional * DOLLAR
    )  # fmt: skip
    assert found == watched * DOLLAR + 1
    assert found - 1 + (arriving - provisional) * DOLLAR == 20 * DOLLAR


def test_steps_are_shares_of_the_minimum_and_reached_at_them():
    assert watched_steps(20 * DOLLAR) == [15 * DOLLAR + 1, 10 * DOLLAR + 1, 5 * DOLLAR + 1, 1]
    assert watched_steps(1) == [1, 1, 1, 1]
    for minimum in (1, 3, 7_777_777):
        for below, percent in zip(watched_steps(minimum), (75, 50, 25, 0), strict=True):
            assert (below - 1) * 100 <= minimum * percent < below * 100


@pytest.mark.parametrize(
    ("enabled", "paused", "in_flight", "waits", "limited"), list(product([True, False], repeat=5))
)  # fmt: skip
def test_states_in_their_order(enabled, paused, in_flight, waits, limited):
    found = state(
        enabled=enabled, paused=paused, in_flight=in_flight, next_attempt_at=NOW if waits else None, limited=limited
    )
    order = [
        (not enabled, "off"), (paused, "paused"), (waits, "retrying"), (in_flight, "charging"), (limited, "limited"),
        (True, "watching"),
    ]  # fmt: skip
    assert found == next(name for stands, name in order if stands)


def said(name, **more):
    given = {
        "chosen": True, "latest": "Latest.", "account_status": "active", "total": Money(30 * DOLLAR),
        "minimum": Money(20 * DOLLAR), "amount": Money(50 * DOLLAR),
    } | more  # fmt: skip
    return why(name, **given)


def test_each_state_has_its_reason():
    assert said("off", chosen=False) == "Off until a minimum and an amount are chosen."
    assert said("watching").endswith("at or below $20.00; it is $30.00 now.")
    assert said("watching", account_status="suspended").startswith("The account is suspended")
    for name in ("off", "paused", "retrying", "charging", "limited"):
        assert said(name) == "Latest."
