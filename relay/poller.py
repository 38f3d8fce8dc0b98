"""The events poller: what a lost webhook would have told us is found in the processor's list (decision 5)."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, Protocol

import structlog

from store import inbox
from store.database import Database, DatabaseUnavailableError

log = structlog.get_logger()
EVERY_SECONDS = 30.0


class ListedEvent(Protocol):
    """An event as the processor lists it."""

    @property
    def id(self) -> str:
        """Its id."""
        ...

    @property
    def payload(self) -> dict[str, Any]:
        """Its whole JSON."""
        ...


EventSource = Callable[[str | None], Awaitable[Sequence[ListedEvent]]]


class EventsPoller:
    """Reads events newer than the last one read, by their ids and never by time."""

    def __init__(
        self,
        *,
        database: Database,
        events_after: EventSource,
        now: Callable[[], datetime],
        every_seconds: float = EVERY_SECONDS,
    ) -> None:
        self._database = database
        self._events_after = events_after
        self._now = now
        self._every = every_seconds

    async def run(self) -> None:
        """Poll for ever."""
        while True:
            try:
                while await self.step():
                    continue
            except (ConnectionError, DatabaseUnavailableError) as outage:
                log.warning("poller_waits", error=type(outage).__name__)
            except ValueError as refused:
                # The event we had read is older than the 30 days that the processor keeps: begin at the newest.
                log.warning("poller_begins_anew", error=type(refused).__name__)
                await self._begin()
            except Exception:
                log.exception("poller_failed")
            await asyncio.sleep(self._every)

    async def step(self) -> int:
        """Read one page; how many events were listed."""
        async with self._database.transaction() as session:
            cursor = await inbox.cursor(session)
        if cursor is None:
            await self._begin()
            return 0
        return await self._store(await self._events_after(cursor))

    async def _begin(self) -> None:
        await self._store(await self._events_after(None))

    async def _store(self, events: Sequence[ListedEvent]) -> int:
        if events:
            async with self._database.transaction() as session:
                for event in events:
                    if await inbox.take_in(session, event.payload, now=self._now()):
                        log.info("poller_found", event_id=event.id, kind=event.payload["type"])
                await inbox.move_cursor(session, events[-1].id, now=self._now())
        return len(events)
