"""Crossings have their effect once, whatever dies; one that fails stops no other (requirement H4)."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text
from sqlmodel import col

import ledger
from ledger.charge import Charge
from ledger.charging import charge_all
from models.account import Account
from models.event import Event
from models.ledger import LedgerCrossing
from models.notice import Notice
from models.subaccount import Subaccount
from relay.crossings import CrossingsRelay
from rules.thresholds import Threshold
from store import backlog, balance_alerts
from store.backlog import Backlog
from store.crossing_effects import CrossingEffects
from store.database import Database, DatabaseUnavailableError
from store.ids import new_auth_id
from tests.ledger.accounts import charge
from tests.relay.conftest import NOW

DOLLAR = 1_000_000


class Clock:
    """Goes on by a millisecond whenever it is asked, so that ids tell the order."""

    def __init__(self) -> None:
        self.now = NOW
        self.asked = 0

    def __call__(self):
        self.asked += 1
        return self.now + timedelta(milliseconds=self.asked)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def relay(books, clock):
    return relay_of(books, clock)


def relay_of(books: Database, clock) -> CrossingsRelay:
    return CrossingsRelay(database=books, effects=CrossingEffects(retention_days=30), now=clock)


@pytest.fixture
async def account(books):
    return await account_with(books, 300 * DOLLAR)


async def account_with(books, micros: int) -> str:
    account = new_auth_id("MA", NOW)
    async with books.transaction() as session:
        session.add(Account(id=account, name="Ada", email="ada@example.com", timezone="UTC", created_at=NOW))
        await session.flush()
        await ledger.open_account(session, account)
        await ledger.adjust(
            session, account_id=account, adjustment_id=f"adj_{account}", kind="goodwill", amount_micros=micros,
            reason="to begin with", now=NOW,
        )  # fmt: skip
    return account


async def spend(books, account, dollars, reference="r", **more):
    async with books.transaction() as session:
        answer = await charge(
            session, account_id=account, reference=reference, amount_micros=dollars * DOLLAR, now=NOW, **more
        )
    assert answer.outcome == "posted"
    return answer.transaction_id


async def drained(relay: CrossingsRelay) -> int:
    tried = 0
    while moved := await relay.step():
        tried += moved
    return tried


async def waiting(books, now=NOW) -> Backlog:
    async with books.transaction() as session:
        return await backlog.crossings(session, now=now)


async def notices(books, account) -> list[tuple[str, object]]:
    """By threshold, the highest first; they are as old as what caused them."""
    async with books.transaction() as session:
        rows = await session.scalars(select(Notice).where(col(Notice.account_id) == account))
        found = [(row.kind, row.facts.get("threshold_micros", 0)) for row in rows]
    return sorted(found, key=lambda one: -one[1])


async def told(books, account) -> list[str]:
    async with books.transaction() as session:
        rows = await session.scalars(
            select(col(Event.type)).where(col(Event.account_id) == account).order_by(col(Event.id))
        )
        return [one for one in rows if one.startswith(("balance.", "subaccount.", "account.retention"))]


THREE = [("balance_alert", amount * DOLLAR) for amount in (250, 100, 10)]


async def test_each_of_three_has_its_notice_and_its_event_in_order(books, relay, account):
    await spend(books, account, 295)
    assert await drained(relay) == 4
    assert await notices(books, account) == THREE
    assert await told(books, account) == ["balance.restored", *["balance.alert"] * 3]
    assert await waiting(books) == Backlog(0, 0, 0)
    assert await relay.step() == 0


async def test_zero_starts_the_clock_and_money_ends_it(books, relay, account):
    await drained(relay)
    await spend(books, account, 300)
    await drained(relay)
    assert (await notices(books, account))[-1][0] == "balance_exhausted"
    assert set((await told(books, account))[-2:]) == {"balance.exhausted", "account.retention_started"}
    async with books.transaction() as session:
        await ledger.adjust(
            session, account_id=account, adjustment_id="adj", kind="goodwill", amount_micros=1, reason="-", now=NOW
        )
    await drained(relay)
    assert set((await told(books, account))[-2:]) == {"balance.restored", "account.retention_canceled"}


async def test_a_budget_that_is_used_up_is_told(books, relay, account):
    subaccount, month = new_auth_id("SA", NOW), NOW.date().replace(day=1)
    async with books.transaction() as session:
        session.add(Subaccount(account_id=account, id=subaccount, name="Shop", enabled=True, created_at=NOW))
        await session.flush()
        await ledger.set_budget(
            session,
            account_id=account,
            subaccount_id=subaccount,
            limit_micros=5 * DOLLAR,
            month=month,
            month_starts=NOW,
        )
    transaction = await spend(books, account, 5, subaccount_id=subaccount)
    await drained(relay)
    async with books.transaction() as session:
        event = (
            await session.scalars(select(Event).where(col(Event.type) == "subaccount.budget_exhausted"))
        ).one()  # fmt: skip
    assert event.account_id == account
    assert event.data == {
        "subaccount": subaccount, "budget": "5.00", "currency": "usd", "transaction": transaction,
        "crossed_at": "2026-11-24T15:00:00Z", "month": "2026-11-01",
    }  # fmt: skip


async def test_many_relays_side_by_side_have_each_effect_once(books, clock):
    accounts = [await account_with(books, 300 * DOLLAR) for _ in range(5)]
    for account in accounts:
        await spend(books, account, 295)
    assert sum(await asyncio.gather(*(drained(relay_of(books, clock)) for _ in range(3)))) == 20
    for account in accounts:
        assert await notices(books, account) == THREE


async def test_one_that_fails_stops_no_other_and_is_tried_again(books, relay, clock, account, monkeypatch):
    other = await account_with(books, 300 * DOLLAR)
    real = balance_alerts.crossed

    async def poisoned(session, crossing, *, now):
        await real(session, crossing, now=now)
        if crossing.account_id == account and crossing.below_micros == 100 * DOLLAR:
            raise RuntimeError("no such template")

    with monkeypatch.context() as poison:
        poison.setattr(balance_alerts, "crossed", poisoned)
        await spend(books, account, 295)
        await spend(books, other, 295)
        await drained(relay)
        assert await notices(books, account) == [THREE[0], THREE[2]], "nothing of the effect that failed"
        assert await notices(books, other) == THREE
        assert await waiting(books, NOW + timedelta(seconds=9)) == Backlog(waiting=1, put_off=1, oldest_seconds=9)
        waits = []
        for _ in range(8):
            async with books.transaction() as session:
                row = (
                    await session.scalars(select(LedgerCrossing).where(col(LedgerCrossing.handed_at).is_(None)))
                ).one()  # fmt: skip
            assert row.last_error == "RuntimeError: no such template"
            assert row.next_try_at is not None
            waits.append(round((row.next_try_at - clock.now).total_seconds()))
            clock.now = row.next_try_at
            assert await drained(relay) == 1
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    clock.now += timedelta(minutes=1)
    assert await drained(relay) == 1
    assert await notices(books, account) == THREE


async def test_the_minimum_of_an_account_without_auto_recharge_wakes_nobody(books, relay, account):
    async with books.transaction() as session:
        await ledger.watch(session, account, Threshold.MINIMUM, [299 * DOLLAR])
    await spend(books, account, 2)
    await drained(relay)
    assert await waiting(books) == Backlog(waiting=0, put_off=0, oldest_seconds=0)
    async with books.transaction() as session:
        assert not (await session.scalars(text("SELECT id FROM outbox WHERE kind = 'auto_recharge'"))).all()


async def test_a_relay_that_dies_between_the_effect_and_its_mark_leaves_nothing(books, relay, account, postgres):
    """Its connection is cut after the effect was written, as when the process is killed: another does it once."""
    await spend(books, account, 55)
    real = CrossingEffects.apply
    cut = asyncio.Event()

    class Dying(CrossingEffects):
        async def apply(self, session, crossing, *, now):
            await real(self, session, crossing, now=now)
            pid = await session.scalar(text("SELECT pg_backend_pid()"))
            async with postgres.server.superuser("postgres") as superuser:
                await superuser.execute("SELECT pg_terminate_backend($1)", pid)
            cut.set()

    dying = CrossingsRelay(database=books, effects=Dying(retention_days=30), now=lambda: NOW)
    with pytest.raises(DatabaseUnavailableError):
        await dying.step()
    assert cut.is_set()
    assert await notices(books, account) == []
    assert (await waiting(books)).put_off == 0, "an outage is no fault of the crossing"
    await drained(relay)
    assert await notices(books, account) == THREE[:1]
    assert await told(books, account) == ["balance.restored", "balance.alert"]


async def test_an_effect_waits_for_a_charge_under_way_and_reads_what_it_left(books, relay, account):
    """Fallen to zero and risen again before anybody looked: the clock that was never needed does not run."""
    await spend(books, account, 300)
    async with books.transaction() as session:
        await ledger.adjust(
            session, account_id=account, adjustment_id="adj", kind="goodwill", amount_micros=1, reason="-", now=NOW
        )
        work = asyncio.create_task(drained(relay))
        await asyncio.sleep(0)
    await work
    await drained(relay)
    async with books.transaction() as session:
        running = await session.scalar(text("SELECT count(*) FROM retention_clock WHERE ended_at IS NULL"))
    assert running == 0


async def test_a_backlog_of_many_accounts_is_handed_on_whole(books, relay):
    accounts = sorted([await account_with(books, 300 * DOLLAR) for _ in range(12)])
    wanted = [
        Charge(account_id=account, reference="r", amount_micros=60 * DOLLAR, epoch=0) for account in accounts
    ]  # fmt: skip
    async with books.transaction() as session:
        connection = await (await session.connection()).get_raw_connection()
        await charge_all(connection.driver_connection, wanted, now=NOW)
    await drained(relay)
    async with books.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Notice)) == len(accounts)
        assert await ledger.verify(session) == []
