"""Fixtures that every test may use: real servers on free ports, one of each in a session.

- `postgres`: an embedded PostgreSQL; `await postgres.create_database()` gives an empty database.
- `database`: a migrated database of the test's own, a copy of a template.
- `temporal_server`: the real Temporal server, with `.address`; it knows the namespace `default` only.
- `time_skipping`: a Temporal server that jumps over waits (`WorkflowEnvironment`); a new one for each test.
"""

import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

import pytest
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from sandbox.part import running
from sandbox.ports import free_ports
from sandbox.postgres import APP, OWNER, Postgres
from sandbox.temporal import Temporal, program

#: More than all servers of a session write: with one of less, say a container's, they keep to the disk.
MEMORY_BYTES = 2 * 2**30


@dataclass(frozen=True, kw_only=True)
class Database:
    """A database of its own. URLs are plain `postgresql://`, by TCP with password."""

    name: str
    owner_url: str
    app_url: str


class PostgresServer:
    """The session's PostgreSQL."""

    def __init__(self, server: Postgres) -> None:
        self.server = server
        self._numbers = itertools.count(1)

    async def create_database(self, *, template: str = "template0") -> Database:
        """Make a database owned by `prepay_owner`, to which `prepay_app` may connect: empty, or a copy."""
        name = f"test_{next(self._numbers)}"
        await self.server.create_database(name, template=template)
        return Database(name=name, owner_url=self.server.url(OWNER, name), app_url=self.server.url(APP, name))

    async def drop_database(self, database: Database) -> None:
        """Remove it, whoever is connected."""
        await self.server.drop_database(database.name)


def server_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder for a server's data, in memory where there is room.

    On a disk the 400 files of each test's database took as much processor time as the tests that use them.
    """
    memory = Path("/dev/shm")
    roomy = os.access(memory, os.W_OK | os.X_OK) and shutil.disk_usage(memory).free > MEMORY_BYTES
    return tempfile.TemporaryDirectory(prefix="prepay-", dir=memory if roomy else None)


@pytest.fixture(scope="session")
async def postgres() -> AsyncGenerator[PostgresServer]:
    with server_folder() as folder:
        # A session opens thousands of connections: the rounds that make a password slow to guess are left out.
        settings = {"scram_iterations": "1"}
        server = Postgres(data_dir=Path(folder) / "postgres", port=free_ports(1)[0], durable=False, settings=settings)
        async with running(server.part(), Path(folder)):
            yield PostgresServer(server)


@pytest.fixture(scope="session")
async def migrated(postgres: PostgresServer) -> Database:
    """The template of `database`: nobody may stay connected to it."""
    from migrations.run import upgrade

    template = await postgres.create_database()
    await upgrade(template.owner_url)
    return template


@pytest.fixture
async def database(postgres: PostgresServer, migrated: Database) -> AsyncGenerator[Database]:
    copy = await postgres.create_database(template=migrated.name)
    yield copy
    await postgres.drop_database(copy)


@pytest.fixture(scope="session")
async def temporal_server() -> AsyncGenerator[Temporal]:
    with server_folder() as folder:
        server = Temporal(data_dir=Path(folder) / "temporal", port=free_ports(1)[0])
        async with running(server.part(), Path(folder)):
            yield server


@pytest.fixture
async def time_skipping() -> AsyncGenerator[WorkflowEnvironment]:
    environment = await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=program("temporal-test-server"), data_converter=pydantic_data_converter
    )
    async with environment:
        yield environment
