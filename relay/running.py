"""All that one process does beside workflows: outbox, inbox, crossings, poller, expiry, watch; until stopped."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from temporalio.client import Client
from temporalio.common import MetricMeter

from relay.crossings import MORE, CrossingsRelay
from relay.draining import drain
from relay.expiring import HoldExpiry
from relay.inbox import InboxRelay
from relay.outbox import OutboxRelay
from relay.poller import EventSource, EventsPoller
from relay.watching import Watch
from store.crossing_effects import CrossingEffects
from store.database import Database, Listener

CHANNELS = ("prepay_outbox", "prepay_inbox", "prepay_crossings")


@asynccontextmanager
async def relaying(
    *,
    database: Database,
    listener: Listener,
    client: Client,
    task_queue: str,
    events: EventSource,
    now: Callable[[], datetime],
    poll_seconds: float,
    retention_days: int,
    meter: MetricMeter,
) -> AsyncGenerator[None]:
    """Hand on what waits while the block runs. ``listener`` listens on CHANNELS."""
    outbox = OutboxRelay(database=database, client=client, task_queue=task_queue, now=now)
    inbox = InboxRelay(database=database, client=client, now=now)
    effects = CrossingEffects(retention_days=retention_days)
    crossings = CrossingsRelay(database=database, effects=effects, now=now)
    poller = EventsPoller(database=database, events=events, now=now, every_seconds=poll_seconds)
    expiry = HoldExpiry(database=database, now=now)
    watch = Watch(database=database, meter=meter, now=now)
    loops = [
        asyncio.create_task(drain(channel="prepay_outbox", listener=listener, step=outbox.hand_on), name="outbox"),
        asyncio.create_task(drain(channel="prepay_inbox", listener=listener, step=inbox.step), name="inbox"),
        asyncio.create_task(
            drain(channel="prepay_crossings", listener=listener, step=crossings.step, batch=MORE), name="crossings"
        ),
        asyncio.create_task(poller.run(), name="poller"),
        asyncio.create_task(expiry.run(), name="expiry"),
        asyncio.create_task(watch.run(), name="watch"),
    ]
    try:
        yield
    finally:
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
