"""Decision 6: what cannot be handed over is put off and stops no other row; each row is handed over once."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select
from sqlmodel import col

from models.outbox import Outbox
from relay.outbox import OutboxRelay
from store import backlog, outbox
from store.backlog import Backlog
from tests.relay.conftest import NOW

POISON = {
    "unknown kind": ("nonsense", {}),
    "no arguments": ("recharge", {}),
    "too many arguments": ("notice", {"notice_id": "n", "kind": "k", "account_id": None, "more": 1}),
    "a date that is none": (
        "recharge",
        {"account_id": "a", "recharge_id": "r", "kind": "manual", "amount_cents": 1, "method_kind": "bank",
         "expected_on": "tomorrow"},
    ),
}  # fmt: skip


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def relay(books, temporal, clock):
    return OutboxRelay(database=books, client=temporal, task_queue="nobody", now=clock)


async def add(books, kind, arguments) -> str:
    async with books.transaction() as session:
        name = f"{kind}/{uuid4().hex}"
        return await outbox.add(
            session, kind=kind, workflow_id=name, arguments=arguments, now=NOW, account_id=None
        )  # fmt: skip


async def add_notice(books) -> str:
    return await add(books, "notice", {"notice_id": uuid4().hex, "kind": "recharge_settled", "account_id": None})


async def rows(books) -> dict[str, Outbox]:
    async with books.transaction() as session:
        found = await session.scalars(select(Outbox).order_by(col(Outbox.id)))
        return {row.id: row for row in found}


async def test_poisoned_rows_stop_no_other(books, relay, clock):
    poisoned = [await add(books, *poison) for poison in POISON.values()]
    good = [await add_notice(books) for _ in range(3)]
    assert await relay.step() == len(good)
    found = await rows(books)
    assert all(found[one].handed_at == NOW for one in good)
    for one in poisoned:
        assert found[one].handed_at is None
        assert found[one].last_error
        assert found[one].next_try_at == NOW + timedelta(seconds=1)
    assert await relay.step() == 0, "nothing is due"
    waits = []
    for _ in range(8):
        clock.now = max(row.next_try_at for row in (await rows(books)).values())
        await relay.step()
        waits.append(
            {(row.next_try_at - clock.now).seconds for key, row in (await rows(books)).items() if key in poisoned}
        )
    assert waits == [{2}, {4}, {8}, {16}, {32}, {60}, {60}, {60}]
    async with books.transaction() as session:
        counted = await backlog.outbox(session, now=clock.now)
    assert counted == Backlog(waiting=4, put_off=4, oldest_seconds=int((clock.now - NOW).total_seconds()))


async def test_a_poisoned_row_in_a_whole_batch_holds_up_none_that_wait(books, relay, monkeypatch):
    """More may be due after a whole batch, whatever became of it; fewer were all."""
    monkeypatch.setattr("relay.outbox.BATCH", 5)
    await add(books, *next(iter(POISON.values())))
    good = [await add_notice(books) for _ in range(4)]
    assert [await relay.hand_on() for _ in range(2)] == [4, 0]
    found = await rows(books)
    assert all(found[one].handed_at == NOW for one in good)


async def test_a_temporal_that_is_away_is_waited_for_and_soon_noticed_again(
    books, no_temporal, relay, clock, monkeypatch
):
    monkeypatch.setattr("relay.outbox.CALL_SECONDS", 0.5)
    away = OutboxRelay(database=books, client=no_temporal, task_queue="nobody", now=clock)
    row = await add_notice(books)
    for tries in range(1, 6):
        assert await away.step() == 0
        found = (await rows(books))[row]
        assert found.tries == tries
        clock.now = found.next_try_at
    assert (await rows(books))[row].next_try_at - NOW == timedelta(seconds=1 + 2 + 4 + 4 + 4)
    assert await relay.step() == 1
    assert (await rows(books))[row].handed_at == clock.now


async def test_side_by_side_each_row_is_handed_over_once(books, relay, temporal, clock):
    other = OutboxRelay(database=books, client=temporal, task_queue="nobody", now=clock)
    added = {await add_notice(books) for _ in range(30)}
    while await asyncio.gather(relay.step(), other.step()) != [0, 0]:
        continue
    found = await rows(books)
    assert found.keys() == added
    assert {row.tries for row in found.values()} == {1}
    assert all(row.handed_at for row in found.values())
