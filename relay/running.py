"""All hand-offs of one process: outbox, inbox and the poller, side by side until they are stopped."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from temporalio.client import Client

from relay.draining import drain
from relay.inbox import InboxRelay
from relay.outbox import OutboxRelay
from relay.poller import EventSource, EventsPoller
from store.database import Database, Listener

CHANNELS = ("prepay_outbox", "prepay_inbox")


@asynccontextmanager
async def relaying(
    *,
    database: Database,
    listener: Listener,
    client: Client,
    task_queue: str,
    events_after: EventSource,
    now: Callable[[], datetime],
    poll_seconds: float,
) -> AsyncGenerator[None]:
    """Hand on what waits while the block runs. ``listener`` listens on CHANNELS."""
    outbox = OutboxRelay(database=database, client=client, task_queue=task_queue, now=now)
    inbox = InboxRelay(database=database, client=client, now=now)
    poller = EventsPoller(database=database, events_after=events_after, now=now, every_seconds=poll_seconds)
    loops = [
        asyncio.create_task(drain(channel="prepay_outbox", listener=listener, step=outbox.step), name="outbox"),
        asyncio.create_task(drain(channel="prepay_inbox", listener=listener, step=inbox.step), name="inbox"),
        asyncio.create_task(poller.run(), name="poller"),
    ]
    try:
        yield
    finally:
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
