"""Bring a database to the newest schema and say what the application's role may do in it.

One transaction under one advisory lock: two migrators at once are safe, and a failed upgrade leaves nothing behind.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, NullPool, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from migrations.rights import APP_ROLE, grant

ADVISORY_LOCK = 0x50_72_65_70_61_79  # "Prepay" in ASCII
WAIT_FOR_ANOTHER_MIGRATOR = "15min"
LOCK_TIMEOUT = "10s"  # rather fail and be started again than queue before every request of a running api
STATEMENT_TIMEOUT = "15min"
_ONE_IN_THIS_PROCESS = asyncio.Lock()  # alembic keeps the running migration in module globals


async def upgrade(owner_url: str, *, app_role: str = APP_ROLE) -> None:
    """Apply every missing revision and set the rights of `app_role` anew.

    `owner_url` is a libpq URL (`postgresql://…`) of the role that owns the schema.
    Raises LookupError if there is no role `app_role`.
    """
    async with _ONE_IN_THIS_PROCESS, _connection(owner_url) as connection, connection.begin():
        await connection.execute(text(f"SET LOCAL statement_timeout = '{WAIT_FOR_ANOTHER_MIGRATOR}'"))
        await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
        await connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
        await connection.execute(text(f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'"))
        await connection.run_sync(_upgrade_to_head)
        await grant(connection, app_role)


async def is_current(url: str) -> bool:
    """Whether the database stands exactly at the newest revision; asked by readiness with the application's URL."""
    async with _connection(url) as connection:
        if (await connection.execute(text("SELECT to_regclass('alembic_version')"))).scalar_one() is None:
            return False
        found = set((await connection.execute(text("SELECT version_num FROM alembic_version"))).scalars())
    return found == set(ScriptDirectory.from_config(_config()).get_heads())


def _upgrade_to_head(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return config


@contextlib.asynccontextmanager
async def _connection(url: str) -> AsyncGenerator[AsyncConnection]:
    # asyncpg reads the URL itself, so every libpq option (sslmode, host=/socket/dir) means what it says.
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(url), poolclass=NullPool
    )
    try:
        async with engine.connect() as connection:
            yield connection
    finally:
        await engine.dispose()
