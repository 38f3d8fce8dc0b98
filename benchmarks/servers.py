"""API processes over a book, and load on them from a process of its own."""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from benchmarks.load import Job
from benchmarks.measure import Run
from benchmarks.stack import Book
from sandbox.part import Part, running
from sandbox.ports import HOST, free_ports

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the load saw."""

    run: Run
    good: int
    """Answers below 300."""
    wrong: str
    """One of the others, if there were any."""
    kept: list[tuple[str, str]]
    """Reference and id of each good answer, if the job keeps them."""


@asynccontextmanager
async def api(book: Book, folder: Path) -> AsyncGenerator[int]:
    """An api process, as shipped; gives its port."""
    port = free_ports(1)[0]
    env = {
        "PREPAY_DATABASE_URL": book.app_url,
        "PREPAY_DATABASE_OWNER_URL": book.owner_url,
        "PREPAY_API_PORT": str(port),
        "PREPAY_LOG_LEVEL": "INFO",
        "PYTHONPATH": str(ROOT),
    }

    async def healthy() -> bool:
        async with httpx2.AsyncClient() as client:
            try:
                return (await client.get(f"http://{HOST}:{port}/healthz")).is_success
            except httpx2.TransportError:
                return False

    command = (sys.executable, "-m", "benchmarks.serving")
    async with running(Part(name=f"api-{port}", command=command, healthy=healthy, env=env), folder):
        yield port


async def load(job: Job) -> Loaded:
    """Run a job in a process of its own. Raises RuntimeError when it ends badly."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.load"),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, error = await process.communicate(job.as_json())
    except BaseException:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        raise RuntimeError(f"the load generator failed: {error.decode()[-1000:]}")
    found: dict[str, Any] = json.loads(out)
    good = sum(count for status, count in found["statuses"].items() if int(status) < 300)
    run = Run(rate=found["rate"], p50=found["p50"], p99=found["p99"])
    return Loaded(run, good, found["wrong"], [(one[0], one[1]) for one in found["kept"]])
