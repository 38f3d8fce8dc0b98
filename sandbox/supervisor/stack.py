"""Starts the parts, keeps them up, stops them."""

import asyncio
import sys
import time
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape

from sandbox.health import http_ok
from sandbox.part import Part, PartFailedError, Process, StackError, ending
from sandbox.ports import Ports
from sandbox.postgres import Postgres
from sandbox.supervisor.claim import Claim
from sandbox.supervisor.orphans import stop_orphans
from sandbox.temporal import Temporal

_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 10.0
#: A part that ran that long has recovered: its next end counts as the first.
_RECOVERED_AFTER = 30.0


class Stack:
    """PostgreSQL, Temporal, the Stripe sandbox and the mail sink, then whatever the caller adds.

    `async with Stack(...)` starts and stops it. What the caller needs between two parts it does between two `add`s.
    """

    def __init__(
        self,
        *,
        data_dir: Path,
        ports: Ports,
        day_seconds: float = 10.0,
        codec_endpoint: str | None = None,
        durable: bool = True,
        console: Console | None = None,
    ) -> None:
        """Describe it; nothing is started.

        Args:
            data_dir: Where data and logs live between runs.
            ports: One for each thing that listens, those of the caller's parts too.
            day_seconds: Wall time of one business day in the sandbox; 0: its clock stands still.
            codec_endpoint: Where the Temporal UI has payloads decoded.
            durable: Whether PostgreSQL waits for the disk; tests do without.
            console: Where progress and restarts are told; None: nowhere.
        """
        self.data_dir = data_dir.resolve()
        self.ports = ports
        self.postgres = Postgres(data_dir=self.data_dir / "postgres", port=ports.postgres, durable=durable)
        self.temporal = Temporal(
            data_dir=self.data_dir / "temporal",
            port=ports.temporal,
            ui_port=ports.temporal_ui,
            codec_endpoint=codec_endpoint,
        )
        self._day_seconds = day_seconds
        self._console = console or Console(quiet=True)
        self._claim: Claim | None = None
        self._processes: list[Process] = []
        self._watches: list[asyncio.Task[None]] = []

    @property
    def log_dir(self) -> Path:
        """One log for each part, `<name>.log`."""
        return self.data_dir / "log"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start the four parts that are not ours, all at once, and wait until each is healthy.

        Raises:
            AlreadyRunningError: A stack runs in the data folder.
            PortTakenError: Another program holds a port.
            PartFailedError: A part did not start; the others are stopped.
            StackError: The folder is another user's.
        """
        with _own_files():
            self._claim = Claim(self.data_dir, asdict(self.ports))
        try:
            await stop_orphans(str(self.data_dir))
            await self.postgres.stop_leftovers()
            self.ports.check()
            parts = [self.postgres.part(), self.temporal.part(), self._stripe(), self._mail()]
            async with (
                self._telling("Starting " + ", ".join(part.name for part in parts)),
                asyncio.TaskGroup() as group,
            ):
                for part in parts:
                    group.create_task(self._start(part))
        except BaseExceptionGroup as errors:
            await self.stop()
            raise errors.exceptions[0] from None
        except BaseException:
            await self.stop()
            raise

    async def add(self, *parts: Part) -> None:
        """Start parts of the caller's, all at once, wait until each is healthy, and keep them up from then on."""
        try:
            async with (
                self._telling("Starting " + ", ".join(part.name for part in parts)),
                asyncio.TaskGroup() as group,
            ):
                for part in parts:
                    group.create_task(self._start(part))
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None

    async def run(self, *, name: str, command: tuple[str, ...], env: Mapping[str, str] | None = None) -> None:
        """Run a program once, to its end.

        Raises:
            PartFailedError: It did not exit with 0.
        """
        began = time.monotonic()
        async with self._telling(f"Running {name}"):
            part = Part(name=name, command=command, env=env or {}, healthy=_at_once)
            process = Process(part, log_dir=self.log_dir, mark=str(self.data_dir))
            await process.start()
            try:
                code = await process.wait()
            finally:
                await process.stop()
            if code != 0:
                raise PartFailedError(name, ending(code), process.log)
        self._tick(name, began)

    async def run_forever(self) -> None:
        """Keep everything up until cancelled."""
        await asyncio.gather(*self._watches)

    async def stop(self) -> None:
        """Stop what runs: the caller's parts last to first, then the others at once."""
        for watch in self._watches:
            watch.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)
        self._watches.clear()
        if self._processes:
            async with self._telling("Stopping"):
                own = [process for process in self._processes if process.part.name not in _OTHERS]
                for process in reversed(own):
                    await process.stop()
                await asyncio.gather(*(process.stop() for process in self._processes))
            self._processes.clear()
        if self._claim:
            self._claim.release()
            self._claim = None

    async def _start(self, part: Part) -> None:
        began = time.monotonic()
        process = Process(part, log_dir=self.log_dir, mark=str(self.data_dir))
        with _own_files():
            await process.start()
        self._processes.append(process)
        self._watches.append(asyncio.create_task(self._keep_up(process), name=f"keep {part.name} up"))
        self._tick(part.name, began)

    async def _keep_up(self, process: Process) -> None:
        name, pause = escape(process.part.name), _FIRST_PAUSE
        while True:
            began = time.monotonic()
            why = ending(await process.wait())
            while True:
                if time.monotonic() - began > _RECOVERED_AFTER:
                    pause = _FIRST_PAUSE
                self._console.print(f"[yellow]![/] {name} {why}; starting it again")
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
                began = time.monotonic()
                try:
                    await process.start()
                except (RuntimeError, OSError) as error:
                    why = error.why if isinstance(error, PartFailedError) else f"does not start: {error}"
                else:
                    self._console.print(f"[green]✓[/] {name} answers again")
                    break

    def _stripe(self) -> Part:
        port = self.ports.stripe
        folder, pace = str(self.data_dir / "stripe"), f"{self._day_seconds:g}"
        command = ("--port", str(port), "--data-dir", folder, "--day-seconds", pace)
        return Part(
            name="stripe",
            command=(sys.executable, "-m", "sandbox.stripe", *command),
            healthy=lambda: http_ok(port, "/_sandbox/health"),
        )

    def _mail(self) -> Part:
        smtp, port = self.ports.smtp, self.ports.inbox
        command = ("--smtp-port", str(smtp), "--inbox-port", str(port), "--data-dir", str(self.data_dir / "mail"))
        return Part(
            name="mail",
            command=(sys.executable, "-m", "sandbox.mail", *command),
            healthy=lambda: http_ok(port, "/messages"),
        )

    def _tick(self, name: str, began: float) -> None:
        self._console.print(f"[green]✓[/] {escape(name):<10} [dim]{time.monotonic() - began:.1f} s[/]", highlight=False)

    @asynccontextmanager
    async def _telling(self, what: str) -> AsyncGenerator[None]:
        with self._console.status(f"{escape(what)} …"):
            yield


_OTHERS = frozenset({"postgres", "temporal", "stripe", "mail"})


@contextmanager
def _own_files() -> Generator[None]:
    try:
        yield
    except PermissionError as error:
        advice = "run as that user, or remove the folder of the stack's data"
        raise StackError(f"{error.filename} belongs to another user: {advice}") from error


async def _at_once() -> bool:
    return True
