"""T19, T20: the same work on a journal of 1 million postings and of 10, and what a charge takes of the disk."""

import asyncio

from benchmarks.batch import timed_batch
from benchmarks.bench import Bench
from benchmarks.customers import ALL
from benchmarks.figures import Figure
from benchmarks.measure import load
from benchmarks.stack import Book
from benchmarks.ways import ways

KEYS = ("T19 lone", "T19 single", "T19 groups", "T20")
SECONDS = 190
_POSTINGS = (1_000_000, 10_000_000)  # two for each charge
_QUICK_POSTINGS = (100_000, 400_000)
_BATCH = 10_000
_FILLERS = 2
_ROUNDS = 7
_BARE = """
CREATE TABLE bare_facts AS SELECT account_id, seq, posted_at, amount, key FROM ledger_transfer WITH NO DATA;
ALTER TABLE bare_facts ADD PRIMARY KEY (account_id, seq);
INSERT INTO bare_facts SELECT account_id, seq, posted_at, amount, key FROM ledger_transfer;
"""
_SIZES = """
SELECT pg_total_relation_size('ledger_transfer')::float8 / n, pg_total_relation_size('bare_facts')::float8 / n
FROM (SELECT count(*) AS n FROM ledger_transfer) t
"""
_PROTOTYPE_ROW = 132  # bytes of a bare row with its key in the measurements that the targets come from


#: How many ask at once, and which of the ways they go. The lone caller first: the others make the smaller journal grow.
_CASES = {"lone": (1, "groups"), "single": (64, "single"), "groups": (64, "groups")}


async def run(bench: Bench) -> None:
    """Fill two books, then measure them in turn: whatever else the machine does, it does to both."""
    few, lots = _QUICK_POSTINGS if bench.quick else _POSTINGS
    cases = {name: case for name, case in _CASES.items() if bench.wants(f"T19 {name}")}
    async with bench.stack.book() as small:
        await _fill(bench, small, few)
        if bench.wants("T20"):
            await _size(bench, small)
        if not cases:
            return
        async with bench.stack.book() as large:
            await _fill(bench, large, lots)
            await small.rest()
            async with ways(small) as before, ways(large) as after:
                for name, (callers, way) in cases.items():
                    calls = {f"{few:,} postings": before[way], f"{lots:,} postings": after[way]}
                    for call in calls.values():
                        await load(call, callers=callers, seconds=bench.seconds)
                    found = await bench.loads(f"Growth, {name}", calls, dict.fromkeys(calls, callers), rounds=_ROUNDS)
                    limits, values = (tuple(run.rate for run in runs) for runs in found.values())
                    note = f"quick: {few:,} and {lots:,} postings" if bench.quick else ""
                    bench.add(Figure(key=f"T19 {name}", values=values, limits=limits, note=note))


async def _fill(bench: Bench, book: Book, postings: int) -> None:
    """Post batches until the journal holds so many; two at once, on different accounts."""
    count = await book.owner.fetchval("SELECT count(*) FROM ledger_transfer")
    missing = postings // 2 - count
    batches = iter(range(-(-missing // _BATCH)))
    done = 0

    async def filler(accounts: list[str]) -> None:
        nonlocal done
        wanted = accounts * (_BATCH // len(accounts))
        async with book.group_commit() as commit:
            for _ in batches:
                await timed_batch(commit, [book.charges.on(account) for account in wanted])
                done += _BATCH
                bench.bar.tell(f"Growth: {2 * (count + done):,} of {postings:,} postings")

    size = len(ALL) // _FILLERS
    await asyncio.gather(*(filler(ALL[start : start + size]) for start in range(0, len(ALL), size)))
    bench.bar.tell(f"Growth: at rest with {postings:,} postings")
    # No checkpoint is forced: after one every page is logged whole when it is first changed, and the larger journal has
    # more of them. Left alone the server pays that once in `checkpoint_timeout`.
    await book.rest()


async def _size(bench: Bench, book: Book) -> None:
    bench.bar.tell("Size of a charge")
    await book.owner.execute(_BARE)
    await book.rest()
    charge, bare = await book.owner.fetchrow(_SIZES)
    await book.owner.execute("DROP TABLE bare_facts")
    note = f"{charge / _PROTOTYPE_ROW:.2f}x of the {_PROTOTYPE_ROW} bytes of the prototype's bare row"
    bench.add(Figure(key="T20", values=(charge,), limits=(bare,), note=note))
