"""T15: pgledger, of which nothing is copied here: a copy of its published SQL is named by the caller."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from random import randrange

from benchmarks.bench import Bench
from benchmarks.customers import COUNT
from benchmarks.figures import Figure
from benchmarks.limits import connected, prepared
from benchmarks.measure import Call, load
from benchmarks.ways import ways

KEYS = ("T15", "T15 hot", "T15 single", "T15 single hot")
SECONDS = 45
_WITHOUT = (
    "no source given: PGLEDGER_SQL=file names a copy of the published pgledger.sql (by comma, with what it needs)"
)
#: A customer that may not go below zero and a revenue account of its own: the best case, nothing is shared.
_ACCOUNTS = """
SELECT (pgledger_create_account('customer ' || n, 'USD', allow_negative_balance => false)).id AS customer,
    (pgledger_create_account('revenue ' || n, 'USD')).id AS revenue
FROM generate_series(0, $1) AS n
"""
#: Out of its revenue account, which may go below zero: one row that funds all would grow ten thousand versions.
_FUND = """
SELECT count(*) FROM unnest($1::text[], $2::text[]) AS t (customer, revenue),
    LATERAL pgledger_create_transfer(revenue, customer, '1000000')
"""
_TRANSFER = "SELECT id FROM pgledger_create_transfer($1, $2, '0.01')"


async def run(bench: Bench, files: Sequence[Path]) -> None:
    """Measure its function beside ours, or say why not."""
    if not files:
        for key in KEYS:
            bench.add(Figure(key=key, note=_WITHOUT))
        return
    async with _peer(bench, files) as (theirs, theirs_hot), bench.stack.book() as book, ways(book) as ours:
        note = f"pgledger from {', '.join(_named(file) for file in files)}"
        cases = {
            "T15": (ours["groups"], theirs),
            "T15 hot": (ours["hot groups"], theirs_hot),
            "T15 single": (ours["single"], theirs),
            "T15 single hot": (ours["hot single"], theirs_hot),
        }
        for key, (our, their) in cases.items():
            if not bench.wants(key):
                continue
            for call in (our, their):
                await load(call, callers=64, seconds=bench.seconds / 3)
            pair = {"ours": our, "pgledger": their}
            found = await bench.loads(key, pair, dict.fromkeys(pair, 64))
            values, limits = (tuple(run.rate for run in found[name]) for name in pair)
            bench.add(Figure(key=key, values=values, limits=limits, note=note))


def _named(file: Path) -> str:
    return f"{file.name} (sha256 {sha256(file.read_bytes()).hexdigest()[:12]})"


@asynccontextmanager
async def _peer(bench: Bench, files: Sequence[Path]) -> AsyncGenerator[tuple[Call, Call]]:
    """Its transfers, on ten thousand customers and on one."""
    async with bench.stack.empty_database() as url:
        async with connected(url) as connection:
            bench.bar.tell("pgledger: accounts")
            for file in files:
                await connection.execute(file.read_text())
            pairs = [tuple(row) for row in await connection.fetch(_ACCOUNTS, COUNT)]
            await connection.fetch(_FUND, *map(list, zip(*pairs, strict=True)))
            await connection.execute("VACUUM (ANALYZE)")
        async with prepared(url, _TRANSFER) as transfer:

            async def many() -> None:
                await transfer(*pairs[randrange(COUNT)])  # noqa: S311 # load, not a secret

            async def hot() -> None:
                await transfer(*pairs[COUNT])

            yield many, hot
