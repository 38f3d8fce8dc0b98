"""Migrations: from nothing, again, two at once; and what the application's role may do afterwards."""

import asyncio
import sys
from pathlib import Path

import asyncpg
import pytest

from migrations import rights
from migrations.run import is_current, upgrade

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


async def _schema(url: str) -> list[tuple[object, ...]]:
    connection = await asyncpg.connect(url)
    rows = await connection.fetch("""
        SELECT relname::text, relkind::text, relacl::text FROM pg_class WHERE relnamespace = 'public'::regnamespace
        UNION ALL SELECT proname, prosrc, proacl::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        ORDER BY 1, 2""")
    await connection.close()
    return [tuple(row) for row in rows]
