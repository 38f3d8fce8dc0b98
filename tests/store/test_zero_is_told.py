"""B1, B2: one crossing of zero, and what is written by it: named cases beside the random paths."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from ledger.crossings import put_off, take
from rules.notices import superseded
from store import notice_facts, retention
from store.database import Database
from tests.ledger.accounts import NOW
from tests.store.alerting import open_customer

DAY = timedelta(days=1)


@pytest.fixture
async def customer(database):
    async with Database(database.app_url) as store:
        yield await open_customer(store, now=NOW, dollars=5)


async def told(customer, kind="balance_exhausted"):
    return [row.facts for row in await customer._rows(f"SELECT facts FROM notice WHERE kind = '{kind}' ORDER BY id")]


async def clocks(customer):
    return await customer._rows("SELECT * FROM retention_clock ORDER BY seq")


async def why_unsent(customer, facts):
    async with customer.store.transaction() as session:
        status = await notice_facts.status_of_subject(
            session, account_id=customer.account_id, kind="balance_exhausted", facts=facts
        )
    return superseded("balance_exhausted", made_at=customer.time, status=status, now=customer.time)


async def look(customer):
    async with customer.store.transaction() as session:
        await retention.look(session, customer.account_id, now=customer.now())


async def test_zero_is_reached_exactly_and_the_crossing_gives_time_and_balance(customer):
    await customer.spend(5)
    posted_at = customer.time
    customer.time += DAY / 4
    await customer.hand_on()
    (facts,) = await told(customer)
    assert facts["balance_micros"] == 0
    assert facts["crossed_at"] == posted_at.isoformat()
    assert facts["ends_at"] == (posted_at + 30 * DAY).isoformat()
    (clock,) = await clocks(customer)
    assert (clock.started_at, clock.ends_at) == (posted_at, posted_at + 30 * DAY)
    (event,) = await customer._rows("SELECT data FROM event WHERE type = 'balance.exhausted'")
    assert (event.data["available"], event.data["transaction"]) == ("0.00", facts["retention"])


async def test_a_millionth_above_zero_is_not_zero(customer):
    await customer.spend(4.999999)
    await customer.hand_on()
    assert await clocks(customer) == []


async def test_settled_usage_through_zero_shows_what_is_missing(customer):
    await customer.spend(7, settled=True)
    await customer.hand_on()
    (facts,) = await told(customer)
    assert facts["balance_micros"] == -2_000_000


async def test_one_hand_off_wakes_the_workflow_for_each_change_and_none_for_the_rest(customer):
    await customer.spend(7, settled=True)
    await customer.hand_on()
    await customer.credit(1)
    await customer.hand_on()
    rows = await customer._rows("SELECT workflow_id, arguments FROM outbox WHERE kind = 'retention'")
    assert [(row.workflow_id, row.arguments) for row in rows] == [
        (f"retention/{customer.account_id}", {"account_id": customer.account_id})
    ]
    await customer.credit(2)
    await customer.hand_on()
    assert len(await customer._rows("SELECT id FROM outbox WHERE kind = 'retention'")) == 2


async def test_the_notice_is_mailed_while_the_clock_runs_and_superseded_as_soon_as_money_is_posted(customer):
    await customer.spend(5)
    await customer.hand_on()
    (facts,) = await told(customer)
    assert await why_unsent(customer, facts) is None
    await customer.credit(1)
    assert await why_unsent(customer, facts) == "retention_canceled", "before the crossing is handed on"
    await customer.hand_on()
    assert await why_unsent(customer, facts) == "retention_canceled"
    await customer.spend(1)
    assert await why_unsent(customer, facts) == "retention_canceled", "the second fall tells of itself"


async def test_what_was_over_before_anybody_heard_is_listed_and_not_mailed(customer):
    await customer.spend(5)
    await customer.credit(1)
    await customer.hand_on()
    (facts,) = await told(customer)
    assert await clocks(customer) == []
    assert await why_unsent(customer, facts) == "retention_canceled"


async def test_a_crossing_that_comes_last_starts_no_clock_that_has_run_out_anew(customer):
    await customer.spend(5)
    async with customer.store.transaction() as session:
        (first,) = await take(session, now=customer.now(), limit=1)
        await put_off(session, first, error="a test", until=customer.now() + 50 * DAY)
    await customer.credit(1)
    await customer.spend(1)
    await customer.hand_on()
    (clock,) = await clocks(customer)
    assert clock.seq > first.seq
    for days in (24, 5.5, 2):
        customer.time += days * DAY
        await look(customer)
    assert [row.outcome for row in await clocks(customer)] == ["ended"]
    customer.time += 20 * DAY
    async with customer.store.transaction() as session:
        (late,) = await take(session, now=customer.now(), limit=1)
        await retention.crossed(session, late, days=30, now=customer.now())
    assert late.seq == first.seq
    assert [row.outcome for row in await clocks(customer)] == ["ended"]
    assert len(await told(customer)) == 2


async def test_one_account_has_one_running_clock_whatever_writes(customer):
    await customer.spend(5)
    await customer.hand_on()
    with pytest.raises(Exception, match="retention_clock_one_runs"):
        async with customer.store.transaction() as session:
            await session.execute(
                text(
                    "INSERT INTO retention_clock (account_id, seq, started_at, ends_at, created_at)"
                    " SELECT account_id, seq + 1, started_at, ends_at, created_at FROM retention_clock"
                )
            )


async def test_how_long_a_clock_runs_is_a_setting_and_one_that_runs_keeps_its_end(customer):
    await customer.spend(5)
    async with customer.store.transaction() as session:
        (crossing,) = await take(session, now=customer.now(), limit=1)
        await retention.crossed(session, crossing, days=3, now=customer.now())
    (clock,) = await clocks(customer)
    assert clock.ends_at - clock.started_at == 3 * DAY
    await look(customer)
    assert (await clocks(customer))[0].ends_at == clock.ends_at
