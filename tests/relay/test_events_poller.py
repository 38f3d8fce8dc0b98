"""Decision 5: what webhooks have not told is read from the processor's list, page by page, by ids."""

from collections.abc import AsyncGenerator

import httpx2
import pytest
from sqlalchemy import func, select
from sqlmodel import col

from gateways.processor import ProcessorEvent
from gateways.stripe import StripeProcessor
from models.inbox import Inbox
from relay.poller import EventsPoller
from sandbox.stripe.server import Server
from store import inbox
from tests.relay.conftest import NOW

AUTHORIZATION = {"Authorization": "Bearer sk_test_sandbox"}


class Place:
    """A processor whose customers are made here: each makes one event."""

    def __init__(self, books, url, http, processor) -> None:
        self.books, self.url, self.http, self.processor = books, url, http, processor
        self.poller = EventsPoller(database=books, events=processor, now=lambda: NOW)

    async def happen(self, times: int) -> None:
        for _ in range(times):
            (await self.http.post(f"{self.url}/v1/customers", headers=AUTHORIZATION)).raise_for_status()

    async def stored(self) -> int:
        async with self.books.transaction() as session:
            return await session.scalar(select(func.count()).select_from(Inbox)) or 0

    async def poll(self) -> None:
        while await self.poller.step():
            continue


@pytest.fixture
async def place(books) -> AsyncGenerator[Place]:
    async with Server() as sandbox, httpx2.AsyncClient(trust_env=False) as http:
        processor = StripeProcessor(api_key="sk_test_sandbox", base=sandbox.url, timeout_seconds=10)
        yield Place(books, sandbox.url, http, processor)
        await processor.close()


async def test_of_an_old_list_the_newest_is_the_place_to_begin(place):
    await place.happen(5)
    await place.poll()
    assert await place.stored() == 1
    await place.happen(130)
    await place.poll()
    assert await place.stored() == 131
    await place.poll()
    assert await place.stored() == 131


async def test_a_list_that_is_empty_at_first_is_read_from_its_first_event(place):
    await place.poll()
    assert await place.stored() == 0
    await place.happen(130)
    await place.poll()
    assert await place.stored() == 130
    await place.happen(1)
    await place.poll()
    assert await place.stored() == 131


async def test_when_its_place_is_gone_all_that_there_is_is_read(place):
    await place.happen(1)
    await place.poll()
    (await place.http.post(f"{place.url}/_sandbox/reset")).raise_for_status()
    await place.happen(120)
    await place.poll()
    assert await place.stored() == 121
    await place.happen(2)
    await place.poll()
    assert await place.stored() == 123


async def test_what_a_webhook_has_brought_is_not_stored_again(place):
    await place.poll()
    await place.happen(3)
    listed = await place.processor.events_before(None)
    async with place.books.transaction() as session:
        assert await inbox.take_in(session, listed[1].payload, now=NOW)
    await place.poll()
    assert await place.stored() == 3


async def test_an_event_that_cannot_be_stored_stops_no_other(books):
    class Listed:
        events = (
            ProcessorEvent("evt_1", "a", {"id": "evt_1"}),
            ProcessorEvent("evt_2", "b", {"id": "evt_2", "type": "b", "created": 1, "data": {"object": {"id": "x\0"}}}),
            ProcessorEvent("evt_3", "c", {"id": "evt_3", "type": "c", "created": 1, "data": {"object": {}}}),
        )

        async def events_after(self, event_id):
            return [one for one in self.events if one.id > event_id]

        async def events_before(self, event_id):
            return [one for one in reversed(self.events) if event_id is None or one.id < event_id][:1]

    poller = EventsPoller(database=books, events=Listed(), now=lambda: NOW)
    async with books.transaction() as session:
        await inbox.move_cursor(session, "evt_0", now=NOW)
    assert await poller.step() == 3
    assert await poller.step() == 0
    async with books.transaction() as session:
        found = await session.execute(select(col(Inbox.id), col(Inbox.object_id)))
        assert [tuple(row) for row in found] == [("evt_3", "c")]
