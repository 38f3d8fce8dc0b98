"""The events poller: what a lost webhook would have told us is found in the processor's list (decision 5)."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol

import structlog

from store import inbox
from store.database import Database
from store.inbox import UnreadableEventError

log = structlog.get_logger(__name__)
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


class EventSource(Protocol):
    """The processor's list of events; both raise ValueError for an event that is not in it any more."""

    async def events_after(self, event_id: str | None) -> Sequence[ListedEvent]:
        """A page of those newer than ``event_id``, oldest first."""
        ...

    async def events_before(self, event_id: str | None) -> Sequence[ListedEvent]:
        """A page of those older than ``event_id``, newest first; without it the newest of all."""
        ...


class EventsPoller:
    """Reads events newer than the last one read, by their ids and never by time."""

    def __init__(
        self,
        *,
        database: Database,
        events: EventSource,
        now: Callable[[], datetime],
        every_seconds: float = EVERY_SECONDS,
    ) -> None:
        self._database = database
        self._events = events
        self._now = now
        self._every = every_seconds

    async def run(self) -> None:
        """Poll for ever."""
        while True:
            try:
                while await self.step():
                    continue
            except ConnectionError as outage:
                log.warning("poller_waits", error=type(outage).__name__)
            except Exception:
                log.exception("poller_failed")
            await asyncio.sleep(self._every)

    async def step(self) -> int:
        """Read one page; how many events were listed that had not been read."""
        async with self._database.transaction() as session:
            cursor = await inbox.cursor(session)
        if cursor is None:
            return await self._begin()
        if not cursor:
            return await self._read_all()
        try:
            events = await self._events.events_after(cursor)
        except ValueError as refused:
            # Down for longer than the 30 days that the processor keeps: whatever it still has is read.
            log.warning("poller_reads_all", error=type(refused).__name__)
            return await self._read_all()
        if events:
            await self._store(events, cursor=events[-1].id)
        return len(events)

    async def _begin(self) -> int:
        """What was before us is not ours; a list that is empty yet is ours from its first event on."""
        newest = list(await self._events.events_before(None))[:1]
        await self._store(newest, cursor=newest[0].id if newest else "")
        return 0

    async def _read_all(self) -> int:
        """From the newest back to the oldest; the cursor moves when all are stored."""
        newest, page = "", await self._events.events_before(None)
        while page:
            newest = newest or page[0].id
            await self._store(page, cursor=None)
            page = await self._events.events_before(page[-1].id)
        await self._store([], cursor=newest)
        return 0

    async def _store(self, events: Sequence[ListedEvent], *, cursor: str | None) -> None:
        async with self._database.transaction() as session:
            for event in events:
                try:
                    is_new = await inbox.take_in(session, event.payload, now=self._now())
                except UnreadableEventError as error:
                    log.warning("poller_skipped", event_id=event.id, error=str(error))
                    continue
                if is_new:
                    log.info("poller_found", event_id=event.id, kind=event.payload["type"])
            if cursor is not None:
                await inbox.move_cursor(session, cursor, now=self._now())
