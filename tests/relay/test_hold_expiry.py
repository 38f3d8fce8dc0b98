"""The sweep frees what expired holds keep: all of it, once, and one account's trouble is no other's."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text
from sqlmodel import col

import ledger
from models.account import Account
from models.hold import Hold
from relay import expiring
from relay.expiring import HoldExpiry
from rules.money import Money
from sandbox.ports import free_ports
from store import hold_expiry, holds
from store.database import Database, DatabaseUnavailableError
from store.ids import new_auth_id
from tests.relay.conftest import NOW

LATER = NOW + timedelta(minutes=2)


async def account_with(books, micros: int) -> str:
    account = new_auth_id("MA", NOW)
    async with books.transaction() as session:
        session.add(Account(id=account, name="Ada", email="ada@example.com", timezone="UTC", created_at=NOW))
        await session.flush()
        await ledger.open_account(session, account)
        await ledger.adjust(
            session,
            account_id=account,
            adjustment_id=f"adj_{account}",
            kind="goodwill",
            amount_micros=micros,
            reason="to begin with",
            now=NOW,
        )
    return account


async def hold(books, account: str, count: int = 1, *, seconds: int = 60) -> list[str]:
    made: list[str] = []
    async with books.transaction() as session:
        for n in range(count):
            new = holds.NewHold(
                account_id=account, reference=f"{seconds}/{n}", amount=Money(10), expires_in=seconds
            )  # fmt: skip
            kept = await holds.reserve(session, new, now=NOW)
            assert isinstance(kept, holds.Kept)
            made.append(kept.hold.id)
    return made


async def held(books, account: str) -> int:
    async with books.transaction() as session:
        found = await ledger.balances(session, account)
        assert found is not None
        assert [one for one in await ledger.verify(session) if one.account_id == account] == []
        return found.held


def sweep(books, now=LATER) -> HoldExpiry:
    return HoldExpiry(database=books, now=lambda: now)


async def drained(expiry: HoldExpiry) -> int:
    freed = 0
    while moved := await expiry.step():
        freed += moved
    return freed


async def test_only_what_has_expired_is_freed(books):
    account = await account_with(books, 1000)
    await hold(books, account, 3)
    await hold(books, account, 2, seconds=600)
    assert await drained(sweep(books, NOW + timedelta(seconds=59))) == 0
    assert await held(books, account) == 50
    assert await drained(sweep(books)) == 3
    assert await held(books, account) == 20
    assert await drained(sweep(books)) == 0


async def test_a_backlog_is_freed_whole_whoever_it_belongs_to(books):
    many = hold_expiry.BATCH * 2 + 7
    crowded, *others = [await account_with(books, 10_000) for _ in range(4)]
    await hold(books, crowded, many)
    for account in others:
        await hold(books, account, 5)
    assert await drained(sweep(books)) == many + 15
    assert [await held(books, account) for account in (crowded, *others)] == [0, 0, 0, 0]
    async with books.transaction() as session:
        ended = await session.execute(
            select(col(Hold.status), col(Hold.ended_at) == col(Hold.expires_at), func.count()).group_by(
                "status", text("2")
            )
        )
        assert ended.all() == [("expired", True, many + 15)]


async def test_side_by_side_each_hold_is_freed_once(books):
    accounts = [await account_with(books, 10_000) for _ in range(6)]
    for account in accounts:
        await hold(books, account, 30)
    freed = await asyncio.gather(*(drained(sweep(books)) for _ in range(3)))
    assert sum(freed) == 180
    assert [await held(books, account) for account in accounts] == [0] * 6


async def test_an_account_whose_books_are_wrong_stops_no_other(books):
    wrong, *others = [await account_with(books, 1000) for _ in range(3)]
    (bad,) = await hold(books, wrong)
    async with books.transaction() as session:
        await session.execute(
            text("UPDATE hold SET amount_micros = 11 WHERE account_id = :account AND id = :id"),
            {"account": wrong, "id": bad},
        )
    for account in others:
        await hold(books, account, seconds=90)
    assert await sweep(books).step() == 2
    assert [await held(books, account) for account in others] == [0, 0]
    assert await held(books, wrong) == 10, "it is kept, not guessed at"


async def test_many_that_cannot_be_freed_do_not_keep_those_behind_them(books):
    wrong, behind = await account_with(books, 10_000), await account_with(books, 1000)
    bad = await hold(books, wrong, hold_expiry.BATCH + 1)
    async with books.transaction() as session:
        await session.execute(
            text("UPDATE hold SET amount_micros = 11 WHERE account_id = :account"), {"account": wrong}
        )  # fmt: skip
    await hold(books, behind, seconds=90)
    now = [LATER]
    expiry = HoldExpiry(database=books, now=lambda: now[0])
    assert [await expiry.step() for _ in range(3)] == [0, 1, 0]
    assert await held(books, behind) == 0
    async with books.transaction() as session:
        await session.execute(
            text("UPDATE hold SET amount_micros = 10 WHERE account_id = :account"), {"account": wrong}
        )  # fmt: skip
    assert await expiry.step() == 0
    now[0] += expiring.LEFT_ALONE
    assert await drained(expiry) == len(bad)


async def test_a_hold_that_the_book_has_ended_is_not_ended_again(books):
    account = await account_with(books, 1000)
    (made,) = await hold(books, account)
    async with books.transaction() as session:
        await holds.release(session, account_id=account, hold_id=made, now=NOW)
        await session.execute(text("UPDATE hold SET status = 'open', ended_at = NULL"))
    assert await sweep(books).step() == 0
    async with books.transaction() as session:
        assert await session.scalar(select(col(Hold.status))) == "open", "what is wrong stays to be seen"
    assert await held(books, account) == 0


async def test_an_outage_in_the_middle_ends_the_sweep_and_is_no_accounts_fault(books, monkeypatch):
    account = await account_with(books, 1000)
    await hold(books, account)

    async def cut(*_, **__):
        raise DatabaseUnavailableError("cut")

    with monkeypatch.context() as cable:
        cable.setattr(hold_expiry, "expire_due", cut)
        with pytest.raises(DatabaseUnavailableError):
            await sweep(books).step()
    assert await sweep(books).step() == 1


async def test_it_waits_for_a_database_that_is_away(books, monkeypatch):
    monkeypatch.setattr(expiring, "AFTER_OUTAGE_SECONDS", 0.01)
    account = await account_with(books, 1000)
    await hold(books, account)
    asked = asyncio.Event()
    async with Database(f"postgresql://nobody@127.0.0.1:{free_ports(1)[0]}/none") as away:
        with pytest.raises(DatabaseUnavailableError):
            await sweep(away).step()
        expiry = sweep(away)

        async def step() -> int:
            try:
                return await HoldExpiry.step(expiry)
            finally:
                asked.set()

        monkeypatch.setattr(expiry, "step", step)
        running = asyncio.create_task(expiry.run())
        await asked.wait()
        expiry._database = books
        async with asyncio.timeout(30):
            while await held(books, account):
                asked.clear()
                await asked.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
