"""T1-T3, T11, T12, T14, T21: the API as it is shipped, credentials and all, beside a bare route of the same process."""

import itertools
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from statistics import median

from benchmarks.bare import PREFIX
from benchmarks.batch import timed_batch
from benchmarks.bench import Bench
from benchmarks.customers import ALL, COUNT, OPERATOR_SECRET
from benchmarks.figures import Figure
from benchmarks.load import Job
from benchmarks.servers import Loaded, api, load
from benchmarks.stack import Book
from ledger.ids import parse_transaction_id

KEYS = ("T1", "T2", "T3", "T11", "T12", "T14", "T21")
SECONDS = 110
_USAGE = "/v1/accounts/<account>/usage"
_CHARGE = '"amount":"0.0055","reference":"<reference>","description":"Message to +14155550123","sender_id":"PREPAY"'
_QUESTION = '{"auth_id":"<account>","auth_token":"<token>","sender_id":"PREPAY","amount":"0.0055"}'
_MANY, _HOT = (0, COUNT), (COUNT, COUNT + 1)
_CONNECTIONS = 64
_BATCHES = 5
_POSTED = """
SELECT count(*) FROM unnest($1::text[], $2::bigint[], $3::text[]) AS w (account, seq, key)
JOIN ledger_transfer t ON t.account_id = w.account AND t.seq = w.seq AND t.key = w.key
"""
_runs = itertools.count(1)


class _Door:
    """What is sent to the processes, and what they must have written."""

    def __init__(self, bench: Bench, ports: list[int]) -> None:
        self._bench = bench
        self.ports = ports
        self.wrong = ""

    async def send(self, job: Job) -> Loaded:
        """Run a job and remember a bad answer."""
        found = await load(job)
        self.wrong = self.wrong or found.wrong
        return found

    def job(
        self, path: str, body: str, accounts: tuple[int, int], *, processes: int = 1, keep: bool = False
    ) -> Callable[[], Awaitable[Loaded]]:
        """64 callers who post `body` to `path`."""
        return lambda: self.send(
            Job(
                ports=self.ports[:processes],
                connections=_CONNECTIONS,
                seconds=self._bench.seconds,
                path=path,
                body=body,
                credentials=f"Bearer {OPERATOR_SECRET}",
                accounts=accounts,
                prefix=f"http-{next(_runs):04d}",
                keep=keep,
            )
        )

    def charges(
        self, accounts: tuple[int, int], *, prefix: str = "", processes: int = 1, keep: bool = False
    ) -> Callable[[], Awaitable[Loaded]]:
        """Single charges, on the product's route or with `PREFIX` on the bare one."""
        return self.job(prefix + _USAGE, f"{{{_CHARGE}}}", accounts, processes=processes, keep=keep)

    async def batch(self) -> Loaded:
        """One batch of 10,000 on 10,000 accounts."""
        return await self.send(
            Job(
                ports=self.ports[:1],
                connections=1,
                seconds=60,
                requests=1,
                path="/v1/usage/batch",
                body='{"charges":[<items>]}',
                item=f'{{"account":"<account>",{_CHARGE}}}',
                items=len(ALL),
                credentials=f"Bearer {OPERATOR_SECRET}",
                accounts=_MANY,
                prefix=f"batch-{next(_runs):04d}",
            )
        )


async def run(bench: Bench) -> None:
    """Two api processes over one book; all but T21 asks the first alone."""
    async with bench.stack.book() as book, AsyncExitStack() as stack:
        count = 2 if bench.wants("T21") else 1
        ports = [await stack.enter_async_context(api(book, bench.stack.folder)) for _ in range(count)]
        door = _Door(bench, ports)
        for accounts, prefix in ((_MANY, ""), (_MANY, PREFIX), (_HOT, "")):
            await door.charges(accounts, prefix=prefix)()
        await book.rest()
        if bench.wants("T1", "T2", "T3", "T12"):
            await _singles(bench, door)
        if bench.wants("T14"):
            await _authorizations(bench, door)
        if bench.wants("T11", "T12"):
            await _batches(bench, book, door)
        if bench.wants("T21"):
            await _two_processes(bench, book, door)


async def _singles(bench: Bench, door: _Door) -> None:
    cases = {
        "bare route": door.charges(_MANY, prefix=PREFIX),
        "charges": door.charges(_MANY),
        "hot charges": door.charges(_HOT),
    }
    found = await bench.interleaved("HTTP, 64 callers", cases)
    bare, many, hot = (tuple(one.run.rate for one in found[name]) for name in cases)
    bench.add(Figure(key="T1", values=many, limits=bare, note=_note(door)))
    bench.add(Figure(key="T2", values=hot, limits=bare))
    slowest = [tuple(one.run.p99 for one in found[name]) for name in ("charges", "bare route")]
    bench.add(Figure(key="T3", values=slowest[0], limits=slowest[1]))


async def _authorizations(bench: Bench, door: _Door) -> None:
    cases = {
        "bare route + HMAC": door.job(f"{PREFIX}/v1/authorize", _QUESTION, _MANY),
        "authorize": door.job("/v1/authorize", _QUESTION, _MANY),
    }
    await cases["authorize"]()
    found = await bench.interleaved("HTTP, 64 callers", cases)
    bare, ours = (tuple(one.run.rate for one in found[name]) for name in cases)
    bench.add(Figure(key="T14", values=ours, limits=bare, note=_note(door)))


async def _batches(bench: Bench, book: Book, door: _Door) -> None:
    async with book.group_commit() as commit:

        async def alone() -> float:
            seconds, _ = await timed_batch(commit, [book.charges.on(account) for account in ALL])
            return len(ALL) / seconds

        async def over_http() -> float:
            return len(ALL) / (await door.batch()).run.p50 * 1000

        async def singles() -> float:
            return (await door.charges(_MANY)()).run.rate

        await over_http()
        await alone()
        cases = {"ledger alone": alone, "POST": over_http, "single charges": singles}
        found = await bench.interleaved("Batch of 10,000", cases, rounds=_BATCHES)
    posted = tuple(found["POST"])
    bench.add(Figure(key="T11", values=posted, limits=tuple(found["ledger alone"]), note=_note(door)))
    bench.add(Figure(key="T12", values=posted, limits=tuple(found["single charges"])))


async def _two_processes(bench: Bench, book: Book, door: _Door) -> None:
    """Half of the callers ask each process; afterwards every answer is looked for in the journal."""
    cases = {
        "one process": door.charges(_HOT, keep=True),
        "two processes": door.charges(_HOT, processes=2, keep=True),
    }
    await cases["two processes"]()
    found = await bench.interleaved("One hot account", cases)
    kept = [one for runs in found.values() for loaded in runs for one in loaded.kept]
    places = [parse_transaction_id(transaction) for _, transaction in kept]
    there = await book.owner.fetchval(
        _POSTED, [account for account, _ in places], [seq for _, seq in places], [reference for reference, _ in kept]
    )
    seen = len(set(places))
    wrong = len(kept) - min(there, seen)
    one, two = (tuple(loaded.run.rate for loaded in found[name]) for name in cases)
    if wrong:
        bench.stack.findings.append(f"{wrong} answers over HTTP do not stand in the journal as given")
    note = f"{wrong} wrong answers: of {len(kept):,}, {there:,} stand in the journal as answered, {seen:,} ids differ"
    ratio = median(loaded.run.p99 for loaded in found["two processes"])
    bench.add(Figure(key="T21", values=two, limits=one, note=f"{note}; p99 with two: {ratio:.0f} ms"))


def _note(door: _Door) -> str:
    return f"NOT EVERY ANSWER WAS GOOD: {door.wrong}" if door.wrong else ""
