"""What the book's columns may hold (requirement H1): refused to whoever writes them, also to a superuser."""

import asyncpg
import pytest

from tests.ledger.accounts import NOW

TRANSFER = """
INSERT INTO ledger_transfer
    (account_id, seq, posted_at, amount, spendable_after, posted_after, leg, kind, debit, credit, key)
VALUES ('MA', 1, now(), {amount}, 0, 0, {leg}, 1, {debit}, {credit}, {key})
"""
SOUND = {"amount": "1", "leg": "0", "debit": "1", "credit": "10", "key": "'r'"}
WRONG = {
    "amount": ["0", "-1"],
    "leg": ["-1", "8"],
    "debit": ["0", "29"],
    "credit": ["0", "29"],
    "key": ["''", "repeat('r', 256)"],
}
BALANCES = [
    "seq = -1",
    "pending = -1",
    "provisional = 1",
    "provisional = -1",  # nothing is pending that could be lent against
    "held = -1",
    "at_risk = -1",
    "refund_due = -1",
    "account_id = 'MA1'",
]


async def test_what_keeps_the_rules_is_taken(superuser):
    transaction = superuser.transaction()
    await transaction.start()
    await superuser.execute(TRANSFER.format(**SOUND))
    await transaction.rollback()


@pytest.mark.parametrize(("column", "value"), [(column, value) for column, values in WRONG.items() for value in values])
async def test_a_transfer_that_breaks_a_rule_is_refused(superuser, column, value):
    with pytest.raises(asyncpg.CheckViolationError):
        await superuser.execute(TRANSFER.format(**{**SOUND, column: value}))


@pytest.mark.parametrize("change", BALANCES)
async def test_a_balance_that_breaks_a_rule_is_refused(superuser, open_with, change):
    account = await open_with(5)
    with pytest.raises(asyncpg.CheckViolationError):
        await superuser.execute(f"UPDATE ledger_balance SET {change} WHERE account_id = $1", account)


async def test_lending_stops_at_what_is_pending(superuser, open_with):
    account = await open_with(5)
    change = "UPDATE ledger_balance SET pending = pending + $2, provisional = provisional - $3 WHERE account_id = $1"
    transaction = superuser.transaction()
    await transaction.start()
    await superuser.execute(change, account, 10, 10)
    with pytest.raises(asyncpg.CheckViolationError, match="provisional -11 is more than pending 10") as refused:
        await superuser.execute(change, account, 0, 1)
    assert refused.value.constraint_name == "ledger_balance_provisional"
    await transaction.rollback()


async def test_a_leg_that_goes_nowhere_is_refused(book, open_with):
    account = await open_with(5)
    connection = await asyncpg.connect(book.app_url)
    with pytest.raises(asyncpg.PostgresError, match="leg 2 goes nowhere") as refused:
        await connection.execute(
            "SELECT ledger_post($1, $2, 10::smallint, 'n', 'n', NULL, '-', '{26, 1}', '{1, 1}', '{1, 1}', true)",
            *(account, NOW),
        )
    assert refused.value.sqlstate == "LG003"
    await connection.close()


async def test_only_the_first_leg_of_an_operation_has_its_key(book, open_with):
    account = await open_with(5)
    connection = await asyncpg.connect(book.app_url)
    await connection.execute(
        "SELECT ledger_post($1, $2, 10::smallint, 'k', 'k', NULL, '-', '{26, 26}', '{1, 1}', '{1, 1}', true)",
        *(account, NOW),
    )
    rows = await connection.fetch(
        "SELECT leg, key FROM ledger_transfer WHERE account_id = $1 AND source = 'k' ORDER BY leg", account
    )
    assert [tuple(row) for row in rows] == [(0, "k"), (1, None)]
    await connection.close()


async def test_a_lone_charge_goes_to_the_book_that_it_was_made_for(book, superuser, open_with):
    """It is bound to its tables: neither a path nor a temporary table of the caller leads it elsewhere."""
    account = await open_with(5)
    async with superuser.transaction():
        await superuser.execute("CREATE TEMP TABLE ledger_balance (LIKE public.ledger_balance INCLUDING ALL)")
        await superuser.execute("INSERT INTO pg_temp.ledger_balance SELECT * FROM public.ledger_balance")
        await superuser.execute("SET LOCAL search_path = pg_temp, public")
        query = "SELECT spendable FROM ledger_charge_lone($1, $2, $3, 'bound', 1, 1::smallint, false, NULL, NULL, NULL)"
        epoch = await superuser.fetchval("SELECT epoch FROM public.ledger_balance WHERE account_id = $1", account)
        assert await superuser.fetchval(query, NOW, account, epoch) == 4
        assert (
            await superuser.fetchval("SELECT spendable FROM public.ledger_balance WHERE account_id = $1", account) == 4
        )
        await superuser.execute("DROP TABLE pg_temp.ledger_balance")
