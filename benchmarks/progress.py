"""The bar: what is being measured and how long the rest takes."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn


def _left(seconds: float) -> str:
    return f"{seconds // 60:.0f}:{seconds % 60:02.0f} left"


class Bar:
    """Advances with the clock, within what each section is expected to take."""

    def __init__(self, console: Console, *, seconds: float) -> None:
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
        self._bar = Progress(*columns, TextColumn("{task.fields[left]}"), console=console, transient=True)
        self._task = self._bar.add_task("Starting", total=seconds, left=_left(seconds))
        self._seconds = seconds
        self._before = 0.0
        self._stage = ""

    def tell(self, what: str) -> None:
        """Say what is measured now."""
        self._bar.update(self._task, description=what)
        stage = what.partition(":")[0]
        if stage != self._stage and not self._bar.console.is_terminal:
            self._bar.console.print(stage, highlight=False)
        self._stage = stage

    @asynccontextmanager
    async def shown(self) -> AsyncGenerator[None]:
        """Draw it while the block runs."""
        with self._bar:
            yield

    @asynccontextmanager
    async def section(self, *, seconds: float) -> AsyncGenerator[None]:
        """A part that is expected to take so long; it never runs ahead of that."""
        ticking = asyncio.create_task(self._tick(time.monotonic(), seconds))
        try:
            yield
        finally:
            ticking.cancel()
            self._before += seconds

    async def _tick(self, started: float, seconds: float) -> None:
        while True:
            done = self._before + min(time.monotonic() - started, seconds)
            self._bar.update(self._task, completed=done, left=_left(max(self._seconds - done, 0)))
            await asyncio.sleep(0.5)
