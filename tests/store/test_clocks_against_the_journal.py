"""B1, B2: whatever happens, and however late it is heard of, clock, notices and events are those of the journal."""

from datetime import timedelta

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import text

from ledger.crossings import put_off, take
from rules import chart
from store import retention
from store.database import Database
from tests.ledger.accounts import NOW
from tests.store.alerting import DOLLAR, open_customer

DAY = timedelta(days=1)
dollars = st.integers(1, 4)
MOVES = ["spend", "settled", "credit", "take", "hold", "drain", "drain", "lift", "lift"]
HEARD = ["relay", "relay", "relay", "put off", "look", "days"]
moves = st.tuples(st.sampled_from(MOVES), dollars)
acts = st.one_of(moves, st.tuples(st.sampled_from(HEARD), st.sampled_from([1, 8, 29])))


@pytest.fixture(scope="module")
async def store(postgres, migrated):
    copy = await postgres.create_database(template=migrated.name)
    async with Database(copy.app_url) as opened:
        yield opened
    await postgres.drop_database(copy)


async def hold(customer, value):
    if await customer.available() >= value * DOLLAR:
        source = await customer.post(chart.hold(value * DOLLAR))
        await customer.post(chart.hold_released(value * DOLLAR), source)


async def drain(customer, _):
    """Down to zero exactly, if there is anything."""
    if left := await customer.available():
        await customer.post(chart.adjustment("correction", -left))


async def lift(customer, value):
    """Above zero, from wherever it is."""
    await customer.post(chart.adjustment("goodwill", value * DOLLAR + max(-await customer.available(), 0)))


async def wait(customer, days):
    customer.time += days * DAY


async def one_put_off(customer, _):
    """The relay fails at the oldest crossing: those after it go before it."""
    async with customer.store.transaction() as session:
        for crossing in await take(session, now=customer.now(), limit=1):
            await put_off(session, crossing, error="a test", until=customer.now() + DAY / 2)


async def look(customer, _=None):
    async with customer.store.transaction() as session:
        return await retention.look(session, customer.account_id, now=customer.now())


ACTS = {
    "spend": lambda customer, value: customer.spend(value),
    "settled": lambda customer, value: customer.spend(value, settled=True),
    "credit": lambda customer, value: customer.credit(value),
    "take": lambda customer, value: customer.post(chart.adjustment("correction", -value * DOLLAR)),
    "hold": hold,
    "drain": drain,
    "lift": lift,
    "days": wait,
    "relay": lambda customer, _: customer.hand_on(),
    "put off": one_put_off,
    "look": look,
}


async def rows_of(customer, query):
    async with customer.store.transaction() as session:
        return (await session.execute(text(query), {"account": customer.account_id})).all()


async def turns(customer):
    """From the journal alone: (first seq, time, whether up) of each operation that reached zero or rose above it."""
    rows = await rows_of(
        customer,
        "SELECT seq, leg, posted_at, spendable_after FROM ledger_transfer WHERE account_id = :account ORDER BY seq",
    )
    operations = []
    for row in rows:
        if row.leg == 0:
            operations.append([row.seq, row.posted_at, row.spendable_after])
        operations[-1][2] = row.spendable_after
    found, above = [], False
    for seq, at, after in operations:
        if (after > 0) != above:
            above = after > 0
            found.append((seq, at, above))
    return found


async def check(customer):
    """Everybody has heard of everything."""
    customer.time += DAY
    await customer.hand_on()
    await look(customer)
    happened = await turns(customer)
    falls = {seq: at for seq, at, up in happened if not up}
    clocks = await rows_of(customer, "SELECT * FROM retention_clock WHERE account_id = :account ORDER BY seq")
    for clock in clocks:
        assert clock.started_at == falls[clock.seq], "a clock starts with an operation that reached zero, at its time"
        risen = next((at for seq, at, up in happened if up and seq > clock.seq), None)
        if clock.outcome == "canceled":
            assert clock.ended_at == risen, "it was canceled by the operation that rose above zero"
        elif risen is not None:
            assert clock.outcome == "ended"
            assert clock.ended_at < risen, "what had run out before stays so"
    if happened and not happened[-1][2]:
        newest = [clock for clock in clocks if clock.seq == happened[-1][0]]
        assert len(newest) == 1, "nothing is left: its clock runs, or ran out"
        assert newest[0].outcome in {None, "ended"}
    else:
        assert all(clock.outcome is not None for clock in clocks), "something is left: no clock runs"

    told = await rows_of(customer, "SELECT type, count(*) FROM event WHERE account_id = :account GROUP BY type")
    count = dict(tuple(row) for row in told)
    assert count.get("balance.exhausted", 0) == len(falls)
    assert count.get("balance.restored", 0) == len(happened) - len(falls)
    assert count.get("account.retention_started", 0) == len(clocks)
    for outcome in ("canceled", "ended"):
        expected = sum(clock.outcome == outcome for clock in clocks)
        assert count.get(f"account.retention_{outcome}", 0) == expected
    notices = await rows_of(customer, "SELECT kind, facts FROM notice WHERE account_id = :account ORDER BY id")
    exhausted = [row.facts["retention"] for row in notices if row.kind == "balance_exhausted"]
    assert len(exhausted) == len(set(exhausted)) == len(falls), "one for each time that zero was reached"
    assert sum(row.kind == "retention_ended" for row in notices) == count.get("account.retention_ended", 0)
    return clocks, falls


@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.lists(acts, min_size=15, max_size=25))
async def test_clock_notices_and_events_are_those_of_the_journal(store, path):
    customer = await open_customer(store, now=NOW, dollars=3)
    for act, value in path:
        await ACTS[act](customer, value)
    await check(customer)


@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.lists(moves, min_size=8, max_size=15))
async def test_told_at_once_each_fall_has_its_clock(store, path):
    customer = await open_customer(store, now=NOW, dollars=3)
    for act, value in path:
        if act == "hold" and await customer.available() == value * DOLLAR:
            continue  # down and up again before anybody hears
        await ACTS[act](customer, value)
        await customer.hand_on()
    clocks, falls = await check(customer)
    assert {clock.seq for clock in clocks} == set(falls)
