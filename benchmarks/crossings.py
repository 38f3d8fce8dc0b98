"""T13, T22: what watching thresholds costs usage that crosses none, and how fast crossings are handed on."""

import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.customers import ALL, NOW
from benchmarks.figures import Figure
from benchmarks.limits import connected
from benchmarks.measure import Run, load
from benchmarks.stack import Book
from benchmarks.ways import ways
from ledger.charging import charge_all
from relay.crossings import AT_ONCE, CrossingsRelay
from store.crossing_effects import CrossingEffects
from store.database import Database

KEYS = ("T13", "T13 hot", "T13 single", "T13 server", "T22")
SECONDS = 60
_ROUNDS = 9  # the difference looked for is smaller than the scatter of five
_CASES = {"T13": "groups", "T13 hot": "hot groups", "T13 single": "single"}
_SERVER = "T13 server"
_PROCESSES = Path("/proc")
_CALLS = 2000  # in a round
_CROSSED = 400  # in a round
_TRIGGER = "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgname = 'ledger_balance_crosses'"
_WITHOUT = """
DROP TRIGGER ledger_balance_crosses ON ledger_balance;
CREATE TEMP TABLE thresholds AS SELECT * FROM ledger_threshold;
DELETE FROM ledger_threshold;
SELECT ledger_arm(account_id) FROM ledger_balance;
"""
_AGAIN = """
INSERT INTO ledger_threshold SELECT * FROM thresholds;
SELECT ledger_arm(account_id) FROM ledger_balance;
"""
ALL_HANDED = """
SELECT ledger_crossing_handed(account_id, seq, kind, below, $1) FROM ledger_crossing WHERE handed_at IS NULL
"""
_WATCH_HERE = """
SELECT ledger_watch(account_id, 1::smallint, ARRAY[spendable]) FROM ledger_balance WHERE account_id = ANY ($1::text[])
"""
_WAITING = "SELECT count(*) FROM ledger_crossing WHERE handed_at IS NULL"


async def run(bench: Bench) -> None:
    """Both parts."""
    if bench.wants(*_CASES, _SERVER):
        await _watching(bench)
    if bench.wants("T22"):
        await _handing_on(bench)


async def _watching(bench: Bench) -> None:
    """The same usage in two books: in one every account has its thresholds, in the other nothing is watched."""
    async with AsyncExitStack() as stack:
        armed = await stack.enter_async_context(bench.stack.book())
        bare = await stack.enter_async_context(bench.stack.book())
        await stack.enter_async_context(_unwatched(bare))
        of_armed = await stack.enter_async_context(ways(armed))
        of_bare = await stack.enter_async_context(ways(bare))
        for key, name in _CASES.items():
            if not bench.wants(key):
                continue
            calls = {"watched": of_armed[name], "not watched": of_bare[name]}
            for call in calls.values():
                await load(call, callers=64, seconds=bench.seconds / 2)
            for book in (armed, bare):
                await book.rest()
            rounds = bench.rounds if bench.quick else _ROUNDS
            found = await bench.loads(f"Thresholds ({key})", calls, dict.fromkeys(calls, 64), rounds=rounds)
            bench.add(Figure(key=key, values=_rates(found["watched"]), limits=_rates(found["not watched"])))
        if bench.wants(_SERVER):
            await _server(bench, armed, bare)


async def _server(bench: Bench, armed: Book, bare: Book) -> None:
    """What a lone charge takes of the server's processor: what else the machine does hardly changes it."""
    if not _tells():
        bench.add(Figure(key=_SERVER, note="this system does not tell what a process took"))
        return
    cases = {"watched": lambda: _taken(bench, armed), "not watched": lambda: _taken(bench, bare)}
    found = await bench.interleaved(f"Thresholds ({_SERVER})", cases, rounds=bench.rounds if bench.quick else _ROUNDS)
    bench.add(Figure(key=_SERVER, values=tuple(found["watched"]), limits=tuple(found["not watched"])))


def _tells() -> bool:
    return (_PROCESSES / "self" / "schedstat").exists()


def _nanoseconds(process: int) -> int:
    """What a process has had of the processor until now."""
    return int((_PROCESSES / str(process) / "schedstat").read_text().split()[0])


async def _taken(bench: Bench, book: Book) -> float:
    """Microseconds of a charge, in the process that serves one connection."""
    calls = _CALLS // 4 if bench.quick else _CALLS
    async with connected(book.app_url) as connection:
        process = await connection.fetchval("SELECT pg_backend_pid()")
        for _ in range(100):
            await charge_all(connection, [book.charges.any()], now=NOW)
        before = _nanoseconds(process)
        for _ in range(calls):
            await charge_all(connection, [book.charges.any()], now=NOW)
        return (_nanoseconds(process) - before) / calls / 1000


@asynccontextmanager
async def _unwatched(book: Book) -> AsyncGenerator[None]:
    """Without the trigger and its thresholds while the block runs; as before after it, for the book is proved."""
    trigger = await book.owner.fetchval(_TRIGGER)
    await book.owner.execute(_WITHOUT)
    yield
    await book.owner.execute(_AGAIN)
    await book.owner.execute(trigger)


async def _handing_on(bench: Bench) -> None:
    """One relay with its alerts, each a notice, an event and a hand-off, beside callers that write a row each."""
    async with bench.stack.book() as book, book.group_commit() as commit, ways(book) as calls:
        await book.owner.fetch(ALL_HANDED, datetime.now(UTC))
        database = Database(book.app_url, pool_size=AT_ONCE + 1)
        relay = CrossingsRelay(
            database=database, effects=CrossingEffects(retention_days=30), now=lambda: datetime.now(UTC)
        )

        async def hand_on() -> float:
            accounts = ALL[: _CROSSED // 4 if bench.quick else _CROSSED]
            await book.owner.fetch(_WATCH_HERE, accounts)
            await commit.charge_batch([book.charges.on(account) for account in accounts])
            waiting = await book.owner.fetchval(_WAITING)
            if waiting != len(accounts):
                raise RuntimeError(f"{waiting} crossings of {len(accounts)} charges")
            before = time.perf_counter()
            while await relay.step():
                continue
            seconds = time.perf_counter() - before
            if left := await book.owner.fetchval(_WAITING):
                raise RuntimeError(f"{left} crossings were not handed on")
            return waiting / seconds

        async def rows() -> float:
            return (await load(calls["bare row"], callers=AT_ONCE, seconds=bench.seconds)).rate

        async with database:
            await hand_on()
            await rows()
            await book.rest()
            found = await bench.interleaved("Crossings (T22)", {"crossings": hand_on, "rows": rows})
        bench.add(Figure(key="T22", values=tuple(found["crossings"]), limits=tuple(found["rows"])))


def _rates(runs: list[Run]) -> tuple[float, ...]:
    return tuple(run.rate for run in runs)
