"""The way into Postgres: transactions for those who change records, and a listener for those who wait for them."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Self

import structlog
from sqlalchemy.event import listen
from sqlalchemy.exc import DBAPIError, InterfaceError, InvalidatePoolError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from ledger.driver import CONNECT_SECONDS, driver
from ledger.driver import is_outage as is_driver_outage

log = structlog.get_logger(__name__)

STATEMENT_MILLISECONDS = 10_000
#: A statement that Postgres has not ended by then is lost: the network swallows it, and no server will ever answer.
COMMAND_SECONDS = 12
#: How often a listener asks whether its connection is still one.
LISTENER_CHECK_SECONDS = 15
#: A connection that rested for so long is asked whether it is still one: a network may have dropped it without a word.
REST_SECONDS = 1.0


class DatabaseUnavailableError(ConnectionError):
    """Postgres cannot be reached, is starting, or has no connection to spare: nothing was committed."""


def driver_url(url: str) -> str:
    """``postgresql://…`` as SQLAlchemy names it for asyncpg."""
    return "postgresql+asyncpg://" + url.split("://", 1)[1]


class Database:
    """A pool of connections of one role. Build one per process with ``Database(url)``; close it at the end.

    ``command_seconds`` bounds every statement, whatever the network does; None for those that may read for minutes.
    """

    def __init__(self, url: str, *, pool_size: int = 10, command_seconds: float | None = COMMAND_SECONDS) -> None:
        self.url = url
        self.engine: AsyncEngine = create_async_engine(
            driver_url(url),
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=CONNECT_SECONDS,
            hide_parameters=True,  # an error's text names no customer
            connect_args={
                "timeout": CONNECT_SECONDS,
                "command_timeout": command_seconds,
                "server_settings": {
                    "application_name": "prepay",
                    "statement_timeout": str(STATEMENT_MILLISECONDS),
                    "idle_in_transaction_session_timeout": "60000",
                    "timezone": "UTC",
                },
            },
        )
        listen(self.engine.sync_engine, "checkin", _rests)
        listen(self.engine.sync_engine, "checkout", _answers)
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)
        self._readers = async_sessionmaker(
            self.engine.execution_options(isolation_level="AUTOCOMMIT"), expire_on_commit=False
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Give every connection back to Postgres."""
        await self.engine.dispose()

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[AsyncSession]:
        """One transaction: committed when the block ends, rolled back when it raises.

        Raises DatabaseUnavailableError when Postgres cannot be reached.
        """
        with _outages():
            async with self._sessions() as session, session.begin():
                yield session

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[AsyncSession]:
        """For a single read that needs no lock: it spares the two ways to the server of a transaction.

        Raises DatabaseUnavailableError when Postgres cannot be reached.
        """
        with _outages():
            async with self._readers() as session:
                yield session

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[AsyncConnection]:
        """A connection held for a session-level advisory lock; each statement commits by itself."""
        with _outages():
            async with self.engine.connect() as connection:
                yield await connection.execution_options(isolation_level="AUTOCOMMIT")


def _rests(_connection: object, record: Any) -> None:
    record.info["rests_since"] = time.monotonic()


def _answers(connection: Any, record: Any, _proxy: object) -> None:
    """Replace a pooled connection that died before it is used, and the others of its time with it.

    A server that goes closes its connections, which costs nothing to see; who rested is asked as well. That is what
    ``pool_pre_ping`` is for, which asks every time, and with three statements.
    """
    if connection.driver_connection.is_closed():
        raise InvalidatePoolError
    rests_since: float | None = record.info.get("rests_since")  # None: it is new
    if rests_since is None or time.monotonic() - rests_since < REST_SECONDS:
        return
    try:
        connection.run_async(_ask)
    except Exception as error:
        raise InvalidatePoolError from error


async def _ask(connection: Any) -> None:
    await connection.execute("SELECT 1")


class _outages:  # noqa: N801 - reads as a clause of the with statement
    """Turn the many ways in which Postgres can be away into DatabaseUnavailableError."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if error is not None and not isinstance(error, DatabaseUnavailableError) and is_outage(error):
            raise DatabaseUnavailableError(type(error).__name__) from error


def is_outage(error: BaseException) -> bool:
    """Whether ``error`` says that Postgres is away or busy, as against something being wrong with what it was asked."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or isinstance(error, InterfaceError) or is_driver_outage(error.orig)
    return isinstance(error, PoolTimeout) or is_driver_outage(error)


def _setter(event: asyncio.Event) -> Callable[[object], None]:
    return lambda _: event.set()


class Listener:
    """Wakes those who wait for a record: one LISTEN connection for the whole process, whatever they wait for.

    A wake is a hint. When the connection is lost nobody is woken, so waiters look again by time as well.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._events: dict[tuple[str, str | None], set[asyncio.Event]] = defaultdict(set)
        self._channels: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    async def start(self, *channels: str) -> None:
        """Listen on ``channels`` until ``stop``; reconnects by itself."""
        self._channels |= set(channels)
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Close the connection."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            try:
                connection = await driver.connect(self._url, timeout=CONNECT_SECONDS, command_timeout=CONNECT_SECONDS)
            except Exception as error:  # noqa: BLE001 - whatever it was: waiters look by time until this succeeds
                log.warning("listener_waits_for_postgres", error=type(error).__name__)
                await asyncio.sleep(1)
                continue
            try:
                await self._listen(connection)
            except Exception as error:  # noqa: BLE001 - as above
                log.warning("listener_lost_postgres", error=type(error).__name__)
                await asyncio.sleep(1)
            finally:
                connection.terminate()

    async def _listen(self, connection: Any) -> None:
        """Listen until the connection is lost; one that the network swallowed is noticed by asking it."""
        closed = asyncio.Event()
        connection.add_termination_listener(_setter(closed))
        for channel in self._channels:
            await connection.add_listener(channel, self._heard)
        for event in [event for events in self._events.values() for event in events]:
            event.set()  # what was told while nobody listened is looked for
        while not closed.is_set():
            try:
                async with asyncio.timeout(LISTENER_CHECK_SECONDS):
                    await closed.wait()
            except TimeoutError:
                await connection.fetchval("SELECT 1")

    def _heard(self, _connection: object, _pid: int, channel: str, payload: object) -> None:
        for key in ((channel, str(payload)), (channel, None)):
            for event in self._events.get(key, ()):
                event.set()

    @asynccontextmanager
    async def wakes(self, channel: str, payload: str | None = None) -> AsyncGenerator[asyncio.Event]:
        """An event that is set whenever ``payload`` (or anything, when None) is told on ``channel``."""
        key, event = (channel, payload), asyncio.Event()
        self._events[key].add(event)
        try:
            yield event
        finally:
            self._events[key].discard(event)
            if not self._events[key]:
                del self._events[key]
