"""From a posting to the notices: what is told at which threshold (A1 to A7), on the real book with the real relay."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from rules import chart
from store.database import Database
from tests.store.alerting import DOLLAR, EMAIL, open_customer

NOW = datetime(2026, 11, 24, 15, tzinfo=UTC)


@pytest.fixture
async def store(database):
    async with Database(database.app_url) as opened:
        yield opened


@pytest.fixture
def customer(store):
    async def opened(dollars=0, **fields):
        return await open_customer(store, now=NOW, dollars=dollars, **fields)

    return opened


async def test_without_set_up_the_registered_address_hears_of_250_100_and_10(customer, store):
    ada = await customer(300)
    for dollars in (49, 2, 150, 90):
        await ada.spend(dollars)
    assert await ada.notices() == [(250, 249), (100, 99), (10, 9)]
    async with store.transaction() as session:
        rows = (await session.execute(text("SELECT * FROM notice_recipient"))).mappings().all()
        events = (await session.execute(text("SELECT * FROM event WHERE type = 'balance.alert'"))).mappings().all()
        notices = {row["id"]: row for row in (await session.execute(text("SELECT * FROM notice"))).mappings()}
        handed = await session.scalar(text("SELECT count(*) FROM outbox WHERE workflow_id LIKE 'notice/%'"))
    assert [row["email"] for row in rows] == [EMAIL] * 3
    assert handed == 3
    assert [event["data"]["threshold"] for event in events] == ["250.00", "100.00", "10.00"]
    first = events[0]["data"]
    assert (first["available"], first["currency"]) == ("249.00", "usd")
    told = notices[first["notice"]]
    assert told["cause"] == f"{first['transaction']}:250.00"
    assert told["facts"]["transaction"] == first["transaction"]


async def test_through_three_at_once_each_is_told_once(customer):
    ada = await customer(300)
    await ada.spend(295)
    assert sorted(await ada.notices()) == [(10, 5), (100, 5), (250, 5)]


async def test_exactly_on_a_threshold_is_not_below_it(customer):
    ada = await customer(300)
    await ada.spend(200)
    assert await ada.notices() == [(250, 100)]
    await ada.spend(0.000001)
    assert await ada.notices() == [(250, 100), (100, 99.999999)]


async def test_up_and_down_again_is_told_again(customer):
    ada = await customer(101)
    await ada.spend(2)
    await ada.spend(2)
    await ada.credit(2.999999)
    await ada.spend(1)
    assert await ada.notices() == [(100, 99)]
    await ada.credit(2)
    await ada.spend(1)
    assert [threshold for threshold, _ in await ada.notices()] == [100, 100]


async def test_an_own_alert_like_a_built_in_one_sends_one_mail(customer):
    ada = await customer(101)
    await ada.put([100, 60])
    await ada.spend(2)
    assert await ada.notices() == [(100, 99)]


async def test_the_owner_empties_the_list_and_the_built_in_ones_stay(customer):
    ada = await customer(60)
    await ada.put([50, 20])
    await ada.put([])
    await ada.spend(51)
    assert await ada.notices() == [(10, 9)]


async def test_an_alert_set_above_the_balance_sends_nothing_until_it_was_reached(customer):
    ada = await customer(60)
    await ada.put([80])
    await ada.spend(1)
    assert await ada.notices() == []
    await ada.credit(21)
    await ada.spend(1)
    assert await ada.notices() == [(80, 79)]


async def test_an_alert_that_was_taken_away_and_set_again_below_the_balance_is_armed(customer):
    ada = await customer(60)
    await ada.put([50])
    await ada.put([])
    await ada.put([50])
    await ada.spend(11)
    assert await ada.notices() == [(50, 49)]


async def by_adjustment(ada):
    await ada.post(chart.adjustment("correction", -60 * DOLLAR))


async def by_hold(ada):
    await ada.post(chart.hold(60 * DOLLAR))


async def by_refund(ada):
    await ada.post(chart.refund_asked(60 * DOLLAR))


async def by_mirrored_refund(ada):
    await ada.post(chart.refund_mirrored(60 * DOLLAR))


async def by_return(ada):
    await ada.post(chart.withdrawn(60 * DOLLAR))


async def by_settled_usage(ada):
    await ada.spend(60, settled=True)


@pytest.mark.parametrize(
    "cause", [by_adjustment, by_hold, by_refund, by_mirrored_refund, by_return, by_settled_usage],
    ids=lambda cause: cause.__name__.removeprefix("by_"),
)  # fmt: skip
async def test_whatever_takes_the_money_is_told(customer, cause):
    ada = await customer(120)
    await cause(ada)
    assert await ada.notices() == [(100, 60)]


async def test_money_on_its_way_neither_tells_nor_arms(customer):
    ada = await customer(101)
    await ada.spend(2)
    recharge = await ada.post(chart.recharge_expected(50 * DOLLAR))
    await ada.spend(1)
    assert len(await ada.notices()) == 1
    await ada.post(chart.recharge_settled(50 * DOLLAR), recharge)
    await ada.spend(49)
    assert await ada.notices() == [(100, 99), (100, 99)]


async def test_what_is_refused_tells_nothing(customer):
    ada = await customer(120)
    assert await ada.spend(121) == "balance_exhausted"
    assert await ada.notices() == []


async def test_all_addresses_are_told_and_none_twice(customer, store):
    ada = await customer(120)
    await ada.put(emails=["bob@customer.example", EMAIL.upper(), "eve@customer.example"])
    await ada.spend(60)
    assert await ada.notices() == [(100, 60)]
    async with store.transaction() as session:
        emails = list(await session.scalars(text("SELECT email FROM notice_recipient ORDER BY email")))
    assert emails == [EMAIL, "bob@customer.example", "eve@customer.example"]


async def test_a_notice_is_as_old_as_its_posting_however_late_the_relay_comes(customer, store):
    ada = await customer(120)
    await ada.spend(60)
    posted_at = ada.time
    ada.time += timedelta(days=1)
    await ada.hand_on()
    async with store.transaction() as session:
        (made_at,) = await session.scalars(text("SELECT created_at FROM notice"))
        (told_at,) = await session.scalars(text("SELECT created_at FROM event WHERE type = 'balance.alert'"))
    assert made_at == posted_at
    assert told_at > posted_at + timedelta(days=1)


async def test_the_effect_is_written_once_though_the_relay_dies_after_it(customer, store):
    ada = await customer(120)
    await ada.spend(60)
    relay = ada.relay()
    apply = relay._effects.apply

    class Dies:
        async def apply(self, *args, **kwargs):
            await apply(*args, **kwargs)
            raise KeyboardInterrupt

    relay._effects = Dies()
    with pytest.raises(KeyboardInterrupt):
        await relay.step()
    assert await ada.notices() == [(100, 60)]
    async with store.transaction() as session:
        assert await session.scalar(text("SELECT count(*) FROM event WHERE type = 'balance.alert'")) == 1
