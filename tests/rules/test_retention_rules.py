"""B2, the law alone: what is due about a retention clock, whenever it is looked at."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.retention import ON_TIME, Clock, days_left, ends, reminders, step

START = datetime(2026, 11, 24, 15, tzinfo=UTC)
DAY = timedelta(days=1)


def clock(days=30, told=()):
    return Clock(started_at=START, ends_at=ends(START, days=days), told=frozenset(told))


def look(at, of=None, *, status="active", spendable=0):
    return step(of or clock(), account_status=status, spendable_micros=spendable, now=at)


def test_the_first_look_waits_for_the_first_reminder():
    due = look(START)
    assert (due.outcome, due.remind, due.look_at) == (None, None, START + 23 * DAY)


@pytest.mark.parametrize(("days", "told", "remind", "next_look"), [(23, (), 7, 29), (29, (7,), 1, 30)])
def test_reminders_come_seven_days_and_one_day_before_the_end(days, told, remind, next_look):
    before = look(START + days * DAY - timedelta(microseconds=1), clock(told=told))
    assert before.remind is None
    due = look(START + days * DAY, clock(told=told))
    assert (due.remind, due.outcome, due.look_at) == (remind, None, START + next_look * DAY)
    assert due.ends_at == START + 30 * DAY


def test_what_was_told_is_not_told_again():
    assert look(START + 24 * DAY, clock(told=(7,))).remind is None
    assert look(START + 29.5 * DAY, clock(told=(7, 1))).remind is None


def test_the_end():
    assert look(START + 30 * DAY - timedelta(microseconds=1), clock(told=(7, 1))).outcome is None
    assert look(START + 30 * DAY, clock(told=(7, 1))).outcome == "ended"


@pytest.mark.parametrize("late", [29.5, 30, 31, 400])
def test_after_an_outage_the_last_warning_alone_is_given_and_the_end_waits_a_day_for_it(late):
    now = START + late * DAY
    due = look(now)
    assert (due.remind, due.outcome, due.told) == (1, None, {7, 1})
    assert due.ends_at == due.look_at == now + DAY
    after = look(due.ends_at, Clock(started_at=START, ends_at=due.ends_at, told=due.told))
    assert after.outcome == "ended"


@pytest.mark.parametrize(("minutes", "put_off"), [(0, False), (60, False), (61, True)])
def test_a_last_reminder_that_is_hardly_late_puts_nothing_off(minutes, put_off):
    due = look(START + 29 * DAY + timedelta(minutes=minutes), clock(told=(7,)))
    assert due.remind == 1
    assert (due.ends_at > START + 30 * DAY) == put_off


def test_a_late_first_reminder_puts_nothing_off():
    due = look(START + 26 * DAY)
    assert (due.remind, due.ends_at, due.look_at) == (7, START + 30 * DAY, START + 29 * DAY)


@pytest.mark.parametrize(
    ("spendable", "outcome"), [(1, "canceled"), (0, None), (-1, None), (-(10**12), None), (10**12, "canceled")]
)
def test_anything_above_zero_cancels_and_nothing_else_does(spendable, outcome):
    assert look(START + DAY, spendable=spendable).outcome == outcome


def test_money_wins_over_the_end_and_a_closed_account_over_money():
    assert look(START + 31 * DAY, spendable=1).outcome == "canceled"
    assert look(START + DAY, status="closed", spendable=1).outcome == "closed"


def test_a_suspended_accounts_clock_runs_on():
    assert look(START + DAY, status="suspended").outcome is None
    assert look(START + 30 * DAY, clock(told=(7, 1)), status="suspended").outcome == "ended"


@pytest.mark.parametrize(("days", "left"), [(30, (7, 1)), (8, (7, 1)), (7, (1,)), (2, (1,)), (1, ())])
def test_a_short_clock_has_the_reminders_that_come_after_its_start(days, left):
    assert reminders(clock(days)) == left


def test_a_clock_of_a_day_ends_without_a_reminder():
    assert look(START + DAY, clock(1)).outcome == "ended"


@pytest.mark.parametrize(
    ("left", "days"), [(7 * DAY, 7), (7 * DAY - timedelta(seconds=1), 7), (DAY, 1), (timedelta(0), 0), (-DAY, 0)]
)
def test_days_that_are_left(left, days):
    assert days_left(START, now=START - left) == days


@given(
    days=st.integers(1, 90),
    looks=st.lists(st.integers(0, 5_000), min_size=1, max_size=40),
)
def test_whenever_it_is_looked_at_each_reminder_comes_at_most_once_and_none_is_left_out_before_the_end(days, looks):
    """Looks at any hours, as signals and outages make them, then on time to the end."""
    running, told = clock(days), []
    now, hours = START, sorted(looks)
    for _ in range(len(hours) + 5):
        now = max(now, START + timedelta(hours=hours.pop(0))) if hours else now
        due = look(now, running)
        if due.outcome is not None:
            break
        assert due.look_at is not None
        assert due.look_at > now, "it never looks twice at one moment"
        if due.remind is not None:
            told.append((due.remind, now))
        running = Clock(started_at=START, ends_at=due.ends_at, told=due.told)
        if not hours:
            now = due.look_at
    assert due.outcome == "ended"
    assert now >= ends(START, days=days), "never too soon"
    names = [name for name, _ in told]
    assert names == sorted(set(names), reverse=True)
    if reminders(clock(days)):
        assert names[-1] == 1
        assert now - told[-1][1] >= DAY - ON_TIME, "a day lies between the last warning and the end"
