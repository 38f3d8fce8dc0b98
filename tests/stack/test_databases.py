"""The fixture of a migrated database."""

import asyncpg


async def test_each_test_has_a_migrated_database_of_its_own(database, postgres, migrated):
    other = await postgres.create_database(template=migrated.name)
    for mine in (database, other):
        connection = await asyncpg.connect(mine.app_url)
        assert await connection.fetchval("SELECT current_database()") == mine.name
        assert await connection.fetchval("SELECT to_regclass('alembic_version')") == "alembic_version"
        await connection.close()
    await postgres.drop_database(other)
