"""The banking clock: business days only, never back, moved on demand."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sandbox_client import Sandbox
from webhook_receiver import receiving

from rules.business_days import eastern, eastern_date, is_business_day
from sandbox.stripe import bank_debits
from sandbox.stripe.clock import Clock, after_business_days, travel
from sandbox.stripe.server import Server

FIRST, LAST = datetime(2024, 1, 1), datetime(2030, 1, 1)  # noqa: DTZ001 - hypothesis wants naive bounds
MOMENTS = st.datetimes(min_value=FIRST, max_value=LAST, timezones=st.just(UTC))


def at(day: str, hour: int = 0, minute: int = 0) -> datetime:
    return eastern(date.fromisoformat(day), time(hour, minute))


class Ticks:
    """A monotonic clock by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def clock_at(moment: datetime, day_seconds: float) -> tuple[Clock, Ticks]:
    ticks = Ticks()
    clock = Clock(day_seconds=day_seconds, monotonic=ticks)
    clock.restore(moment)
    return clock, ticks


@pytest.mark.parametrize(
    ("start", "seconds", "end"),
    [
        (at("2026-11-24", 12), 5, at("2026-11-25", 0)),
        (at("2026-11-24", 12), 10, at("2026-11-25", 12)),
        # Thursday is Thanksgiving: from Wednesday noon straight to Friday noon.
        (at("2026-11-25", 12), 10, at("2026-11-27", 12)),
        # Over a weekend, and over the end of daylight saving time.
        (at("2026-10-30", 12), 10, at("2026-11-02", 12)),
        (at("2026-11-21", 15), 1, at("2026-11-23", 2, 24)),
        # 4 July 2026 is a Saturday: the Friday before it is open.
        (at("2026-07-02", 0), 10, at("2026-07-03", 0)),
    ],
)
def test_a_business_day_takes_its_seconds_and_other_days_none(start, seconds, end):
    clock, ticks = clock_at(start, 10)
    ticks.now = seconds
    assert clock.read() == end


def test_with_zero_it_stands_still_and_moves_on_demand():
    clock, ticks = clock_at(at("2026-11-21", 15), 0)
    ticks.now = 1000
    assert clock.read() == at("2026-11-21", 15)
    clock.advance(at("2026-11-20", 15))
    assert clock.read() == at("2026-11-21", 15)
    clock.advance(at("2026-11-22", 15))
    assert clock.read() == at("2026-11-22", 15)


def test_a_change_of_pace_keeps_the_time():
    clock, ticks = clock_at(at("2026-11-24", 0), 10)
    ticks.now = 5
    clock.set_pace(0)
    ticks.now = 50
    assert clock.read() == at("2026-11-24", 12)
    clock.set_pace(20)
    ticks.now = 55
    assert clock.read() == at("2026-11-24", 18)


@settings(deadline=None)
@given(MOMENTS, st.floats(min_value=0, max_value=20))
def test_a_running_clock_is_on_business_days_and_never_goes_back(start: datetime, days: float):
    passed = timedelta(days=days)
    end = travel(start, passed)
    assert end >= start + passed
    if passed:
        assert is_business_day(eastern_date(end - timedelta(microseconds=1)))


@settings(deadline=None)
@given(MOMENTS, st.floats(min_value=0.001, max_value=20))
def test_the_wait_for_a_moment_is_what_it_takes_to_get_there(start: datetime, days: float):
    clock, _ = clock_at(start, 86400)
    end = travel(start, timedelta(days=days))
    wait = clock.wall_seconds_until(end)
    assert wait is not None
    assert abs(wait - days * 86400) < 0.01


@pytest.mark.parametrize(
    ("now", "days", "end"),
    [
        (at("2026-11-24", 12), 1, at("2026-11-25", 12)),
        (at("2026-11-24", 20, 59), 4, at("2026-12-01", 12)),
        (at("2026-11-24", 21), 4, at("2026-12-02", 12)),
        (at("2026-11-21", 10), 4, at("2026-11-30", 12)),
        (at("2026-11-21", 10), 0, at("2026-11-23", 12)),
    ],
)
def test_business_days_count_as_those_of_a_debit(now, days, end):
    assert after_business_days(now, days) == end


async def test_the_routes_tell_and_move_the_time(sandbox: Sandbox):
    clock = sandbox.server._world.clock
    clock.restore(at("2027-11-20", 10))
    assert (await sandbox.control("clock", method="GET"))["business_day"] is False
    moved = await sandbox.control("clock", {"advance_business_days": 4})
    assert moved["now"] == "2027-11-29T17:00:00Z"
    moved = await sandbox.control("clock", {"advance_hours": 30})
    assert moved["now"] == "2027-11-30T23:00:00Z"
    made = await sandbox.post("/v1/customers")
    assert made["created"] == moved["unix"]
    unmoved = await sandbox.control("clock", {"advance_business_days": 0})
    assert unmoved["now"] == "2027-11-30T23:00:00Z"


@pytest.mark.parametrize(
    "body",
    [{}, {"advance_business_days": 1, "advance_hours": 1}, {"advance_days": 1}, {"advance_business_days": -1},
     {"advance_business_days": 1.5}, {"advance_business_days": True}, {"advance_hours": "1"}],
)  # fmt: skip
async def test_other_moves_are_refused(sandbox: Sandbox, body):
    assert (await sandbox.control("clock", body)).status == 400


async def test_due_things_happen_each_at_its_own_time(sandbox: Sandbox):
    customer = await sandbox.customer()
    intents = [await sandbox.intent(customer, await sandbox.bank_account(customer)) for _ in range(2)]
    await sandbox.days(1)
    intents.append(await sandbox.intent(customer, await sandbox.bank_account(customer)))
    await sandbox.days(10)
    answered = [(await sandbox.events(about=intent["id"]))[-1]["created"] for intent in intents]
    assert answered[0] == answered[1] < answered[2]


async def test_one_change_that_fails_does_not_stop_the_others(sandbox: Sandbox, monkeypatch, caplog):
    customer = await sandbox.customer()
    first = await sandbox.intent(customer, await sandbox.bank_account(customer))
    second = await sandbox.intent(customer, await sandbox.bank_account(customer))
    settle = bank_debits.settle

    def broken(world, intent):
        if intent["id"] == first["id"]:
            raise RuntimeError("broken")
        settle(world, intent)

    monkeypatch.setattr(bank_debits, "settle", broken)
    await sandbox.days(4)
    assert (await sandbox.retrieve(first["id"]))["status"] == "processing"
    assert (await sandbox.retrieve(second["id"]))["status"] == "succeeded"
    assert "payment_intent.answer" in caplog.text


async def test_a_running_sandbox_settles_by_itself(client):
    async with Server(day_seconds=0.5) as server, receiving() as receiver:
        running = Sandbox(server, client)
        made = await running.post("/v1/webhook_endpoints", {"url": receiver.url, "enabled_events": ["*"]})
        receiver.secret = made["secret"]
        customer = await running.customer()
        intent = await running.intent(customer, await running.bank_account(customer))
        event = await receiver.wait_for("payment_intent.succeeded")
        assert event["data"]["object"]["id"] == intent["id"]


async def test_the_pace_can_be_changed_while_it_runs(sandbox: Sandbox):
    assert (await sandbox.control("settings", {"day_seconds": 30}))["day_seconds"] == 30
    assert (await sandbox.control("clock", method="GET"))["day_seconds"] == 30
    assert (await sandbox.control("settings", {"day_seconds": -1})).status == 400
