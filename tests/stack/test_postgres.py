"""The embedded PostgreSQL: its roles, and what it survives."""

import asyncpg
import pytest


async def test_the_application_may_connect_but_not_create_tables(postgres):
    database = await postgres.create_database()
    connection = await asyncpg.connect(database.app_url)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("CREATE TABLE t (id int)")
    await connection.close()


async def test_the_owner_may_create_tables(postgres):
    database = await postgres.create_database()
    connection = await asyncpg.connect(database.owner_url)
    await connection.execute("CREATE TABLE t (id int)")
    assert await connection.fetchval("SELECT count(*) FROM t") == 0
    await connection.close()


async def test_a_password_is_needed(postgres):
    url = (await postgres.create_database()).app_url.replace(":prepay@", ":wrong@")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(url)


async def test_text_sorts_alike_on_every_machine(postgres):
    async with postgres.server.superuser() as connection:
        provider, locale, encoding = await connection.fetchrow(
            "SELECT datlocprovider::text, datlocale, pg_encoding_to_char(encoding) FROM pg_database"
            " WHERE datname = 'prepay'"
        )
    assert (provider, locale, encoding) == ("b", "C.UTF-8", "UTF8")
