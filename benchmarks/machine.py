"""What the figures were measured on."""

import asyncio
import os
import platform
import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median

import psutil

_PAGE = b"\0" * 8192
_ROOT = Path(__file__).parents[1]


def sync_microseconds(folder: Path, *, times: int = 200) -> float:
    """Median of a write and fdatasync of one page of 8 kB in a file of `folder`."""
    sync = getattr(os, "fdatasync", os.fsync)  # macOS has the second only
    taken: list[float] = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(times):
            before = time.perf_counter()
            os.pwrite(file.fileno(), _PAGE, 0)
            sync(file.fileno())
            taken.append((time.perf_counter() - before) * 1e6)
    return median(taken)


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _commit() -> str:
    command = ("git", "-C", str(_ROOT), "describe", "--always", "--dirty", "--abbrev=10", "--exclude=*")
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603 # no input
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


async def description(folder: Path, postgres: str) -> dict[str, str]:
    """Name → value, for the head of the results."""
    busy = await asyncio.to_thread(psutil.cpu_percent, 3)
    sync = await asyncio.to_thread(sync_microseconds, folder)
    return {
        "CPU": f"{_cpu()}, {os.cpu_count()} cores, shared by database, API and load",
        "RAM": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "System": f"{platform.system()} {platform.release()}",
        "PostgreSQL": postgres,
        "fdatasync of 8 kB": f"{sync:.0f} µs",
        "Busy with other work": f"{busy:.0f} % of the cores, in the seconds before the first round",
        "Python": platform.python_version(),
        "Commit": await asyncio.to_thread(_commit),
    }
