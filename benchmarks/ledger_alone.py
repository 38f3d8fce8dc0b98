"""T4-T8: the ledger without HTTP beside the bare row and the hot row."""

from benchmarks.bench import Bench
from benchmarks.figures import Figure
from benchmarks.measure import Run, load
from benchmarks.ways import ways

KEYS = ("T4", "T5", "T6", "T7", "T8")
SECONDS = 50


async def run(bench: Bench) -> None:
    """Measure them in one book."""
    async with bench.stack.book() as book, ways(book) as calls:
        for name in ("bare row", "hot row", "groups", "hot groups"):
            await load(calls[name], callers=64, seconds=bench.seconds / 3)
        await book.rest()
        if bench.wants("T4", "T5", "T7"):
            callers: dict[str, int] = dict.fromkeys(("bare row", "groups", "hot row", "hot groups"), 64)
            found = await bench.loads("Ledger alone, 64 callers", calls, callers)
            many, hot = _rates(found["groups"]), _rates(found["hot groups"])
            bench.add(Figure(key="T4", values=many, limits=_rates(found["bare row"])))
            bench.add(Figure(key="T5", values=hot, limits=_rates(found["hot row"])))
            bench.add(Figure(key="T7", values=hot, limits=many))
        if bench.wants("T6"):
            found = await bench.loads("Ledger alone, 256 callers", calls, {"hot row": 256, "hot groups": 256})
            bench.add(Figure(key="T6", values=_rates(found["hot groups"]), limits=_rates(found["hot row"])))
        if bench.wants("T8"):
            found = await bench.loads("Ledger alone, lone caller", calls, {"bare row": 1, "groups": 1}, rounds=5)
            bare, charge = (tuple(run.p50 for run in found[name]) for name in ("bare row", "groups"))
            bench.add(Figure(key="T8", values=charge, limits=bare))


def _rates(runs: list[Run]) -> tuple[float, ...]:
    return tuple(run.rate for run in runs)
