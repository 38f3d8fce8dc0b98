"""One stack for each data folder: who holds it. A lock of the kernel, so that no kill leaves it behind."""

import fcntl
import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from sandbox.part import StackError

_FILE = "stack.pid"


@dataclass(frozen=True, kw_only=True)
class Running:
    """A stack that runs.

    Args:
        pid: Of its supervisor.
        ports: Port by name, as in `sandbox.ports.Ports`.
    """

    pid: int
    ports: Mapping[str, int]


class AlreadyRunningError(StackError):
    """Another stack works in the data folder."""

    def __init__(self, found: Running, data_dir: Path) -> None:
        api = f" on port {found.ports['api']}" if "api" in found.ports else ""
        super().__init__(f"A stack already runs{api} in {data_dir} (process {found.pid}): stop it first, with Ctrl-C.")
        self.running = found


def running(data_dir: Path) -> Running | None:
    """The stack that runs in the folder, None without one. A file left behind by a killed one counts for nothing."""
    try:
        file = (data_dir / _FILE).open(encoding="utf-8")
    except FileNotFoundError:
        return None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _read(file)
    return None


def _read(file: TextIO) -> Running:
    # Between taking the lock and writing, the holder's file is empty or another's.
    with suppress(ValueError, KeyError):
        content = json.load(file)
        return Running(pid=content["pid"], ports=content["ports"])
    return Running(pid=0, ports={})


class Claim:
    """The folder, held by this process until it is released or this process ends."""

    def __init__(self, data_dir: Path, ports: Mapping[str, int]) -> None:
        """Take it.

        Raises:
            AlreadyRunningError: Another process holds it.
        """
        data_dir.mkdir(parents=True, exist_ok=True)
        self._file = (data_dir / _FILE).open("a+", encoding="utf-8")
        try:
            self._take(data_dir)
        except BaseException:
            self._file.close()
            raise
        self._file.truncate(0)
        json.dump({"pid": os.getpid(), "ports": dict(ports)}, self._file)
        self._file.flush()

    def _take(self, data_dir: Path) -> None:
        for patience in (0.05, 0.1, 0.2, 0):  # `running` holds it for a moment
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(patience)
            else:
                return
        self._file.seek(0)
        raise AlreadyRunningError(_read(self._file), data_dir)

    def release(self) -> None:
        """Let others have it."""
        self._file.truncate(0)
        self._file.close()
