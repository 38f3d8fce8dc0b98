"""The limits: the least that a program would have to do on the same Postgres."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from ledger.driver import driver

CONNECTIONS = 16
BARE = """
CREATE TABLE bare (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, account text NOT NULL, amount bigint NOT NULL,
    reference text NOT NULL, at timestamptz NOT NULL
);
CREATE TABLE hot (id integer PRIMARY KEY, amount bigint NOT NULL) WITH (fillfactor = 50);
INSERT INTO hot VALUES (1, 0);
"""
INSERT = "INSERT INTO bare (account, amount, reference, at) VALUES ($1, $2, $3, $4)"
UPDATE = "UPDATE hot SET amount = amount - 1 WHERE id = 1"
Statement = Callable[..., Awaitable[Any]]


@asynccontextmanager
async def connected(url: str) -> AsyncGenerator[Any]:
    """A connection of the driver."""
    connection = await driver.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def pooled(url: str, *, size: int = CONNECTIONS) -> AsyncGenerator[asyncio.LifoQueue[Any]]:
    """Raw connections, to be taken and put back: a pool without the round trips of one."""
    async with AsyncExitStack() as stack:
        free: asyncio.LifoQueue[Any] = asyncio.LifoQueue()
        for _ in range(size):
            free.put_nowait(await stack.enter_async_context(connected(url)))
        yield free


@asynccontextmanager
async def prepared(url: str, query: str, *, size: int = CONNECTIONS) -> AsyncGenerator[Statement]:
    """A statement, prepared on each connection of a pool; called, it runs on a free one and commits."""
    async with pooled(url, size=size) as connections:
        free: asyncio.LifoQueue[Any] = asyncio.LifoQueue()
        while not connections.empty():
            free.put_nowait(await connections.get_nowait().prepare(query))

        async def call(*arguments: object) -> Any:
            statement = await free.get()
            try:
                return await statement.fetch(*arguments)
            finally:
                free.put_nowait(statement)

        yield call
