"""A signal ends the work in good order."""

import asyncio
import signal
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def until_signal(work: Coroutine[Any, Any, None]) -> signal.Signals | None:
    """Do the work; Ctrl-C, SIGTERM or a closed terminal cancels it, once, and its clean-up is waited for.

    Returns:
        The signal that ended it, None when it ended by itself.
    """
    received: list[signal.Signals] = []
    task = asyncio.ensure_future(work)

    def cancel(number: signal.Signals) -> None:
        if not received:  # a second one would cut the clean-up short
            task.cancel()
        received.append(number)

    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, cancel, number)
    try:
        with suppress(asyncio.CancelledError):
            await task
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
    if task.cancelled() and not received:
        raise asyncio.CancelledError
    return received[0] if received else None
