"""T16: django-hordak from its package, in a virtual environment and a process of its own."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.customers import COUNT
from benchmarks.figures import Figure
from benchmarks.measure import load
from benchmarks.ways import ways

KEYS = ("T16",)
SECONDS = 45
_PYTHON = Path(__file__).parents[2] / ".venv" / "bench-peers" / "bin" / "python"
_WORKER = Path(__file__).with_name("hordak_worker.py")
_WITHOUT = "not installed: make bench installs it from requirements-bench.lock where a package index is reached"
_THREADS = 64


async def run(bench: Bench) -> None:
    """Measure its `transfer_to` beside our charges, or say why not."""
    if not _PYTHON.exists():
        bench.add(Figure(key="T16", note=_WITHOUT))
        return
    async with (
        bench.stack.empty_database() as url,
        bench.stack.book() as book,
        ways(book) as ours,
        _peer(bench, url) as theirs,
    ):

        async def our() -> float:
            return (await load(ours["groups"], callers=_THREADS, seconds=bench.seconds)).rate

        await our()
        await theirs()
        found = await bench.interleaved("Beside django-hordak", {"ours": our, "django-hordak": theirs})
    note = "one Python process with 64 threads; it takes no lock and refuses nothing"
    bench.add(
        Figure(key="T16", values=tuple(found["ours"]), limits=tuple(found["django-hordak"]), note=note)
    )  # fmt: skip


@asynccontextmanager
async def _peer(bench: Bench, url: str) -> AsyncGenerator[Callable[[], Awaitable[float]]]:
    """The rate of its transfers; the process answers a line of JSON to each line."""
    bench.bar.tell("django-hordak: migrations and accounts")
    path = bench.stack.folder / "hordak.log"
    log = path.open("wb")
    process = await asyncio.create_subprocess_exec(
        str(_PYTHON),
        "-P",  # its folder has modules named as the peers are
        str(_WORKER),
        *(url, str(_THREADS), str(COUNT // 10)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=log,
    )

    async def ask(seconds: float) -> float:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the peer has no pipes")
        process.stdin.write(f"{seconds}\n".encode())
        answer = await process.stdout.readline()
        if not answer:
            raise RuntimeError(f"django-hordak ended: {(await asyncio.to_thread(path.read_text))[-500:]}")
        return float(json.loads(answer))

    try:
        yield lambda: ask(bench.seconds)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        log.close()
