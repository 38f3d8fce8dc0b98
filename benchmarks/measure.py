"""Closed-loop load in this process: so many callers, each asking again as soon as it is answered."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

Call = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of some seconds gave."""

    rate: float
    """Calls answered in a second."""
    p50: float
    """Milliseconds that half of the calls took at most."""
    p99: float


def summed_up(latencies: list[float], seconds: float) -> Run:
    """A run from the seconds that each call took."""
    if not latencies:
        raise RuntimeError("nothing was answered")
    ordered = sorted(latencies)
    return Run(
        rate=len(ordered) / seconds,
        p50=ordered[len(ordered) // 2] * 1000,
        p99=ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)] * 1000,
    )


async def load(call: Call, *, callers: int, seconds: float) -> Run:
    """Let `callers` ask for `seconds`; the last answers are waited for and counted."""
    latencies: list[float] = []
    started = time.perf_counter()
    end = started + seconds

    async def caller() -> None:
        while (before := time.perf_counter()) < end:
            await call()
            latencies.append(time.perf_counter() - before)

    async with asyncio.TaskGroup() as group:
        for _ in range(callers):
            group.create_task(caller())
    return summed_up(latencies, time.perf_counter() - started)
