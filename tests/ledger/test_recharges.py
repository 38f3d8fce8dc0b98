"""A recharge is expected once and ended once, whoever calls and however often (requirements E9-E11; M4)."""

import asyncio
from collections import Counter

import pytest
from sqlalchemy.exc import DBAPIError

import ledger
from ledger import AlreadyEndedError, KeyReusedError
from tests.ledger.accounts import NOW

AMOUNT = 25_000_000


def _recharge(account, number=1, amount=AMOUNT):
    return {"account_id": account, "recharge_id": f"rchg_{number}", "amount_micros": amount, "now": NOW}


async def _expected(db, open_with, amount=AMOUNT):
    account = await open_with(0)
    async with db.transaction() as session:
        await ledger.recharge_expected(session, **_recharge(account, amount=amount))
    return account


async def _sides(superuser, account):
    """Every code of the account that is not zero, house sides too."""
    rows = await superuser.fetch(
        "SELECT name, sum(amount)::bigint AS sum FROM ledger_entry JOIN ledger_code USING (code)"
        " WHERE account_id = $1 GROUP BY name HAVING sum(amount) <> 0",
        account,
    )
    return {row["name"]: row["sum"] for row in rows}


async def test_expected_money_is_arriving_and_not_available(db, open_with, superuser):
    account = await _expected(db, open_with)
    async with db.transaction() as session:
        again = await ledger.recharge_expected(session, **_recharge(account))
        found = await ledger.balances(session, account)
    assert again.replayed
    assert (found.available, found.arriving, found.posted, found.total) == (0, AMOUNT, 0, AMOUNT)
    assert await _sides(superuser, account) == {"expected": -AMOUNT, "pending": AMOUNT}


async def test_settled_money_is_available_and_owed_by_the_processor(db, open_with, superuser):
    account = await _expected(db, open_with)
    async with db.transaction() as session:
        first = await ledger.recharge_settled(session, **_recharge(account), charge_id="ch_1")
        again = await ledger.recharge_settled(session, **_recharge(account), charge_id="ch_1")
    assert (first.replayed, again.replayed) == (False, True)
    assert first.transaction_id == again.transaction_id
    assert (again.balances.available, again.balances.arriving, again.balances.posted) == (AMOUNT, 0, AMOUNT)
    assert await _sides(superuser, account) == {"clearing": -AMOUNT, "spendable": AMOUNT}


async def test_voided_money_leaves_no_trace_in_any_balance(db, open_with, superuser):
    account = await _expected(db, open_with)
    async with db.transaction() as session:
        first = await ledger.recharge_voided(session, **_recharge(account))
        again = await ledger.recharge_voided(session, **_recharge(account))
    assert (first.replayed, again.replayed) == (False, True)
    assert (again.balances.available, again.balances.arriving, again.balances.posted) == (0, 0, 0)
    assert await _sides(superuser, account) == {}


async def test_both_ends_at_once_many_times_one_wins(db, open_with):
    account = await _expected(db, open_with)

    async def settle(n):
        async with db.transaction() as session:
            return await ledger.recharge_settled(session, **_recharge(account), charge_id=f"ch_{n % 2}")

    async def void():
        async with db.transaction() as session:
            return await ledger.recharge_voided(session, **_recharge(account))

    results = await asyncio.gather(*(settle(n) if n % 4 else void() for n in range(64)), return_exceptions=True)
    kinds = Counter(r.replayed if isinstance(r, ledger.Posted) else type(r) for r in results)
    assert kinds[False] == 1
    assert set(kinds) == {False, True, AlreadyEndedError}
    async with db.transaction() as session:
        found = await ledger.balances(session, account)
    assert found.arriving == 0
    assert found.available in {0, AMOUNT}


async def test_a_recharge_is_settled_by_one_charge_and_a_charge_settles_one_recharge(db, open_with):
    account = await _expected(db, open_with)
    async with db.transaction() as session:
        await ledger.recharge_expected(session, **_recharge(account, 2))
        await ledger.recharge_settled(session, **_recharge(account), charge_id="ch_1")
        with pytest.raises(AlreadyEndedError):
            await ledger.recharge_settled(session, **_recharge(account), charge_id="ch_2")
        with pytest.raises(KeyReusedError):
            await ledger.recharge_settled(session, **_recharge(account, 2), charge_id="ch_1")
        assert (await ledger.balances(session, account)).arriving == AMOUNT


@pytest.mark.parametrize("end", [ledger.recharge_settled, ledger.recharge_voided])
@pytest.mark.parametrize(
    "wrong", [{"amount_micros": AMOUNT - 1}, {"amount_micros": 2 * AMOUNT}, {"recharge_id": "rchg_9"}]
)
async def test_an_end_takes_out_exactly_what_was_expected(db, open_with, end, wrong):
    account = await _expected(db, open_with)
    async with db.transaction() as session:
        await ledger.recharge_expected(session, **_recharge(account, 2, 3 * AMOUNT))
    more = {"charge_id": "ch_1"} if end is ledger.recharge_settled else {}
    with pytest.raises(DBAPIError, match="does not end what was opened"):
        async with db.transaction() as session:
            await end(session, **_recharge(account) | wrong | more)


async def test_the_same_recharge_of_another_amount_is_refused(db, open_with):
    account = await _expected(db, open_with)
    async with db.transaction() as session:
        with pytest.raises(KeyReusedError):
            await ledger.recharge_expected(session, **_recharge(account, amount=1))


async def test_the_indexes_hold_even_against_one_who_goes_around_the_function(superuser, db, open_with):
    account = await _expected(db, open_with)
    async with db.transaction() as session:
        await ledger.recharge_settled(session, **_recharge(account), charge_id="ch_1")
    insert = """INSERT INTO ledger_transfer (account_id, seq, posted_at, amount, spendable_after, posted_after, leg,
        kind, debit, credit, key, source) VALUES ($1, $2, now(), 1, 1, 1, 0, $3, 2, 1, $4, $5)"""
    for kind, key, source, index in (
        (21, "ch_1", "rchg_2", "key"),
        (21, "ch_2", "rchg_1", "ending"),
        (22, "rchg_1", "rchg_1", "ending"),
        (20, "x", "rchg_1", "opening"),
    ):
        with pytest.raises(Exception, match=f"ledger_transfer_{index}"):
            await superuser.execute(insert, account, 99, kind, key, source)
