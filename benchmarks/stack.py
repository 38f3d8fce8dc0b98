"""A Postgres of the run's own: durable, on a free port, in a folder that goes with it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ledger
from benchmarks import customers
from benchmarks.customers import Charges
from benchmarks.limits import BARE, connected
from ledger.group_commit import GroupCommit
from migrations.run import upgrade
from sandbox.part import running
from sandbox.ports import free_ports
from sandbox.postgres import APP, OWNER, Postgres
from store.database import Database

#: What any server that is meant for this work sets; it serves figures and limits alike.
SERVER = {"shared_buffers": "1GB", "max_wal_size": "8GB", "checkpoint_timeout": "15min"}
_TEMPLATE = "benchmark_template"


@dataclass(frozen=True, slots=True)
class Book:
    """A database with ten thousand funded customers, one hot one, and the tables of the limits."""

    app_url: str
    owner_url: str
    owner: Any
    """A connection as owner, to look and to set up."""
    charges: Charges

    @asynccontextmanager
    async def group_commit(self) -> AsyncGenerator[GroupCommit]:
        """The product's way in for usage, as one api process has it."""
        commit = GroupCommit(self.app_url, now=lambda: datetime.now(UTC))
        try:
            yield commit
        finally:
            await commit.close()

    async def rest(self) -> None:
        """Let the server finish what earlier work has left it, so that no round pays for another."""
        await self.owner.execute("VACUUM (ANALYZE)")

    async def findings(self) -> list[str]:
        """What `verify` finds: nothing, in a sound book."""
        database = Database(self.owner_url, pool_size=1, command_seconds=None)
        async with database, database.transaction() as session:
            return [f"{one.check}: {one.detail}" for one in await ledger.verify(session)]


class Stack:
    """Databases of one server. Every book is proved before it is dropped."""

    def __init__(self, postgres: Postgres, folder: Path) -> None:
        self.postgres = postgres
        self.folder = folder
        self.findings: list[str] = []
        self.transfers = 0
        self._made = 0

    async def version(self) -> str:
        """Of the server, with the settings that matter."""
        async with self.postgres.superuser() as connection:
            names = ("server_version", "fsync", "synchronous_commit", *SERVER)
            found = [await connection.fetchval("SELECT current_setting($1)", name) for name in names]
            return f"{found[0]}; " + ", ".join(
                f"{name} {value}" for name, value in zip(names[1:], found[1:], strict=True)
            )

    async def prepare(self) -> None:
        """Make the database that the others are copies of."""
        await self.postgres.create_database(_TEMPLATE)
        url = self.postgres.url(OWNER, _TEMPLATE)
        await upgrade(url)
        await customers.settle_in(url)
        async with connected(url) as connection:
            await connection.execute(BARE)
            await connection.execute("VACUUM (ANALYZE)")

    @asynccontextmanager
    async def empty_database(self) -> AsyncGenerator[str]:
        """The owner's URL of a database without anything in it, for a peer."""
        self._made += 1
        name = f"peer_{self._made}"
        await self.postgres.create_database(name)
        yield self.postgres.url(OWNER, name)
        await self.postgres.drop_database(name)

    @asynccontextmanager
    async def book(self) -> AsyncGenerator[Book]:
        """A fresh book, proved at the end."""
        self._made += 1
        name = f"book_{self._made}"
        await self.postgres.create_database(name, template=_TEMPLATE)
        async with self.postgres.superuser() as superuser:
            await superuser.execute("CHECKPOINT")
        owner_url = self.postgres.url(OWNER, name)
        async with connected(owner_url) as owner:
            book = Book(self.postgres.url(APP, name), owner_url, owner, await Charges.over(owner))
            yield book
            self.findings += await book.findings()
            self.transfers += await owner.fetchval("SELECT count(*) FROM ledger_transfer")
        await self.postgres.drop_database(name)


@asynccontextmanager
async def started(folder: Path) -> AsyncGenerator[Stack]:
    """The server, running while the block does."""
    postgres = Postgres(data_dir=folder / "postgres", port=free_ports(1)[0], durable=True, settings=SERVER)
    async with running(postgres.part(), folder):
        stack = Stack(postgres, folder)
        await stack.prepare()
        yield stack
