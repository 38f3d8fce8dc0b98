"""D2: whatever changes T or the settings, an account that has to be recharged is woken, and no other.

The episode is played by the transactions that it is made of. What is right is told by plain sums over the records.
"""

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import text

from rules import chart
from rules.outcomes import State
from store.database import Database
from tests.ledger.accounts import NOW
from tests.store.alerting import DOLLAR
from tests.store.recharging_itself import open_recharged

dollars = st.integers(1, 8).map(lambda tens: tens * 10)
minima = st.sampled_from([0, 10, 20, 50])
acts = st.one_of(
    st.tuples(st.just("spend"), st.one_of(dollars, st.sampled_from([0.000001, 9.999999, 30]))),
    st.tuples(st.just("settled"), dollars),
    st.tuples(st.just("credit"), dollars),
    st.tuples(st.just("take"), dollars),
    st.tuples(st.just("hold"), dollars),
    st.tuples(st.just("choose"), minima),
    st.tuples(st.just("off"), minima),
    st.tuples(st.just("manual"), st.sampled_from([25, 30, 60])),
    st.tuples(st.just("customer_needed"), st.none()),
    st.tuples(st.just("customer_came"), st.none()),
    st.tuples(st.just("manual_ends"), st.sampled_from(["succeeded", "failed", "canceled"])),
    st.tuples(st.just("suspend"), st.none()),
    st.tuples(st.just("activate"), st.none()),
    st.tuples(st.just("new_card"), st.none()),
    st.tuples(st.just("pause"), st.none()),
    st.tuples(st.just("episode"), st.none()),
    st.tuples(st.just("auto_succeeds"), st.none()),
    st.tuples(st.just("auto_fails"), st.none()),
)


@pytest.fixture(scope="module")
async def store(postgres, migrated):
    copy = await postgres.create_database(template=migrated.name)
    async with Database(copy.app_url) as opened:
        yield opened
    await postgres.drop_database(copy)


async def hold(customer, value):
    if await customer.available() >= value * DOLLAR:
        await customer.post(chart.hold(value * DOLLAR))


async def answered(customer, state):
    if customer.open:
        await customer.answered(customer.open[0], state)


async def new_card(customer, _):
    """Where it is made the default, it lifts a pause."""
    await customer.make_default(await customer.card())


async def ended(customer, *, succeeded):
    if await customer.finish(succeeded=succeeded):
        await customer.begin()  # the run goes on by itself


ACTS = {
    "spend": lambda customer, value: customer.spend(value),
    "settled": lambda customer, value: customer.spend(value, settled=True),
    "credit": lambda customer, value: customer.credit(value),
    "take": lambda customer, value: customer.post(chart.adjustment("correction", -value * DOLLAR)),
    "hold": hold,
    "choose": lambda customer, value: customer.choose(minimum=value),
    "off": lambda customer, value: customer.choose(minimum=value, enabled=False),
    "manual": lambda customer, value: customer.recharge(value),
    "customer_needed": lambda customer, _: answered(customer, State.REQUIRES_ACTION),
    "customer_came": lambda customer, _: answered(customer, State.PROCESSING),
    "manual_ends": lambda customer, value: customer.end(value),
    "suspend": lambda customer, _: customer.status("suspended"),
    "activate": lambda customer, _: customer.status("active"),
    "new_card": new_card,
    "pause": lambda customer, _: customer.pause(),
    "auto_succeeds": lambda customer, _: ended(customer, succeeded=True),
    "auto_fails": lambda customer, _: ended(customer, succeeded=False),
}

READY = text(
    "SELECT r.enabled AND r.paused_at IS NULL AND a.status = 'active' AND b.spendable + coalesce((SELECT"
    " sum(amount_cents) * 10000 FROM recharge WHERE account_id = a.id AND status = 'processing'), 0) <="
    " r.minimum_micros AND NOT EXISTS (SELECT FROM recharge WHERE account_id = a.id AND kind = 'auto' AND status IN"
    " ('processing', 'requires_action'))"
    " FROM account a JOIN ledger_balance b ON b.account_id = a.id JOIN auto_recharge r ON r.account_id = a.id"
    " WHERE a.id = :account"
)


async def ready(customer):
    """Whether something has to be recharged now, and nothing is."""
    async with customer.store.transaction() as session:
        return bool(await session.scalar(READY, {"account": customer.account_id}))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(acts, min_size=3, max_size=25), chosen=minima)
async def test_what_has_to_be_recharged_is_woken(store, steps, chosen):
    customer = await open_recharged(store, now=NOW, dollars=60)
    await customer.choose(minimum=chosen)
    waiting = await customer.woken()
    for act, value in steps:
        if act == "episode":
            if waiting:
                await customer.begin()
            waiting = 0
        else:
            await ACTS[act](customer, value)
        waiting += await customer.woken()
        if await ready(customer):
            assert waiting, (act, value)
    if waiting:
        await customer.begin()
    assert not await ready(customer), "an episode leaves nothing to be recharged"


@pytest.mark.parametrize("spent", [39.999999, 40])
async def test_the_minimum_is_reached_at_it_not_above_it(store, spent):
    customer = await open_recharged(store, now=NOW, dollars=60)
    await customer.choose(minimum=20)
    await customer.spend(spent)
    assert await customer.woken() == (spent == 40)


async def test_reaching_it_once_wakes_once(store):
    customer = await open_recharged(store, now=NOW, dollars=60)
    await customer.choose(minimum=20)
    for _ in range(6):
        await customer.spend(9)
    assert await customer.woken() == 1


async def test_money_on_its_way_moves_the_minimum_and_its_failure_moves_it_back(store):
    customer = await open_recharged(store, now=NOW, dollars=60)
    await customer.choose(minimum=20)
    await customer.recharge(30)
    await customer.spend(49)
    assert (await customer.woken(), await ready(customer)) == (0, False)
    await customer.spend(10)
    assert await customer.woken() == 0
    await customer.end("failed")
    assert (await customer.woken(), await ready(customer)) == (1, True)


async def test_money_that_waits_for_the_customer_is_not_on_its_way(store):
    customer = await open_recharged(store, now=NOW, dollars=60)
    await customer.choose(minimum=20)
    recharge = await customer.recharge(30)
    await customer.spend(45)
    assert await customer.woken() == 0
    await customer.answered(recharge, State.REQUIRES_ACTION)
    assert (await customer.woken(), await ready(customer)) == (1, True)


async def test_an_account_that_waits_for_nothing_is_not_woken(store):
    customer = await open_recharged(store, now=NOW, dollars=60)
    await customer.spend(59)
    await customer.choose(minimum=20, enabled=False)
    await customer.pause()
    await customer.spend(1)
    await customer.status("suspended")
    await customer.status("active")
    await customer.recharge(30)
    await customer.end("failed")
    assert await customer.woken() == 0
