"""Processes of a stack whose supervisor was killed."""

import asyncio
import os
from contextlib import suppress

import psutil

from sandbox.part import MARK


async def stop_orphans(mark: str) -> list[int]:
    """End every process that carries the mark of a stack, by force after 10 s. Gives their ids.

    To be called by the holder of the stack's folder before it starts anything: whoever carries the mark then, has lost
    its supervisor.
    """
    orphans = [process for process in psutil.process_iter() if _carries(process, mark)]
    for orphan in orphans:
        with suppress(psutil.Error):
            orphan.terminate()
    _, stubborn = await asyncio.to_thread(psutil.wait_procs, orphans, timeout=10)
    for orphan in stubborn:
        with suppress(psutil.Error):
            orphan.kill()
    await asyncio.to_thread(psutil.wait_procs, stubborn, timeout=10)
    return [orphan.pid for orphan in orphans]


def _carries(process: psutil.Process, mark: str) -> bool:
    try:
        return process.environ().get(MARK) == mark and process.pid != os.getpid()
    except (psutil.Error, OSError):  # another user's, a zombie, or gone
        return False
