"""Raw connections to Postgres for the hot path: what SQLAlchemy adds costs ten times the statement (decision 12)."""

from typing import Any

import asyncpg

driver: Any = asyncpg  # it carries no types

CONNECT_SECONDS = 5
# Connection lost, no room, shut down or canceled by the server, disk full; read-only after a failover; idle too long;
# deadlock, serialization and lock time-outs: nothing was committed, and the same again may succeed.
_OUTAGE_CLASSES = ("08", "53", "57", "58")
_OUTAGE_STATES = frozenset({"25006", "25P03", "25P04", "40001", "40P01", "55P03"})


def is_outage(error: BaseException | None) -> bool:
    """Whether an error of the driver, or what SQLAlchemy made of one, says that Postgres is away or busy."""
    if isinstance(error, OSError | asyncpg.InterfaceError | asyncpg.InternalClientError):
        return True
    state = str(getattr(error, "sqlstate", None) or "")
    return state.startswith(_OUTAGE_CLASSES) or state in _OUTAGE_STATES


class Line:
    """One connection, kept: it connects when first asked, and again after it was lost. For one caller at a time."""

    def __init__(self, url: str, *, command_seconds: int, lock_milliseconds: int = 0) -> None:
        self._url = url
        self._command_seconds = command_seconds
        self._settings = {
            "application_name": "prepay",
            "statement_timeout": str(command_seconds * 1000),
            "lock_timeout": str(lock_milliseconds),
            "timezone": "UTC",
            "enable_seqscan": "off",  # everything here is looked up by key, also while tables are too new to be known
        }
        self._connection: Any = None

    async def connection(self) -> Any:
        """The connection. Raises what ``is_outage`` knows when there is none to be had."""
        if self._connection is None or self._connection.is_closed():
            self._connection = await driver.connect(
                self._url,
                timeout=CONNECT_SECONDS,
                command_timeout=self._command_seconds + 1,
                server_settings=self._settings,
            )
        return self._connection

    async def fetch(self, query: str, *arguments: Any) -> Any:
        """The rows of a query that only reads. A connection that was lost since is made anew and asked once more."""
        try:
            return await (await self.connection()).fetch(query, *arguments)
        except Exception as error:
            self.drop()
            if not is_outage(error):
                raise
        return await (await self.connection()).fetch(query, *arguments)

    def drop(self) -> None:
        """Give up the connection, whatever it does."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def close(self) -> None:
        """Close the connection."""
        if self._connection is not None and not self._connection.is_closed():
            await self._connection.close(timeout=CONNECT_SECONDS)
        self._connection = None
