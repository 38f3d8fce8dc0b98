"""A loop that drains rows: woken by NOTIFY, and by time in case nobody was heard."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from store.database import DatabaseUnavailableError, Listener

log = structlog.get_logger(__name__)
LOOK_AGAIN_SECONDS = 1.0
AFTER_OUTAGE_SECONDS = 2.0


async def drain(
    *,
    channel: str,
    listener: Listener,
    step: Callable[[], Awaitable[int]],
    batch: int = 1,
    look_again: float = LOOK_AGAIN_SECONDS,
) -> None:
    """Call ``step`` for ever: at once while it says that it moved a ``batch``, else when woken or after ``look_again``.

    Fewer were all that there were; what has been written since wakes.
    """
    async with listener.wakes(channel) as woken:
        while True:
            woken.clear()
            try:
                moved = await step()
            except DatabaseUnavailableError as outage:
                log.warning("relay_waits_for_postgres", channel=channel, error=type(outage).__name__)
                await asyncio.sleep(AFTER_OUTAGE_SECONDS)
                continue
            except Exception:
                # One poisoned row must not stop the others: it is logged, and the loop goes on.
                log.exception("relay_step_failed", channel=channel)
                await asyncio.sleep(AFTER_OUTAGE_SECONDS)
                continue
            if moved < batch:
                try:
                    # Not wait_for: before Python 3.12 it may swallow a cancellation.
                    async with asyncio.timeout(look_again):
                        await woken.wait()
                except TimeoutError:
                    continue
