"""T19, T20: the same work on a journal of 1 million postings and of 10, and what a charge takes of the disk."""

import asyncio
from statistics import median

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


#: The two moments are minutes apart: what the bare INSERT does meanwhile tells how far the machine itself has changed.
_BESIDE = {"lone": "lone bare row", "single": "bare row", "groups": "bare row"}


async def run(bench: Bench) -> None:
    """Fill, measure, fill, measure."""
    few, lots = _QUICK_POSTINGS if bench.quick else _POSTINGS
    async with bench.stack.book() as book:
        await _fill(bench, book, few)
        if bench.wants("T20"):
            await _size(bench, book)
        if not bench.wants("T19 lone", "T19 single", "T19 groups"):
            return
        before = await _rates(bench, book, few)
        await _fill(bench, book, lots)
        after = await _rates(bench, book, lots)
    for name, bare in _BESIDE.items():
        drift = median(after[bare]) / median(before[bare])
        raw = median(after[name]) / median(before[name])
        note = f"{raw * 100:.0f} % as measured; meanwhile the bare INSERT went to {drift * 100:.0f} % of its own rate"
        if bench.quick:
            note += f"; quick: {few:,} and {lots:,} postings"
        limits = tuple(rate * drift for rate in before[name])
        bench.add(Figure(key=f"T19 {name}", values=tuple(after[name]), limits=limits, note=note))


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


async def _rates(bench: Bench, book: Book, postings: int) -> dict[str, list[float]]:
    async with ways(book) as calls:
        for name in ("bare row", "single", "groups"):
            await load(calls[name], callers=64, seconds=bench.seconds)
        calls |= {"lone": calls["groups"], "lone bare row": calls["bare row"]}
        callers = {"bare row": 64, "single": 64, "groups": 64, "lone bare row": 1, "lone": 1}
        found = await bench.loads(f"{postings:,} postings", calls, callers)
    return {name: [run.rate for run in runs] for name, runs in found.items()}


async def _size(bench: Bench, book: Book) -> None:
    bench.bar.tell("Size of a charge")
    await book.owner.execute(_BARE)
    await book.rest()
    charge, bare = await book.owner.fetchrow(_SIZES)
    await book.owner.execute("DROP TABLE bare_facts")
    note = f"{charge / _PROTOTYPE_ROW:.2f}x of the {_PROTOTYPE_ROW} bytes of the prototype's bare row"
    bench.add(Figure(key="T20", values=(charge,), limits=(bare,), note=note))
