"""Migrations: from nothing, again, two at once; and what the application's role may do afterwards."""

import asyncio
import sys
from pathlib import Path

import asyncpg
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

import ledger
from migrations import rights
from migrations.run import is_current, upgrade
from rules.alerts import BUILT_IN
from rules.thresholds import ZERO_BELOW, Threshold
from store.database import Database
from tests.ledger.accounts import NOW

MIGRATIONS = Path(__file__).parents[2] / "migrations"
DOLLAR = 1_000_000

TWO_AT_ONCE = """
import asyncio, sys
from migrations.run import upgrade
asyncio.run(upgrade(sys.argv[1]))
"""


@pytest.fixture
async def empty(postgres):
    database = await postgres.create_database()
    yield database
    await postgres.drop_database(database)


async def test_an_empty_database_is_brought_up_to_date_and_again_changes_nothing(empty):
    assert not await is_current(empty.owner_url)
    await upgrade(empty.owner_url)
    assert await is_current(empty.owner_url)
    before = await _schema(empty.owner_url)
    await upgrade(empty.owner_url)
    assert await is_current(empty.app_url), "the application itself can see that it is up to date"
    assert await _schema(empty.owner_url) == before


async def test_two_migrators_at_once_in_one_process(empty):
    await asyncio.gather(upgrade(empty.owner_url), upgrade(empty.owner_url))
    assert await is_current(empty.owner_url)


async def test_two_migrators_at_once_in_two_processes(empty):
    root = Path(__file__).parents[2]
    command = (sys.executable, "-c", TWO_AT_ONCE, empty.owner_url)
    both = [await asyncio.create_subprocess_exec(*command, cwd=root) for _ in range(2)]
    assert [await process.wait() for process in both] == [0, 0]
    assert await is_current(empty.owner_url)


async def test_accounts_from_before_are_watched_from_now_on(empty):
    """What they crossed before is told to nobody; from here on they are as new ones."""
    rich, poor = "MA00000000000000000R", "MA00000000000000000P"
    await _upgrade_to(empty.owner_url, "0003_spending")
    owner = await asyncpg.connect(empty.owner_url)
    for account, funds in ((rich, 300 * DOLLAR), (poor, 50 * DOLLAR)):
        await owner.execute("SELECT ledger_open($1)", account)
        await owner.execute(
            "SELECT ledger_post($1, $2, 10::smallint, 'a', 'a', NULL, '-', '{27}', '{1}', ARRAY[$3::bigint], true)",
            *(account, NOW, funds),
        )
    await owner.close()
    await upgrade(empty.owner_url)
    async with Database(empty.app_url) as book, book.transaction() as session:
        for account in (rich, poor):
            assert await ledger.crossed(session, account) == []
            assert (await ledger.watched(session, account))[Threshold.ALERT] == list(BUILT_IN)
        assert await ledger.verify(session) == []
        for account in (rich, poor):
            correction = {"account_id": account, "adjustment_id": "adj_2", "kind": "correction", "reason": "-"}
            await ledger.adjust(session, **correction, amount_micros=-60 * DOLLAR, now=NOW)
        told = [
            (one.account_id, one.kind, one.below_micros)
            for account in (rich, poor)
            for one in await ledger.crossed(session, account)
        ]
        assert told == [
            (rich, Threshold.ALERT, 250 * DOLLAR),
            (poor, Threshold.ALERT, 10 * DOLLAR),
            (poor, Threshold.ZERO, ZERO_BELOW),
        ]
        assert await ledger.verify(session) == []


async def test_rules_move_into_types_without_writing_the_journal_anew(empty):
    account = "MA00000000000000000K"
    await _upgrade_to(empty.owner_url, "0010_crossing_put_off_once")
    owner = await asyncpg.connect(empty.owner_url)
    await owner.execute("SELECT ledger_open($1)", account)
    await owner.execute(
        "SELECT ledger_post($1, $2, 10::smallint, 'a', 'a', NULL, '-', '{27}', '{1}', '{5}', true)", account, NOW
    )
    files = "SELECT pg_relation_filenode('ledger_transfer'), pg_relation_filenode('ledger_balance')"
    before = await owner.fetchrow(files)
    await upgrade(empty.owner_url)
    assert await owner.fetchrow(files) == before
    again = "SELECT outcome FROM ledger_post($1, $2, 10::smallint, 'a', 'a', NULL, '-', '{27}', '{1}', '{5}', true)"
    assert await owner.fetchval(again, account, NOW) == "replayed"
    await owner.close()
    async with Database(empty.app_url) as book, book.transaction() as session:
        assert await ledger.verify(session) == []


async def test_a_failed_upgrade_leaves_nothing_behind(empty):
    owner = await asyncpg.connect(empty.owner_url)
    await owner.execute("CREATE TABLE ledger_transfer (here_first int)")
    with pytest.raises(Exception, match="already exists"):
        await upgrade(empty.owner_url)
    assert await owner.fetchval("SELECT to_regclass('alembic_version')") is None
    assert await owner.fetchval("SELECT to_regclass('ledger_balance')") is None
    await owner.close()


async def test_a_missing_role_is_said_and_leaves_nothing_behind(empty):
    with pytest.raises(LookupError, match='no role "nobody_here"'):
        await upgrade(empty.owner_url, app_role="nobody_here")
    assert not await is_current(empty.owner_url)


async def test_rights_that_someone_added_by_hand_are_taken_back(database):
    owner = await asyncpg.connect(database.owner_url)
    await owner.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO prepay_app")
    await upgrade(database.owner_url)
    rows = await owner.fetch(
        "SELECT oid::regclass::text AS name FROM pg_class WHERE relname LIKE 'ledger\\_%'"
        " AND relkind IN ('r', 'v') AND has_table_privilege('prepay_app', oid, 'INSERT, UPDATE')"
    )
    assert rows == []
    await owner.close()


async def test_the_application_may_do_just_what_the_list_of_rights_says(database):
    owner = await asyncpg.connect(database.owner_url)
    rows = await owner.fetch("""
        SELECT relname, array_agg(privilege_type ORDER BY privilege_type) AS held
        FROM pg_class LEFT JOIN LATERAL aclexplode(relacl) a ON a.grantee = 'prepay_app'::regrole
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v') GROUP BY relname""")
    held = {row["relname"]: set(row["held"]) for row in rows}
    assert {name: found for name, found in held.items() if name.startswith("ledger_")} == {
        name: {"SELECT"}
        for name in (
            "ledger_balance",
            "ledger_budget",
            "ledger_transfer",
            "ledger_threshold",
            "ledger_crossing",
            "ledger_code",
            "ledger_kind",
            "ledger_entry",
            "ledger_total",
        )
    }
    assert held["alembic_version"] == {"SELECT"}
    assert held["audit_entry"] == {"SELECT", "INSERT"}
    assert held["account"] == set(rights.RECORDS.split(", "))
    await owner.close()


async def _upgrade_to(url: str, revision: str) -> None:
    def run(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)

    async with Database(url) as owner, owner.engine.begin() as connection:
        await connection.run_sync(run)


async def _schema(url: str) -> list[tuple[object, ...]]:
    connection = await asyncpg.connect(url)
    rows = await connection.fetch("""
        SELECT relname::text, relkind::text, relacl::text FROM pg_class WHERE relnamespace = 'public'::regnamespace
        UNION ALL SELECT proname, prosrc, proacl::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        ORDER BY 1, 2""")
    await connection.close()
    return [tuple(row) for row in rows]
