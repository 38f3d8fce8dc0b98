"""T9, T10: a batch of 10,000 beside COPY of the very rows that it wrote."""

import time
from typing import Any

from benchmarks.bench import Bench
from benchmarks.customers import ALL, HOT
from benchmarks.figures import Figure
from benchmarks.stack import Book
from ledger.charge import Charge, Charged
from ledger.group_commit import GroupCommit

KEYS = ("T9", "T10")
SECONDS = 25
_ROUNDS = 7  # short ones
_COPY = "CREATE TABLE copied (LIKE ledger_transfer INCLUDING ALL)"
_SAME_SIZE = "INSERT INTO copied SELECT * FROM ledger_transfer"
#: What the batch has written, found by its seq: each account's newest.
_WRITTEN = """
SELECT t.* FROM unnest($1::text[], $2::bigint[]) AS w (account, seq)
JOIN ledger_transfer t ON t.account_id = w.account AND t.seq = w.seq
"""


async def run(bench: Bench) -> None:
    """Both in one book, whose copy grows by the same rows."""
    async with bench.stack.book() as book, book.group_commit() as commit:
        await book.owner.execute(_COPY)
        await book.owner.execute(_SAME_SIZE)
        if bench.wants("T9"):
            await _beside_copy(bench, book, commit, key="T9", accounts=ALL)
        if bench.wants("T10"):
            await _beside_copy(bench, book, commit, key="T10", accounts=[HOT] * len(ALL))


async def _beside_copy(bench: Bench, book: Book, commit: GroupCommit, *, key: str, accounts: list[str]) -> None:
    written: list[Charged] = []

    async def post() -> float:
        nonlocal written
        seconds, written = await timed_batch(commit, [book.charges.on(account) for account in accounts])
        return len(accounts) / seconds

    async def copy() -> float:
        return await _copy(book, written)

    await post()
    await copy()
    await book.rest()
    found = await bench.interleaved(f"Batch ({key})", {"charges": post, "COPY": copy}, rounds=_ROUNDS)
    bench.add(Figure(key=key, values=tuple(found["charges"]), limits=tuple(found["COPY"])))


async def timed_batch(commit: GroupCommit, charges: list[Charge]) -> tuple[float, list[Charged]]:
    """Post a batch: its seconds, and its answers, which must all be good."""
    before = time.perf_counter()
    answers = await commit.charge_batch(charges)
    seconds = time.perf_counter() - before
    posted = [answer for answer in answers if isinstance(answer, Charged) and answer.outcome == "posted"]
    if len(posted) != len(charges):
        wrong = next(answer for answer in answers if answer not in posted)
        raise RuntimeError(f"{len(charges) - len(posted)} charges of a batch were not posted: {wrong}")
    return seconds, posted


async def _copy(book: Book, written: list[Charged]) -> float:
    """Copy what the batch wrote into the table beside; rows in a second."""
    ids, numbers = [answer.account_id for answer in written], [answer.seq for answer in written]
    rows: list[Any] = [tuple(row) for row in await book.owner.fetch(_WRITTEN, ids, numbers)]
    before = time.perf_counter()
    await book.owner.copy_records_to_table("copied", records=rows)
    return len(rows) / (time.perf_counter() - before)
