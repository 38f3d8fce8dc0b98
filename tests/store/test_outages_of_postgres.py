"""Whatever way Postgres is away or busy is one error; what is wrong with a statement stays what it is."""

import asyncio
from collections.abc import AsyncGenerator

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError

from sandbox.ports import free_ports
from store.database import Database, DatabaseUnavailableError, Listener
from store.locks import Locks
from tests.flows.wire import Wire


@pytest.fixture
async def books(database) -> AsyncGenerator[Database]:
    async with Database(database.app_url, pool_size=2) as opened:
        yield opened


@pytest.fixture
async def wire(database) -> AsyncGenerator[Wire]:
    async with Wire(database.app_url.partition("@")[2].partition("/")[0]).open() as wire:
        wire.url = database.app_url.replace(database.app_url.partition("@")[2].partition("/")[0], wire.address)
        yield wire


async def run(books, *statements) -> None:
    async with books.transaction() as session:
        for statement in statements:
            await session.execute(text(statement))


async def fine(books) -> bool:
    async with books.transaction() as session:
        return await session.scalar(text("SELECT 1")) == 1


BUSY = {
    "a statement that takes too long": ("SET LOCAL statement_timeout = '5ms'", "SELECT pg_sleep(5)"),
    "a server that is read-only": ("SET TRANSACTION READ ONLY", "DELETE FROM idempotent_answer"),
    "shut down by an administrator": ("SELECT pg_terminate_backend(pg_backend_pid())",),
}


@pytest.mark.parametrize("statements", BUSY.values(), ids=BUSY)
async def test_the_server_says_no(books, statements):
    with pytest.raises(DatabaseUnavailableError):
        await run(books, *statements)
    assert await fine(books)


async def test_a_transaction_that_was_idle_for_too_long(books):
    async def idle() -> None:
        async with books.transaction() as session:
            await session.execute(text("SET LOCAL idle_in_transaction_session_timeout = '5ms'"))
            connection = await (await session.connection()).get_raw_connection()
            ended = asyncio.Event()
            connection.driver_connection.add_termination_listener(lambda _: ended.set())
            await ended.wait()
            await session.execute(text("SELECT 1"))

    with pytest.raises(DatabaseUnavailableError):
        await idle()
    assert await fine(books)


async def test_a_lock_that_is_not_given(books, database):
    owner = await asyncpg.connect(database.owner_url)
    async with owner.transaction():
        await owner.execute("LOCK TABLE idempotent_answer")
        with pytest.raises(DatabaseUnavailableError):
            await run(books, "SET LOCAL lock_timeout = '5ms'", "SELECT 1 FROM idempotent_answer")
    await owner.close()
    assert await fine(books)


async def test_a_deadlock(books):
    locked = [asyncio.Event(), asyncio.Event()]

    async def lock(first: int, second: int) -> None:
        async with books.transaction() as session:
            await session.execute(text(f"SELECT pg_advisory_xact_lock({first})"))
            locked[first].set()
            await locked[second].wait()
            await session.execute(text(f"SELECT pg_advisory_xact_lock({second})"))

    ends = await asyncio.gather(lock(0, 1), lock(1, 0), return_exceptions=True)
    assert sorted(type(end).__name__ for end in ends) == ["DatabaseUnavailableError", "NoneType"]
    assert await fine(books)


async def test_no_server(database):
    url = database.app_url.replace(database.app_url.rpartition(":")[2].partition("/")[0], str(free_ports(1)[0]))
    async with Database(url) as books:
        with pytest.raises(DatabaseUnavailableError):
            await fine(books)


async def test_no_connection_to_spare(books, database):
    owner = await asyncpg.connect(database.owner_url)
    await owner.execute(f"ALTER DATABASE {database.name} CONNECTION LIMIT 1")
    with pytest.raises(DatabaseUnavailableError):
        await fine(books)
    await owner.execute(f"ALTER DATABASE {database.name} CONNECTION LIMIT -1")
    assert await fine(books)
    await owner.close()


async def test_an_empty_pool(database, monkeypatch):
    monkeypatch.setattr("store.database.CONNECT_SECONDS", 0.1)
    async with Database(database.app_url, pool_size=1) as books, books.transaction() as session:
        await session.execute(text("SELECT 1"))
        with pytest.raises(DatabaseUnavailableError):
            await fine(books)


@pytest.mark.parametrize("mode", ["refuse", "swallow"])
async def test_the_wire_is_cut(wire, mode):
    async with Database(wire.url, command_seconds=0.3) as books:
        assert await fine(books)
        await wire.set(mode)
        with pytest.raises(DatabaseUnavailableError):
            await fine(books)
        await wire.set("pass")
        assert await fine(books)


async def backends(books) -> set[int]:
    """Those of the whole pool."""

    async def pid(together: asyncio.Barrier) -> int:
        async with books.transaction() as session:
            await together.wait()
            return await session.scalar(text("SELECT pg_backend_pid()"))

    together = asyncio.Barrier(2)
    return set(await asyncio.gather(pid(together), pid(together)))


async def test_connections_that_the_server_closed_meanwhile_are_replaced_unseen(books, database, monkeypatch):
    """Seen by their end alone: none has rested long enough to be asked."""
    monkeypatch.setattr("store.database.REST_SECONDS", 60)
    before = await backends(books)
    app = await asyncpg.connect(database.app_url)
    assert all([await app.fetchval("SELECT pg_terminate_backend($1, 5000)", pid) for pid in before])
    await app.close()
    assert not before & await backends(books)


@pytest.mark.parametrize(("rest_seconds", "replaced"), [(0, True), (60, False)])
async def test_who_rested_is_asked_and_replaced_unseen_where_no_answer_comes(
    books, monkeypatch, rest_seconds, replaced
):  # fmt: skip
    async def unanswered(_) -> None:
        raise TimeoutError

    monkeypatch.setattr("store.database.REST_SECONDS", rest_seconds)
    before = await backends(books)
    with monkeypatch.context() as silent:
        silent.setattr("store.database._ask", unanswered)
        after = await backends(books)
    assert len(after) == 2
    assert (not before & after) == replaced


async def test_the_wire_is_cut_within_a_transaction(wire):
    async def cut(books) -> None:
        async with books.transaction() as session:
            await session.execute(text("SELECT 1"))
            await wire.cut()
            await session.execute(text("SELECT 1"))

    async with Database(wire.url) as books:
        with pytest.raises(DatabaseUnavailableError):
            await cut(books)
        assert await fine(books)


async def test_locks_give_up_together_behind_a_dead_network(wire, monkeypatch):
    locks = Locks(wire.url)
    async with locks.hold("a") as free:
        assert free
    monkeypatch.setattr("store.locks.CONNECT_SECONDS", 0.3)
    await wire.set("swallow")

    async def hold(name: str) -> None:
        async with locks.hold(name):
            pass

    ends = await asyncio.gather(*(hold(str(number)) for number in range(20)), return_exceptions=True)
    assert {type(end) for end in ends} == {DatabaseUnavailableError}
    await wire.set("pass")
    async with locks.hold("a") as free:
        assert free
    await locks.close()


async def test_a_listener_comes_back_and_wakes_those_who_wait(wire, database):
    listener = Listener(wire.url)
    app = await asyncpg.connect(database.app_url)
    async with listener.wakes("prepay_outbox") as woken:
        await listener.start("prepay_outbox")
        await woken.wait()  # it has begun to listen
        woken.clear()
        await app.execute("SELECT pg_notify('prepay_outbox', 'one')")
        await woken.wait()
        woken.clear()
        await wire.cut()
        await woken.wait()  # what was told meanwhile is looked for
        woken.clear()
        await app.execute("SELECT pg_notify('prepay_outbox', 'two')")
        await woken.wait()
    await app.close()
    await listener.stop()


WRONG = {
    "a key that is there": (
        "INSERT INTO poll_cursor (name, event_id, created_at) VALUES ('a', '', now()), ('a', '', now())",
        IntegrityError,
    ),
    "no SQL": ("SELEC", ProgrammingError),
    "no such value": ("SELECT 'x'::int", DBAPIError),
    "not allowed": ("DELETE FROM ledger_transfer", ProgrammingError),
}  # fmt: skip


@pytest.mark.parametrize(("statement", "error"), WRONG.values(), ids=WRONG)
async def test_what_is_wrong_with_a_statement_is_no_outage(books, statement, error):
    with pytest.raises(error):
        await run(books, statement)
    assert await fine(books)
