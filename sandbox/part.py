"""A part of the local stack: a process that is prepared, started, waited for and stopped."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

#: Environment variable that every process of a stack carries: the folder of its data. By it orphans are found.
MARK = "PREPAY_STACK"
LOG_LIMIT_BYTES = 10 * 2**20


async def _nothing() -> None:
    """Prepare nothing."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """What a process needs to run, and how to tell that it does.

    Args:
        name: Shown to the user, and the name of the log.
        command: Program and arguments.
        healthy: Whether it answers; asked about every 50 ms until it does.
        prepare: Awaited before every start, the first and each later one.
        complete: Awaited after every start, once healthy.
        env: Added to this process's environment.
        stop_signal: What ends it in good order.
        patience: Seconds after which a start that is not healthy has failed.
    """

    name: str
    command: tuple[str, ...]
    healthy: Callable[[], Awaitable[bool]]
    prepare: Callable[[], Awaitable[None]] = _nothing
    complete: Callable[[], Awaitable[None]] = _nothing
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    stop_signal: signal.Signals = signal.SIGTERM
    patience: float = 60.0


class StackError(RuntimeError):
    """The stack cannot be started; the message tells the user why and what to do."""


class PartFailedError(StackError):
    """A part ended, or did not become healthy in time; the message ends with the last lines of its log."""

    def __init__(self, name: str, why: str, log: Path) -> None:
        tail = log.read_text(errors="replace").splitlines()[-8:] if log.exists() else []
        super().__init__("\n".join([f"{name} {why}. The end of {log}:", *(f"  {line[:300]}" for line in tail)]))
        self.name, self.why, self.log = name, why, log


def ending(code: int) -> str:
    """Say in words how a process ended: `code` is its return code, negative for a signal."""
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


def tied(command: tuple[str, ...], stop_signal: signal.Signals) -> tuple[str, ...]:
    """Let the kernel stop the command when its parent dies (Linux; elsewhere the next start stops orphans)."""
    setpriv = _setpriv()
    if setpriv is None:
        return command
    option = ("--pdeathsig", stop_signal.name.removeprefix("SIG"))
    # A command that changes its user does so by setpriv, and must be tied after that: the change unties it.
    return (*command[:1], *option, *command[1:]) if command[0] == setpriv else (setpriv, *option, *command)


@cache
def _setpriv() -> str | None:
    path = shutil.which("setpriv") if sys.platform == "linux" else None
    if path is None:
        return None
    knows_it = subprocess.run([path, "--pdeathsig", "TERM", "true"], capture_output=True, check=False)  # noqa: S603 # no input
    return path if knows_it.returncode == 0 else None


class Process:
    """One running process of a part."""

    def __init__(self, part: Part, *, log_dir: Path, mark: str) -> None:
        self.part = part
        self.log = log_dir / f"{part.name}.log"
        self._mark = mark
        self._process: asyncio.subprocess.Process | None = None
        self._leads_group = False

    @property
    def pid(self) -> int:
        """The process id; of the program itself, not of a wrapper."""
        return self._running().pid

    def _running(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise RuntimeError(f"{self.part.name} was not started")
        return self._process

    async def start(self) -> None:
        """Prepare, start and wait until healthy.

        Raises:
            PartFailedError: it ended, or was not healthy within the part's patience; it is stopped then.
        """
        await self.part.prepare()
        await self._spawn()
        try:
            async with asyncio.timeout(self.part.patience):
                await self._until_healthy()
                await self.part.complete()
        except TimeoutError:
            await self.stop()
            why = f"did not answer within {self.part.patience:g} s"
            raise PartFailedError(self.part.name, why, self.log) from None
        except BaseException:
            await self.stop()
            raise

    async def _spawn(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *tied(self.part.command, self.part.stop_signal),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **self.part.env, MARK: self._mark},
                start_new_session=True,  # Ctrl-C in a terminal reaches the supervisor alone, which stops all in order
            )
        self._leads_group = True

    async def _until_healthy(self) -> None:
        process = self._running()
        while not await self.part.healthy():
            if process.returncode is not None:
                raise PartFailedError(self.part.name, ending(process.returncode), self.log)
            await asyncio.sleep(0.05)

    async def wait(self) -> int:
        """Wait for its end, then end what it has left behind. Gives the return code, negative for a signal."""
        process = self._running()
        code = await process.wait()
        if self._leads_group:
            self._leads_group = False
            with suppress(ProcessLookupError, PermissionError):  # macOS: the second, for a group of zombies
                os.killpg(process.pid, signal.SIGKILL)
        return code

    async def stop(self, *, patience: float = 20.0) -> None:
        """End it in good order, after `patience` seconds by force; nothing happens when it has ended."""
        process = self._running()
        with suppress(ProcessLookupError):
            process.send_signal(self.part.stop_signal)
        try:
            await asyncio.wait_for(self.wait(), patience)
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            await self.wait()


@asynccontextmanager
async def running(part: Part, folder: Path) -> AsyncGenerator[Process]:
    """Run one part by itself, with its log in the folder: started and healthy inside, stopped after."""
    process = Process(part, log_dir=folder, mark=str(folder))
    await process.start()
    try:
        yield process
    finally:
        await process.stop()
