"""E8, E13: which day is debited, for which month, by which terms.

The calendar is the hand-written table of ``test_e9_the_fourth_business_day``, and shares no line with ``rules``.
"""

import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest

from rules import monthly, monthly_words
from rules.monthly import Change, Debit, Plan, Terms
from tests.rules.test_e9_the_fourth_business_day import OPEN, utc_of_eastern

NINE = time(9)
SECOND = timedelta(seconds=1)
LENGTHS = {1: 31, 3: 31, 4: 30, 5: 31, 6: 30, 7: 31, 8: 31, 9: 30, 10: 31, 11: 30, 12: 31}
MONTHS = [date(year, month, 1) for year in range(2024, 2031) for month in range(1, 13)]


def nine(day: date) -> datetime:
    return utc_of_eastern(day, NINE)


def at(text: str) -> datetime:
    """A time of New York as UTC, such as ``2026-11-24 09:00``."""
    day, clock = text.split()
    return utc_of_eastern(date.fromisoformat(day), time.fromisoformat(clock))


def terms(day: int, dollars: int = 50) -> Terms:
    return Terms(day_of_month=day, amount_cents=dollars * 100)


def told(debit: Debit | None) -> tuple[str, str, int] | None:
    """Nominal day, day of the debit, dollars."""
    if debit is None:
        return None
    return debit.nominal_on.isoformat(), debit.debit_on.isoformat(), debit.amount_cents // 100


def begun(day: int, now: str, dollars: int = 50) -> Plan:
    return monthly.begun(terms(day, dollars), enabled=True, taken=(), now=at(now))


def put(plan: Plan, day: int, dollars: int, now: str, *, enabled: bool = True, taken: tuple[str, ...] = ()) -> Plan:
    months = {date.fromisoformat(f"{month}-01") for month in taken}
    return monthly.changed(plan, terms(day, dollars), enabled=enabled, taken=months, now=at(now))


def swept(plan: Plan, now: str, *taken: str) -> Plan:
    return monthly.advanced(plan, taken={date.fromisoformat(f"{month}-01") for month in taken}, now=at(now))


# The calendar


@pytest.mark.parametrize("day", range(1, 32))
def test_84_months_of_every_day_of_the_month(day):
    """Each month once, on the chosen day or the last, and on the first open day from there on."""
    expected = []
    for month in MONTHS:
        leap = month.year % 4 == 0  # 2024 to 2030 hold no exception
        length = (29 if leap else 28) if month.month == 2 else LENGTHS[month.month]
        nominal = date(month.year, month.month, min(day, length))
        expected.append((nominal, next(one for one in OPEN if one >= nominal)))
    plan, made, taken = begun(day, "2024-01-01 00:00"), [], set()
    for _ in MONTHS:
        assert plan.next is not None
        made.append((plan.next.nominal_on, plan.next.debit_on))
        due = nine(plan.next.debit_on)
        assert monthly.latest_due(due - SECOND) < plan.next.debit_on <= monthly.latest_due(due)
        taken.add(plan.next.month)
        plan = monthly.advanced(plan, taken=taken, now=due)
    assert made == expected


@pytest.mark.parametrize(
    ("now", "next_on"),
    [
        ("2026-03-08 08:59", "2026-03-09"),  # clocks go forward on Sunday 2026-03-08
        ("2026-03-08 09:00", "2026-04-08"),
        ("2026-11-01 08:59", "2026-11-02"),  # and back on Sunday 2026-11-01
        ("2026-11-01 09:00", "2026-12-01"),
        ("2026-11-24 08:59", "2026-11-24"),
        ("2026-11-24 09:00", "2026-12-24"),
        ("2026-12-25 09:00", "2027-01-25"),  # Christmas Day's debit would be made on Monday 28
        ("2026-12-25 08:59", "2026-12-28"),
    ],
)
def test_a_day_is_past_from_nine_on_of_the_nominal_day(now, next_on):
    plan = monthly.begun(terms(at(now).day), enabled=True, taken=(), now=at(now))
    assert plan.next is not None
    assert plan.next.debit_on.isoformat() == next_on


def test_chosen_on_a_sunday_for_the_saturday_before_starts_next_month():
    """Though the debit for Saturday the 14th is made on Monday the 16th."""
    assert told(begun(14, "2026-11-14 08:00").next) == ("2026-11-14", "2026-11-16", 50)
    assert told(begun(14, "2026-11-15 12:00").next) == ("2026-12-14", "2026-12-14", 50)


def test_the_last_day_may_be_debited_in_the_next_month():
    plan = begun(31, "2026-10-20 12:00")
    assert told(plan.next) == ("2026-10-31", "2026-11-02", 50)
    assert plan.next is not None
    assert plan.next.month == date(2026, 10, 1)
    assert told(swept(plan, "2026-11-02 09:00", "2026-10").next) == ("2026-11-30", "2026-11-30", 50)


@pytest.mark.parametrize(
    ("utc", "due"),
    [
        ("2026-03-06T13:59:59", "2026-03-05"),  # a Friday in winter: 14:00 UTC
        ("2026-03-06T14:00:00", "2026-03-06"),
        ("2026-03-09T12:59:59", "2026-03-08"),  # the Monday after, in summer: 13:00 UTC
        ("2026-03-09T13:00:00", "2026-03-09"),
        ("2026-10-30T13:00:00", "2026-10-30"),
        ("2026-11-02T13:59:59", "2026-11-01"),
        ("2026-11-02T14:00:00", "2026-11-02"),
    ],
)
def test_due_at_nine_eastern_in_summer_and_winter(utc, due):
    assert monthly.latest_due(datetime.fromisoformat(utc).replace(tzinfo=UTC)).isoformat() == due


# An outage, and the key


def test_after_an_outage_one_late_debit_for_the_oldest_month_then_the_next_day():
    plan = begun(10, "2026-09-01 12:00")
    assert told(plan.next) == ("2026-09-10", "2026-09-10", 50), "what a late sweep makes"
    assert told(swept(plan, "2026-12-20 15:00", "2026-09").next) == ("2027-01-10", "2027-01-11", 50)


def test_a_month_that_has_its_debit_gets_no_other():
    plan = swept(begun(5, "2026-11-01 12:00"), "2026-11-05 09:00", "2026-11")
    assert told(put(plan, 25, 50, "2026-11-06 12:00", taken=("2026-11",)).next) == ("2026-12-25", "2026-12-28", 50)


def test_a_month_without_a_debit_may_still_get_one():
    """That of the 5th could not be made; the new day comes in the same month."""
    plan = swept(begun(5, "2026-11-01 12:00"), "2026-11-05 09:00")
    assert told(plan.next) == ("2026-12-05", "2026-12-07", 50)
    assert told(put(plan, 25, 50, "2026-11-06 12:00").next) == ("2026-11-25", "2026-11-25", 50)


def test_set_up_anew_after_deletion_the_month_keeps_its_debit():
    plan = monthly.begun(terms(25), enabled=True, taken={date(2026, 11, 1)}, now=at("2026-11-10 12:00"))
    assert told(plan.next) == ("2026-12-25", "2026-12-28", 50)


# Seven days


def test_the_old_terms_are_debited_within_seven_days_and_the_new_after():
    plan = put(begun(5, "2026-11-01 12:00"), 25, 80, "2026-11-02 12:00")
    assert told(plan.next) == ("2026-11-05", "2026-11-05", 50)
    assert plan.change == Change(terms=terms(25, 80), effective_at=at("2026-11-09 12:00"))
    plan = swept(plan, "2026-11-05 09:00", "2026-11")
    assert told(plan.next) == ("2026-12-25", "2026-12-28", 80)
    assert (plan.terms, plan.change) == (terms(5, 50), Change(terms=terms(25, 80), effective_at=at("2026-11-09 12:00")))
    assert monthly.current(plan, now=at("2026-11-09 12:00")).terms == terms(25, 80)


@pytest.mark.parametrize(
    ("asked", "dollars"), [("2026-11-13 09:00", 80), ("2026-11-13 08:59", 80), ("2026-11-13 09:01", 50)]
)
def test_seven_days_are_counted_to_nine_oclock_of_the_nominal_day(asked, dollars):
    assert told(put(begun(20, "2026-11-01 12:00"), 20, 80, asked).next) == ("2026-11-20", "2026-11-20", dollars)


def test_seven_days_are_days_of_24_hours_where_the_clocks_change():
    """Asked for at 09:00 summer time: seven days later it is 08:00 winter time."""
    plan = begun(4, "2026-10-10 12:00")
    assert told(put(plan, 4, 80, "2026-10-28 10:00").next) == ("2026-11-04", "2026-11-04", 80)
    assert told(put(plan, 4, 80, "2026-10-28 10:01").next) == ("2026-11-04", "2026-11-04", 50)


def test_a_debit_whose_day_has_come_is_made_as_it_was_planned():
    """Saturday's, on Monday: what is asked for on Sunday changes nothing of it."""
    plan = begun(14, "2026-11-01 12:00")
    plan = put(plan, 20, 80, "2026-11-15 12:00")
    assert told(plan.next) == ("2026-11-14", "2026-11-16", 50)
    assert told(swept(plan, "2026-11-16 09:00", "2026-11").next) == ("2026-12-20", "2026-12-21", 80)


def test_a_late_debit_is_made_as_it_was_planned_though_the_change_stands():
    plan = put(begun(5, "2026-11-01 12:00"), 6, 80, "2026-11-04 12:00")
    plan = put(plan, 6, 80, "2026-11-20 12:00")
    assert (told(plan.next), plan.terms, plan.change) == (("2026-11-05", "2026-11-05", 50), terms(6, 80), None)
    assert told(swept(plan, "2026-11-20 13:00", "2026-11").next) == ("2026-12-06", "2026-12-07", 80)


def test_the_same_again_does_not_begin_the_seven_days_anew():
    plan = put(begun(20, "2026-11-01 12:00"), 20, 80, "2026-11-10 12:00")
    assert put(plan, 20, 80, "2026-11-16 12:00") == plan


def test_another_change_begins_them_anew_and_the_first_is_forgotten():
    plan = put(begun(20, "2026-11-01 12:00"), 20, 80, "2026-11-10 12:00")
    plan = put(plan, 20, 90, "2026-11-14 12:00")
    assert told(plan.next) == ("2026-11-20", "2026-11-20", 50)
    assert told(swept(plan, "2026-11-20 09:00", "2026-11").next) == ("2026-12-20", "2026-12-21", 90)


def test_taken_back_it_is_as_before_at_once():
    before = begun(20, "2026-11-01 12:00")
    plan = put(before, 25, 80, "2026-11-10 12:00")
    assert monthly.is_changed(before, plan)
    back = put(plan, 20, 50, "2026-11-18 12:00")
    assert monthly.is_changed(plan, back), "the owner has been told of something else"


def test_taken_back_within_the_seven_days_the_plan_is_the_same():
    before = begun(20, "2026-11-01 12:00")
    assert put(put(before, 25, 80, "2026-11-10 12:00"), 20, 50, "2026-11-12 12:00") == before


# Pauses


def test_a_pause_debits_nothing_and_its_end_makes_up_for_nothing():
    plan = begun(10, "2026-09-01 12:00")
    paused = put(plan, 10, 50, "2026-09-05 12:00", enabled=False)
    assert paused.next is None
    resumed = put(paused, 10, 50, "2026-12-20 12:00")
    assert told(resumed.next) == ("2027-01-10", "2027-01-11", 50)
    assert not monthly.is_changed(plan, paused)
    assert not monthly.is_changed(paused, resumed)


def test_resumed_on_a_sunday_the_saturday_before_is_past():
    paused = put(begun(14, "2026-11-01 12:00"), 14, 50, "2026-11-15 12:00", enabled=False)
    assert told(put(paused, 14, 50, "2026-11-15 13:00").next) == ("2026-12-14", "2026-12-14", 50)


def test_resumed_with_another_amount_it_begins_seven_days_later():
    """And the amount before is not debited meanwhile: it was paused."""
    paused = put(begun(10, "2026-11-01 12:00"), 10, 50, "2026-11-02 12:00", enabled=False)
    resumed = put(paused, 10, 80, "2026-11-05 12:00")
    assert told(resumed.next) == ("2026-12-10", "2026-12-10", 80)
    assert put(resumed, 10, 80, "2026-11-06 12:00") == resumed
    again = put(put(resumed, 10, 80, "2026-11-06 12:00", enabled=False), 10, 80, "2026-11-07 12:00")
    assert told(again.next) == ("2026-12-10", "2026-12-10", 80), "a second pause does not shorten it"


def test_changed_while_paused_the_seven_days_run():
    paused = put(begun(20, "2026-11-01 12:00"), 20, 50, "2026-11-02 12:00", enabled=False)
    changed = put(paused, 20, 80, "2026-11-05 12:00", enabled=False)
    assert changed.change == Change(terms=terms(20, 80), effective_at=at("2026-11-12 12:00"))
    assert told(put(changed, 20, 80, "2026-11-19 12:00").next) == ("2026-11-20", "2026-11-20", 80)


def test_set_up_as_paused_it_can_be_resumed():
    plan = monthly.begun(terms(20), enabled=False, taken=(), now=at("2026-11-01 12:00"))
    assert plan.next is None
    assert told(put(plan, 20, 50, "2026-11-02 12:00").next) == ("2026-11-20", "2026-11-20", 50)


# Whatever its owner does


@dataclass
class Story:
    """One owner for two years: settings at any time, sweeps at any hour, outages of weeks."""

    chance: random.Random
    now: datetime
    plan: Plan
    #: When which terms were asked for: the latest of each spell.
    asked: list[tuple[datetime, Terms]] = field(default_factory=list)
    running_since: datetime | None = None
    made: list[tuple[datetime, Debit]] = field(default_factory=list)
    taken: set[date] = field(default_factory=set)

    def put(self) -> None:
        wanted = self.chance.choice(
            [self.plan.wanted, self.plan.terms, terms(self.chance.randint(1, 31), self.chance.choice([25, 50, 80]))]
        )
        enabled, before = self.chance.random() < 0.8, self.plan
        self.plan = monthly.changed(before, wanted, enabled=enabled, taken=self.taken, now=self.now)
        assert (self.plan.next is not None) == enabled
        assert self.plan.wanted == wanted
        if monthly.is_changed(before, self.plan):
            self.asked.append((self.now, wanted))
        if enabled and before.next is None:
            self.running_since = self.now

    def sweep(self) -> None:
        while self.plan.next is not None and self.plan.next.debit_on <= monthly.latest_due(self.now):
            debit = self.plan.next
            self.check(debit)
            if self.chance.random() < 0.9:  # else something stood against it
                self.taken.add(debit.month)
                self.made.append((self.now, debit))
            self.plan = monthly.advanced(self.plan, taken=self.taken, now=self.now)
            assert self.plan.next is not None
            assert nine(self.plan.next.nominal_on) > self.now, "one late debit, not one for each month"

    def check(self, debit: Debit) -> None:
        assert debit.month not in self.taken, "two debits for one month"
        assert debit.debit_on == next(one for one in OPEN if one >= debit.nominal_on)
        assert self.running_since is not None
        assert nine(debit.nominal_on) > self.running_since, "nothing is made up for"
        self.check_notice(debit)

    def check_notice(self, debit: Debit) -> None:
        """By terms that were asked for seven days before, or first of all; by the last ones, if those are as old."""
        due = nine(debit.nominal_on)
        before = [one for one in self.asked if one[0] < due]
        known = [wanted for asked, wanted in before if asked + timedelta(days=7) <= due] or [self.asked[0][1]]
        assert any(_is_by(debit, wanted) for wanted in {*known, self.asked[0][1]}), "not told in time"
        if before[-1][0] + timedelta(days=7) <= due:
            assert _is_by(debit, before[-1][1]), "what was asked for last is not done"


def _is_by(debit: Debit, wanted: Terms) -> bool:
    nominal = monthly.nominal_day(debit.month, wanted.day_of_month)
    return (nominal, wanted.amount_cents) == (debit.nominal_on, debit.amount_cents)


@pytest.mark.parametrize("seed", range(200))
def test_two_years_of_whatever_its_owner_does(seed):
    chance = random.Random(seed)
    now, first = at("2026-01-01 12:00"), terms(chance.randint(1, 31))
    story = Story(chance, now, monthly.begun(first, enabled=True, taken=(), now=now), [(now, first)], running_since=now)
    while story.now < at("2028-01-01 12:00"):
        story.now += timedelta(hours=chance.choice([1, 5, 24, 24, 24, 24 * 7, 24 * 40]), minutes=chance.randint(0, 59))
        if chance.random() < 0.25:
            story.put()
        if chance.random() < 0.9:  # else there is an outage
            story.sweep()
    assert len(story.made) == len(story.taken) > 0


# In words


def test_why_says_what_moved_the_day():
    plan = begun(31, "2027-02-10 12:00")
    assert monthly_words.why(plan, now=at("2027-02-10 12:00")) == (
        "The debit for February 2027 is made on Monday, March 1, 2027, at 09:00 Eastern. That month has no day 31: its"
        " last day counts. Sunday, February 28, 2027 is no business day: it waits for the next business day."
    )
    plan = begun(25, "2026-12-10 12:00")
    assert "Friday, December 25, 2026 is a bank holiday (Christmas Day)" in monthly_words.why(
        plan, now=at("2026-12-10 12:00")
    )


def test_why_says_what_is_ahead():
    now = "2026-11-10 12:00"
    said = monthly_words.why(put(begun(5, "2026-11-06 12:00"), 25, 80, now), now=at(now))
    assert said.startswith("The debit for November 2026 is made on Wednesday, November 25, 2026, at 09:00 Eastern.")
    assert "$80.00 on day 25 was asked for; that stands for days of the month from Tuesday, November 17, 2026" in said


def test_why_says_what_is_not_made():
    assert monthly_words.why(None, now=at("2026-11-10 12:00")) == "There is no payment schedule."
    plan = begun(5, "2026-11-01 12:00")
    paused = monthly.paused(plan)
    assert monthly_words.why(paused, now=at("2026-11-01 12:00")) == (
        "The payment schedule is paused: nothing is debited."
    )
    said = monthly_words.why(plan, now=at("2026-11-05 12:00"), skipped=(date(2026, 10, 1), "method_blocked"))
    assert said.endswith("Nothing was debited for October 2026: the bank account is blocked.")
    assert "It is late" in monthly_words.why(plan, now=at("2026-11-06 12:00"))
    resumed = put(put(plan, 5, 50, "2026-11-02 12:00", enabled=False), 5, 80, "2026-11-03 12:00")
    assert "not made before Tuesday, November 10, 2026" in monthly_words.why(resumed, now=at("2026-11-03 12:00"))


def test_what_would_stand_against_it_is_said():
    plan = begun(5, "2026-11-01 12:00")
    said = monthly_words.why(plan, now=at("2026-11-01 12:00"), against="account_suspended")
    assert said.endswith("As things stand nothing would be debited: the account is suspended.")
    paused = monthly_words.why(monthly.paused(plan), now=at("2026-11-01 12:00"), against="account_suspended")
    assert "As things stand" not in paused


@pytest.mark.parametrize("reason", sorted(monthly_words.REASONS))
def test_every_reason_is_on_the_page(reason):
    page = (Path(__file__).parents[2] / "docs" / "payment-schedule.md").read_text(encoding="utf-8")
    assert f"`{reason}`" in page
