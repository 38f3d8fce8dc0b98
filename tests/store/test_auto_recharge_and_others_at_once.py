"""Races of auto-recharge decided by one transaction under the account's lock (D2, D4, D5)."""

import asyncio

import pytest
from sqlalchemy import text

from rules.outcomes import State
from store import auto_recharge, recharges
from store.database import Database
from tests.ledger.accounts import NOW
from tests.store.recharging_itself import open_recharged


@pytest.fixture(scope="module")
async def store(postgres, migrated):
    copy = await postgres.create_database(template=migrated.name)
    async with Database(copy.app_url) as opened:
        yield opened
    await postgres.drop_database(copy)


async def made(customer):
    """Kind, cents and place in the journal of each recharge, in the order of their pending entries."""
    async with customer.store.transaction() as session:
        rows = await session.execute(
            text(
                "SELECT r.kind, r.amount_cents FROM recharge r JOIN ledger_transfer t ON t.account_id = r.account_id"
                " AND t.source = r.id AND t.leg = 0 WHERE r.account_id = :account ORDER BY t.seq"
            ),
            {"account": customer.account_id},
        )
        return [(row.kind, row.amount_cents) for row in rows]


async def test_the_minimum_is_crossed_at_20_the_owner_sets_10_and_the_wake_is_a_hint(store):
    customer = await open_recharged(store, now=NOW, dollars=60)
    await customer.choose(minimum=20)
    await customer.spend(45)
    await customer.choose(minimum=10)
    assert await customer.woken() == 1, "the crossing was recorded by the settings of its time"
    assert (await customer.begin()).standing == "watching"
    assert await made(customer) == []
    await customer.spend(5)
    assert await customer.woken() == 1
    assert (await customer.begin()).standing == "charging"


@pytest.mark.parametrize("then", ["off", "paused"])
async def test_crossed_and_then_switched_off_or_paused_before_the_relay_delivers(store, then):
    customer = await open_recharged(store, now=NOW, dollars=60)
    await customer.choose(minimum=20)
    await customer.spend(45)
    await (customer.choose(minimum=20, enabled=False) if then == "off" else customer.pause())
    assert await customer.woken() == 0
    assert (await customer.begin()).standing == then


async def test_crossed_at_10_and_the_owner_raises_it_to_20_before_the_relay_delivers(store):
    customer = await open_recharged(store, now=NOW, dollars=60)
    await customer.choose(minimum=10)
    await customer.spend(45)
    await customer.choose(minimum=20)
    assert await customer.woken() == 1
    assert (await customer.begin()).standing == "charging"
    assert await made(customer) == [("auto", 50_00)]


@pytest.mark.parametrize("first", ["manual", "auto", "both"])
async def test_a_manual_and_an_automatic_recharge_both_read_t(store, first):
    """Whoever comes first, the other sees its money on the way; a manual one is never blocked."""
    for _ in range(10 if first == "both" else 1):
        customer = await open_recharged(store, now=NOW, dollars=15)
        await customer.choose(minimum=20)
        if first == "both":
            await asyncio.gather(customer.recharge(30), customer.begin())
        elif first == "manual":
            await customer.recharge(30)
            await customer.begin()
        else:
            await customer.begin()
            await customer.recharge(30)
        found = await made(customer)
        assert found in ([("manual", 30_00)], [("auto", 50_00), ("manual", 30_00)])
        if first != "both":
            assert found[0][0] == first


async def test_many_wakes_at_once_make_one_recharge(store):
    customer = await open_recharged(store, now=NOW, dollars=15)
    await customer.choose(minimum=20)
    begun = await asyncio.gather(*(customer.begin() for _ in range(12)))
    assert len({one.recharge_id for one in begun}) == 1
    assert await made(customer) == [("auto", 50_00)]


async def test_a_limit_holds_when_the_owner_buys_while_the_episode_begins(store):
    for _ in range(10):
        customer = await open_recharged(store, now=NOW, dollars=15)
        await customer.choose(minimum=60, daily_cents=60_00)
        await asyncio.gather(customer.recharge(30), customer.begin())
        found = await made(customer)
        assert found in ([("manual", 30_00)], [("auto", 50_00), ("manual", 30_00)])
        if found[0][0] == "manual":
            assert (await customer.begin()).standing == "limited"


async def test_a_minimum_that_is_raised_while_usage_is_posted_is_never_missed(store):
    """Either the crossing tells it or the owner's transaction does, whichever holds the lock first."""
    for _ in range(15):
        customer = await open_recharged(store, now=NOW, dollars=60)
        await customer.choose(minimum=10)
        await customer.woken()
        await asyncio.gather(customer.spend(35), customer.choose(minimum=30))
        assert await customer.woken() >= 1
        assert (await customer.begin()).standing == "charging"


@pytest.mark.parametrize("acts", ["put", "buys", "nothing"])
async def test_the_owner_acts_while_a_declined_recharge_is_given_up(store, acts):
    """Between the last decline and the processor's cancel: what would lift the pause keeps it from coming."""
    customer = await open_recharged(store, now=NOW, dollars=15)
    await customer.choose(minimum=60)
    await customer.begin()
    await customer.answered(await customer.in_flight(), State.DECLINED)
    if acts == "put":
        await customer.choose(minimum=60)
    elif acts == "buys":
        await customer.recharge(30)
        await customer.end("succeeded")
    again = await customer.finish(succeeded=False)
    assert again is (acts != "nothing")
    async with store.transaction() as session:
        row = await auto_recharge.get(session, customer.account_id)
    assert (row.paused_at is None) is (acts != "nothing")


async def test_nobody_waits_in_a_circle_for_the_account(store):
    """Cards, the status, settings and money change at once: each takes the account's one lock first."""
    customer = await open_recharged(store, now=NOW, dollars=60)
    first = await customer.card()
    second = await customer.card()
    await customer.choose(minimum=20)
    for _ in range(8):
        await asyncio.gather(
            customer.make_default(first),
            customer.status("suspended"),
            customer.choose(minimum=30),
            customer.spend(1),
            customer.recharge(25),
            customer.make_default(second),
            customer.status("active"),
            customer.end("failed"),
            customer.begin(),
        )
    await customer.woken()
    await customer.begin()
    assert [kind for kind, _ in await made(customer)].count("auto") <= 1


@pytest.mark.parametrize("state", [State.PROCESSING, State.REQUIRES_ACTION])
@pytest.mark.parametrize(("ends", "left", "again"), [
    ("succeeded", 15, False), ("succeeded", -40, True), ("dropped", 15, True), ("dropped", 40, False),
])  # fmt: skip
async def test_whether_another_begins_is_told_by_t_after_the_end(store, state, ends, left, again):
    """Fifty dollars are on their way, counted in T unless the customer has to come, with so much ``left`` of others."""
    customer = await open_recharged(store, now=NOW, dollars=60)
    await customer.card()
    await customer.choose(minimum=20, amount=50, method_id="card_1")
    await customer.spend(45)
    begun = await customer.begin()
    await customer.answered(begun.recharge_id, state)
    if left > 15:
        await customer.credit(left - 15)
    if left < 15:
        await customer.spend(15 - left, settled=True)
    assert await customer.finish(succeeded=ends == "succeeded", turn="drop") == again


async def test_who_waits_for_the_lock_reads_the_recharge_as_its_holder_left_it(store):
    """Account and recharge are locked by one statement, whose snapshot is older than its lock."""
    customer = await open_recharged(store, now=NOW, dollars=60)
    recharge_id = await customer.recharge(50)
    same = {"account_id": customer.account_id, "recharge_id": recharge_id}

    async def waits() -> str:
        async with store.transaction() as session:
            return (await recharges.locked(session, **same)).status

    async with store.transaction() as session:
        row = await recharges.locked(session, **same)
        ours = await session.scalar(text("SELECT pg_backend_pid()"))
        waiting = asyncio.create_task(waits())
        async with asyncio.timeout(10), store.transaction() as looking:
            while not await looking.scalar(  # noqa: ASYNC110 - Postgres tells nobody who waits
                text("SELECT count(*) FROM pg_stat_activity WHERE :ours = ANY(pg_blocking_pids(pid))"), {"ours": ours}
            ):
                await asyncio.sleep(0.01)
        await recharges.end(session, row, status="succeeded", charge="ch_1", failure=None, now=NOW)
    assert await waiting == "succeeded"
