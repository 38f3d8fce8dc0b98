"""Advisory locks that span transactions: "somebody works on this right now", across every process."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any

from ledger.driver import CONNECT_SECONDS, driver
from store.database import DatabaseUnavailableError, is_outage

RELEASE_SECONDS = 1.0
"""An answer is ready by then: behind a dead network it is not kept waiting."""


class Locks:
    """Session-level advisory locks of one process, all held by one connection of its own.

    A connection for each lock would let a handful of waiting requests empty the pool. Locks are a courtesy, not the
    guard: if the connection breaks, every lock is gone, and the unique keys of the records still admit one effect.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: Any = None
        self._held: set[int] = set()
        self._one_statement = asyncio.Lock()

    async def close(self) -> None:
        """Give up every lock."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    @asynccontextmanager
    async def hold(self, *parts: str) -> AsyncGenerator[bool]:
        """Try to lock what ``parts`` name until the block ends; False when another holds it.

        Raises DatabaseUnavailableError when Postgres cannot be reached.
        """
        key = int.from_bytes(sha256("\0".join(parts).encode()).digest()[:8], signed=True)
        if key in self._held:  # a session may take its own lock twice
            yield False
            return
        self._held.add(key)
        try:
            if not await self._call("SELECT pg_try_advisory_lock($1)", key):
                yield False
                return
            try:
                yield True
            finally:
                await asyncio.shield(self._release(key))
        finally:
            self._held.discard(key)

    async def _release(self, key: int) -> None:
        try:
            await self._call("SELECT pg_advisory_unlock($1)", key, seconds=RELEASE_SECONDS)
        except DatabaseUnavailableError:
            await self.close()  # a session that ended holds nothing

    async def _call(self, statement: str, key: int, *, seconds: float | None = None) -> bool:
        try:
            # One limit for turn, connection and statement: behind a dead network those who queue give up together.
            async with asyncio.timeout(seconds or CONNECT_SECONDS), self._one_statement:
                try:
                    if self._connection is None or self._connection.is_closed():
                        self._connection = await driver.connect(self._url, timeout=CONNECT_SECONDS)
                    return bool(await self._connection.fetchval(statement, key))
                except BaseException:
                    await self.close()  # whether it holds the lock nobody knows: a session that ended holds nothing
                    raise
        except Exception as error:
            if not is_outage(error):
                raise
            raise DatabaseUnavailableError(type(error).__name__) from error
