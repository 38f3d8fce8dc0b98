"""Operators' keys kept in memory for the hot path, for half a second: a revoked one is refused within a second."""

import asyncio
import time
from datetime import datetime

from rules.access import Scope, scope_of
from rules.tokens import digest
from store import operators
from store.database import Database

KEPT_SECONDS = 0.5
MOST_KEPT = 10_000
#: Id, name and scope of a key.
Key = tuple[str, str, Scope]


class OperatorKeys:
    """The valid operator keys that were shown last. Build one per process."""

    def __init__(self, database: Database, *, pepper: str) -> None:
        self._database = database
        self._pepper = pepper
        self._kept: dict[str, tuple[float, Key | None]] = {}
        self._reading: dict[str, tuple[float, asyncio.Task[Key | None]]] = {}

    async def find(self, secret: str, *, now: datetime) -> Key | None:
        """The key with this secret, None if there is no valid one.

        Whoever asks while it is being read waits for that reading: else every caller of a busy moment would read, and
        the more of them the older what they have read.
        """
        name = digest(secret, pepper=self._pepper)
        asked_at = time.monotonic()
        read_at, found = self._kept.get(name, (-KEPT_SECONDS, None))
        if asked_at - read_at < KEPT_SECONDS:
            return found
        began_at, reading = self._reading.get(name, (-KEPT_SECONDS, None))
        if reading is None or asked_at - began_at >= KEPT_SECONDS:
            reading = asyncio.create_task(self._read(name, secret, asked_at=asked_at, now=now))
            self._reading[name] = (asked_at, reading)
        return await asyncio.shield(reading)

    async def _read(self, name: str, secret: str, *, asked_at: float, now: datetime) -> Key | None:
        try:
            async with self._database.transaction() as session:
                key = await operators.find_by_secret(session, secret, pepper=self._pepper, now=now)
        finally:
            if self._reading.get(name, (None,))[0] == asked_at:
                del self._reading[name]
        found = None if key is None else (key.id, key.name, scope_of(key.scope))
        if len(self._kept) >= MOST_KEPT:
            self._kept.clear()
        self._kept[name] = (asked_at, found)
        return found
