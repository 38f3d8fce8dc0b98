"""The nightly recommendation: average daily usage of 30 full days, subaccounts included (A4, A6, A8)."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

import ledger
from activities import recommending
from activities.recommending import PageDone, PageRef, Recommending
from models.account import Account
from rules.chart import Kind
from rules.thresholds import Threshold
from store import balance_alerts
from store.database import Database
from tests.ledger.accounts import charge
from tests.store.alerting import DOLLAR, open_customer

ZONE = ZoneInfo("America/New_York")
OPENED = datetime(2026, 10, 1, 12, tzinfo=ZONE)


@pytest.fixture
async def store(database):
    async with Database(database.app_url) as opened:
        yield opened


async def sweep(store, now):
    """All pages; gives how many accounts got a recommendation, and how many could not."""
    hands, after, done, failed = Recommending(database=store), "", 0, 0
    while True:
        page = await hands.recommend_page(PageRef(after, now.astimezone(UTC)))
        if page.last is None:
            return done, failed
        after, done, failed = page.last, done + page.done, failed + page.failed


async def use(store, customer, at, dollars, **more):
    async with store.transaction() as session:
        answer = await charge(
            session, now=at, account_id=customer.account_id, reference=f"{at}", amount_micros=round(dollars * DOLLAR),
            settled=True, **more,
        )  # fmt: skip
    assert answer.outcome == "posted"


async def recommended(store, customer):
    async with store.transaction() as session:
        found = await balance_alerts.get(session, customer.account_id)
        watched = (await ledger.watched(session, customer.account_id))[Threshold.ALERT]
    micros = found.recommended_micros
    return None if micros is None else micros // DOLLAR, [amount // DOLLAR for amount in watched]


async def test_a_month_of_usage_growing_is_followed(store):
    """One dollar more on each day, a third of it by a subaccount, and a part of it a fee."""
    customer = await open_customer(store, now=OPENED)
    used, day = {}, OPENED.date()
    for n in range(45):
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=ZONE) + timedelta(minutes=1)
        dollars = 20 + n
        used[day] = dollars
        await use(store, customer, noon, dollars / 2)
        await use(store, customer, noon + timedelta(minutes=1), dollars / 4, subaccount_id="SA000000000000000001")
        await use(store, customer, noon + timedelta(minutes=2), dollars / 4, kind=Kind.FEE)
        day += timedelta(days=1)
        after_midnight = datetime(day.year, day.month, day.day, 0, 5, tzinfo=ZONE)
        assert await sweep(store, after_midnight) == (1, 0)
        full = [used[known] for known in sorted(used) if known > OPENED.date()][-30:]
        expected = -(-sum(full) // len(full)) if full else None
        extra = {expected} - {None}
        assert await recommended(store, customer) == (expected, sorted({250, 100, 10} | extra, reverse=True))
    assert expected == 50, "the average of the last 30 days of 20 to 64 dollars is 49.5"


async def test_nothing_is_recommended_without_usage_or_without_a_full_day(store):
    customer = await open_customer(store, now=OPENED)
    await use(store, customer, OPENED + timedelta(hours=1), 50)
    assert await sweep(store, OPENED + timedelta(hours=2)) == (1, 0)
    assert await recommended(store, customer) == (None, [250, 100, 10])
    assert await sweep(store, OPENED + timedelta(days=2)) == (1, 0)
    assert await recommended(store, customer) == (None, [250, 100, 10]), "the first day was not a full one"


async def test_each_account_is_looked_at_once_a_day_of_its_own(store):
    east = await open_customer(store, now=OPENED, timezone="Asia/Tokyo")
    west = await open_customer(store, now=OPENED, timezone="America/Los_Angeles")
    assert await sweep(store, OPENED + timedelta(days=1)) == (2, 0)
    assert await sweep(store, OPENED + timedelta(days=1)) == (0, 0)
    # 15:00 UTC is midnight in Tokyo, 07:00 UTC in Los Angeles.
    assert await sweep(store, datetime(2026, 10, 3, 14, 59, tzinfo=UTC)) == (1, 0)
    assert await sweep(store, datetime(2026, 10, 3, 15, 0, tzinfo=UTC)) == (1, 0)
    assert await sweep(store, datetime(2026, 10, 4, 6, 59, tzinfo=UTC)) == (0, 0)
    assert await sweep(store, datetime(2026, 10, 4, 7, 0, tzinfo=UTC)) == (1, 0)
    async with store.transaction() as session:
        days = [
            (await balance_alerts.get(session, one.account_id)).recommended_on
            for one in (east, west)
        ]  # fmt: skip
    assert days == [date(2026, 10, 4)] * 2


async def test_a_recommendation_above_the_balance_sends_nothing(store):
    customer = await open_customer(store, now=OPENED, dollars=60)
    await use(store, customer, OPENED + timedelta(days=1), 45)
    await sweep(store, OPENED + timedelta(days=2))
    assert await recommended(store, customer) == (45, [250, 100, 45, 10])
    customer.time = OPENED + timedelta(days=2)
    assert await customer.notices() == []
    await customer.spend(1)
    assert await customer.notices() == []


async def test_pages_end_where_the_accounts_do(store, monkeypatch):
    monkeypatch.setattr(recommending, "PAGE", 2)
    made = sorted([(await open_customer(store, now=OPENED)).account_id for _ in range(5)])
    hands, now = Recommending(database=store), OPENED + timedelta(days=1)
    page = await hands.recommend_page(PageRef("", now))
    assert page == PageDone(last=made[1], done=2, failed=0)
    again = await hands.recommend_page(PageRef("", now))  # as after a worker's death
    assert again == PageDone(last=made[3], done=2, failed=0)
    assert await sweep(store, now) == (1, 0)


async def test_an_account_that_cannot_be_read_keeps_nobody_waiting(store):
    await open_customer(store, now=OPENED)
    await open_customer(store, now=OPENED, timezone="Mars/Olympus")
    async with store.transaction() as session:
        session.add(
            Account(id="MA00000000000000000A", name="No row", email="x@x.example", timezone="UTC", created_at=OPENED)
        )
    assert await sweep(store, OPENED + timedelta(days=3)) == (1, 1)


async def test_closed_accounts_are_left_alone(store):
    await open_customer(store, now=OPENED)
    async with store.transaction() as session:
        await session.execute(text("UPDATE account SET status = 'closed'"))
    assert await sweep(store, OPENED + timedelta(days=3)) == (0, 0)


async def test_the_owner_and_the_sweep_at_once_leave_what_the_owner_set(store):
    """Whoever comes first: what is watched is what the settings say, and the owner's word stands."""
    for n in range(12):
        customer = await open_customer(store, now=OPENED)
        await use(store, customer, OPENED + timedelta(days=1), 33)
        first, second = customer.put([42]), sweep(store, OPENED + timedelta(days=2))
        await asyncio.gather(*((first, second) if n % 2 else (second, first)))
        assert await recommended(store, customer) == (33, [250, 100, 42, 10])


async def test_two_owners_at_once_leave_one_list_whole(store):
    customer = await open_customer(store, now=OPENED)
    for _ in range(8):
        await asyncio.gather(customer.put([1, 2, 3]), customer.put([400, 500]), customer.put([]))
        async with store.transaction() as session:
            settings = await balance_alerts.get(session, customer.account_id)
            watched = (await ledger.watched(session, customer.account_id))[Threshold.ALERT]
        assert settings.thresholds in {(1 * DOLLAR, 2 * DOLLAR, 3 * DOLLAR), (400 * DOLLAR, 500 * DOLLAR), ()}
        assert watched == sorted({250 * DOLLAR, 100 * DOLLAR, 10 * DOLLAR, *settings.thresholds}, reverse=True)
