"""Decision 5: the relay says "look", once for all news of one workflow; what matches nothing is told after a day."""

import itertools
from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlmodel import col

from models.inbox import Inbox
from models.notice import Notice
from relay.inbox import InboxRelay
from store import inbox
from tests.relay.conftest import NOW
from workflows.recharge import Recharge, RechargeRequest

DAY = timedelta(days=1)
numbers = itertools.count(1)


def event(kind="payment_intent.succeeded", **subject):
    found = {"id": f"pi_{next(numbers)}", "object": "payment_intent"} | subject
    return {
        "id": f"evt_{next(numbers)}", "object": "event", "type": kind, "created": int(NOW.timestamp()),
        "livemode": False, "data": {"object": found},
    }  # fmt: skip


class Room:
    """A relay, its clock, and what it leaves."""

    def __init__(self, books, client) -> None:
        self.books = books
        self.now = NOW
        self.relay = InboxRelay(database=books, client=client, now=lambda: self.now)

    async def take(self, *events):
        async with self.books.transaction() as session:
            for one in events:
                assert await inbox.take_in(session, one, now=self.now)

    async def row(self, one) -> Inbox:
        async with self.books.transaction() as session:
            return await session.get_one(Inbox, one["id"], populate_existing=True)

    async def notices(self) -> list[Notice]:
        async with self.books.transaction() as session:
            return list(await session.scalars(select(Notice).order_by(col(Notice.id))))


@pytest.fixture
def room(books, temporal):
    return Room(books, temporal)


async def test_what_matches_nothing_is_told_to_operators_after_a_day(room):
    first, second = event(id="pi_unknown"), event("charge.succeeded", id="ch_1", payment_intent="pi_unknown")
    await room.take(first, second)
    assert await room.relay.step() == 0
    row = await room.row(first)
    assert (row.state, row.tries, row.next_try_at) == ("new", 1, NOW + timedelta(seconds=1))
    room.now = NOW + DAY
    assert await room.relay.step() == 0, "a day is not over yet"
    assert (await room.row(first)).next_try_at == room.now + timedelta(seconds=2)
    room.now += timedelta(seconds=2)
    assert await room.relay.step() == 2
    assert {(await room.row(one)).state for one in (first, second)} == {"unmatched"}
    (told,) = await room.notices()
    assert (told.kind, told.audience, told.account_id, told.cause) == (
        "event_unmatched",
        "operators",
        None,
        "pi_unknown",
    )
    room.now += DAY
    assert await room.relay.step() == 0
    assert len(await room.notices()) == 1


async def test_the_wait_between_two_looks_is_ten_minutes_at_most(room):
    one = event()
    await room.take(one)
    waits = []
    for _ in range(12):
        await room.relay.step()
        due = (await room.row(one)).next_try_at
        waits.append(int((due - room.now).total_seconds()))
        room.now = due
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]


async def test_an_event_that_cannot_be_read_stops_no_other(room):
    broken, other = event(), event("customer.created")
    await room.take(broken, other)
    async with room.books.transaction() as session:
        await session.execute(text("UPDATE inbox SET payload = '{\"data\": []}' WHERE id = :id"), {"id": broken["id"]})
    assert await room.relay.step() == 1
    assert (await room.row(other)).state == "done"
    assert (await room.row(broken)).state == "new"
    room.now = NOW + DAY + timedelta(seconds=1)
    assert await room.relay.step() == 1
    assert (await room.row(broken)).state == "unmatched"
    assert [one.cause for one in await room.notices()] == [broken["id"]]


async def test_all_news_of_one_workflow_is_one_signal(room, payment, temporal):
    handle = await temporal.start_workflow(
        Recharge.run,
        RechargeRequest(payment.account, payment.recharge, "manual", 5000, "card"),
        id=f"recharge/{payment.recharge}",
        task_queue="nobody",
    )
    hinted = [event(metadata={"recharge": payment.recharge}) for _ in range(7)]
    await room.take(*hinted, event("balance.available"))
    assert await room.relay.step() == 8
    assert {(await room.row(one)).state for one in hinted} == {"done"}
    history = await handle.fetch_history()
    signals = [one for one in history.events if one.HasField("workflow_execution_signaled_event_attributes")]
    assert len(signals) == 1
    await handle.terminate()


async def test_before_its_workflow_has_started_the_news_waits(room, payment):
    one = event(metadata={"recharge": payment.recharge})
    await room.take(one)
    assert await room.relay.step() == 0
    assert (await room.row(one)).state == "new"


async def test_while_temporal_is_away_nothing_is_unmatched(room, payment, no_temporal, monkeypatch):
    monkeypatch.setattr("relay.inbox.CALL_SECONDS", 0.5)
    away = Room(room.books, no_temporal)
    one = event(metadata={"recharge": payment.recharge})
    await away.take(one)
    for _ in range(3):
        away.now += DAY
        assert await away.relay.step() == 0
        row = await away.row(one)
        assert row.state == "new"
        assert row.next_try_at - away.now <= timedelta(seconds=4)
    assert await away.notices() == []
