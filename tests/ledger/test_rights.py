"""The book is append-only and written by its functions alone (requirement H1): by right, and by trigger."""

import asyncpg
import pytest

import ledger
from tests.ledger import accounts

WRITES = [
    "INSERT INTO ledger_balance (account_id) VALUES ('MAZZZZZZZZZZZZZZZZZZ')",
    "UPDATE ledger_balance SET spendable = spendable + 1",
    "DELETE FROM ledger_balance",
    "TRUNCATE ledger_balance",
    "INSERT INTO ledger_transfer SELECT * FROM ledger_transfer",
    "UPDATE ledger_transfer SET amount = amount + 1",
    "DELETE FROM ledger_transfer",
    "TRUNCATE ledger_transfer",
    "DELETE FROM ledger_threshold",
    "UPDATE ledger_crossing SET handed_at = crossed_at",
    "DELETE FROM ledger_crossing",
    "UPDATE ledger_code SET name = upper(name)",
    "DELETE FROM ledger_kind",
    "SELECT * FROM ledger_balance FOR UPDATE",
    "ALTER TABLE ledger_transfer DISABLE TRIGGER ALL",
    "DROP TABLE ledger_transfer",
    "CREATE TABLE of_my_own (n int)",
    "CREATE FUNCTION ledger_mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "SET ROLE prepay_owner",
    "SET session_replication_role = replica",
]


@pytest.mark.parametrize("statement", WRITES)
async def test_the_application_cannot(statement, book, open_with):
    await open_with(5)
    connection = await asyncpg.connect(book.app_url)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute(statement)
    await connection.close()


@pytest.mark.parametrize(
    "verb",
    [
        "UPDATE ledger_transfer SET amount = 1",
        "DELETE FROM ledger_transfer",
        "TRUNCATE ledger_transfer",
        "DELETE FROM ledger_balance",
        "TRUNCATE ledger_balance",
        "UPDATE ledger_crossing SET below = 2",
        "DELETE FROM ledger_crossing",
        "TRUNCATE ledger_crossing",
    ],
)
async def test_not_even_the_owner_changes_what_is_written(verb, book, open_with):
    await open_with(5)
    connection = await asyncpg.connect(book.owner_url)
    with pytest.raises(asyncpg.PostgresError, match="append-only") as refused:
        await connection.execute(verb)
    assert refused.value.sqlstate == "LG002"
    await connection.close()


async def test_no_function_of_the_ledger_finds_its_tables_by_its_callers_path_or_is_public(superuser):
    rows = await superuser.fetch("""
        SELECT proname, prosecdef, proconfig, prosqlbody IS NOT NULL AS bound,
            has_function_privilege('prepay_app', oid, 'EXECUTE') AS app,
            EXISTS (SELECT FROM aclexplode(proacl) WHERE grantee = 0) OR proacl IS NULL AS public
        FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proname LIKE 'ledger\\_%'
            AND prorettype <> 'trigger'::regtype""")
    assert {row["proname"] for row in rows} == {
        *(
            "ledger_open",
            "ledger_lock",
            "ledger_post",
            "ledger_charge_all",
            "ledger_charge_each",
            "ledger_charge_one",
            "ledger_charge_lone",
        ),
        *("ledger_spent", "ledger_set_budget", "ledger_watch", "ledger_arm"),
        *("ledger_take_crossings", "ledger_crossing_handed", "ledger_crossing_put_off"),
    }
    for row in rows:
        assert row["prosecdef"]
        assert row["app"]
        assert row["bound"] or "search_path=public, pg_temp" in row["proconfig"], row["proname"]
        assert not row["public"], row["proname"]


async def test_a_table_of_the_callers_own_does_not_stand_in_for_the_ledgers(book, db, open_with):
    account = await open_with(5)
    connection = await asyncpg.connect(book.owner_url)  # the application may not even make temporary tables
    await connection.execute("CREATE TEMP TABLE ledger_balance (LIKE public.ledger_balance INCLUDING ALL)")
    await connection.execute("SELECT ledger_open('MAZZZZZZZZZZZZZZZZZZ')")
    assert await connection.fetchval("SELECT count(*) FROM pg_temp.ledger_balance") == 0
    await connection.close()
    async with db.transaction() as session:
        assert await ledger.balances(session, "MAZZZZZZZZZZZZZZZZZZ") is not None
        assert (await ledger.balances(session, account)).available == 5
        assert (await accounts.charge(session, account_id=account, reference="r", amount_micros=5)).outcome == "posted"
