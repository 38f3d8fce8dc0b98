"""Whatever happens to balance and settings, the notices are those that the journal alone implies (A1 to A7)."""

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import text

from ledger import transaction_id
from rules import chart
from rules.money import Money
from store.database import Database
from tests.ledger.accounts import NOW
from tests.store.alerting import DOLLAR, open_customer

dollars = st.integers(1, 30).map(lambda tens: tens * 10)
thresholds = st.lists(st.sampled_from([10, 40, 100, 150, 250, 300]), unique=True, max_size=3)
acts = st.one_of(
    st.tuples(st.just("spend"), st.one_of(dollars, st.sampled_from([0.000001, 9.999999, 249.5]))),
    st.tuples(st.just("settled"), dollars),
    st.tuples(st.just("credit"), dollars),
    st.tuples(st.just("take"), dollars),
    st.tuples(st.just("recharge"), dollars),
    st.tuples(st.just("hold"), dollars),
    st.tuples(st.just("put"), thresholds),
    st.tuples(st.just("recommend"), st.sampled_from([None, 7, 40, 250, 300])),
    st.tuples(st.just("relay"), st.none()),
)


@pytest.fixture(scope="module")
async def store(postgres, migrated):
    copy = await postgres.create_database(template=migrated.name)
    async with Database(copy.app_url) as opened:
        yield opened
    await postgres.drop_database(copy)


async def recharge(customer, value):
    source = await customer.post(chart.recharge_expected(value * DOLLAR))
    await customer.post(chart.recharge_settled(value * DOLLAR), source)


async def hold(customer, value):
    if await customer.available() >= value * DOLLAR:
        source = await customer.post(chart.hold(value * DOLLAR))
        await customer.post(chart.hold_captured(value * DOLLAR, value * DOLLAR // 2), source)


ACTS = {
    "spend": lambda customer, value: customer.spend(value),
    "settled": lambda customer, value: customer.spend(value, settled=True),
    "credit": lambda customer, value: customer.credit(value),
    "take": lambda customer, value: customer.post(chart.adjustment("correction", -value * DOLLAR)),
    "recharge": recharge,
    "hold": hold,
    "put": lambda customer, value: customer.put(value),
    "recommend": lambda customer, value: customer.recommend(value),
    "relay": lambda customer, _: customer.hand_on(),
}


async def implied(customer):
    """What the journal says: each operation's balance before and after, and what was watched at its time."""
    async with customer.store.transaction() as session:
        rows = (
            await session.execute(
                text("SELECT seq, leg, spendable_after FROM ledger_transfer WHERE account_id = :account ORDER BY seq"),
                {"account": customer.account_id},
            )
        ).all()
    operations = []
    for row in rows:
        if row.leg == 0:
            operations.append([row.seq, row.spendable_after])
        operations[-1][1] = row.spendable_after
    told, before = [], 0
    for first, after in operations:
        watched = {amount * DOLLAR for amount in (250, 100, 10, *additional(customer, first))}
        told += [
            (transaction_id(customer.account_id, first), amount, after)
            for amount in watched
            if after < amount <= before
        ]
        before = after
    return sorted(told)


def additional(customer, seq):
    """What was set beside the built-in alerts before this transfer: by the system until the owner did."""
    before = [(who, amounts) for at, who, amounts in customer.set_at if at < seq]
    by_owner = [amounts for who, amounts in before if who == "owner"]
    by_system = [[*amounts, 100, 10] for _, amounts in before]
    return (by_owner or by_system or [[100, 10]])[-1]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.lists(acts, min_size=3, max_size=25))
async def test_the_notices_are_those_that_the_journal_implies(store, path):
    customer = await open_customer(store, now=NOW, dollars=260)
    for what, value in path:
        await ACTS[what](customer, value)
    await customer.hand_on()
    async with store.transaction() as session:
        rows = (
            await session.execute(
                text("SELECT cause, facts FROM notice WHERE account_id = :account AND kind = 'balance_alert'"),
                {"account": customer.account_id},
            )
        ).all()
    facts = [(row.facts["transaction"], row.facts["threshold_micros"], row.facts["balance_micros"]) for row in rows]
    assert sorted(facts) == await implied(customer)
    assert {row.cause for row in rows} == {f"{seen[0]}:{Money(seen[1])}" for seen in facts}
    assert len({row.cause for row in rows}) == len(rows)
