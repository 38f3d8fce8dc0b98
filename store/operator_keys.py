"""Operators' keys kept in memory for the hot path, for half a second: a revoked one is refused within a second."""

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

    async def find(self, secret: str, *, now: datetime) -> Key | None:
        """The key with this secret, None if there is no valid one."""
        name = digest(secret, pepper=self._pepper)
        read_at, found = self._kept.get(name, (0.0, None))
        asked_at = time.monotonic()
        if asked_at - read_at < KEPT_SECONDS:
            return found
        async with self._database.transaction() as session:
            key = await operators.find_by_secret(session, secret, pepper=self._pepper, now=now)
        found = None if key is None else (key.id, key.name, scope_of(key.scope))
        if len(self._kept) >= MOST_KEPT:
            self._kept.clear()
        self._kept[name] = (asked_at, found)
        return found
