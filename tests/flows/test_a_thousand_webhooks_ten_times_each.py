"""Decision 5: 1,000 webhooks, each delivered ten times in random order, some before the intent's id is stored.

1,000 effects: every event is dealt with once, every payment is credited once. Nobody else brings the news: the
processor's own webhooks are lost, and the poller is held.
"""

import asyncio
import copy
import random
from typing import Any
from uuid import uuid4

import pytest

from ledger.verification import verify
from sandbox.ports import HOST
from store.database import Database

EVENTS = 1000
TIMES = 10
CONNECTIONS = 20
ACCOUNTS = 4
PAYMENTS = 10
EARLY = 4


@pytest.mark.timeout(300)
async def test_a_thousand_effects(gated):
    stack, gate = gated.stack, gated.gate
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    async with stack.no_webhooks():
        gate.hold("GET", "/v1/events", "before")
        accounts = await asyncio.gather(*(_funded(stack) for _ in range(ACCOUNTS)))
        early = gate.hold("POST", "/v1/payment_intents", "after")
        made = [await stack.ask(*accounts[number % ACCOUNTS]) for number in range(EARLY)]
        await early.reached.wait()
        await stack.until(lambda: _exist(stack, made), "the held payments to exist")
        before = {one["id"]: one for one in await _events(stack, made)}
        assert {one["type"] for one in before.values()} == {"payment_intent.created"}
        await _deliver(stack, list(before.values()), random.Random(seed))
        held = [answer.json()["id"] for answer in made]
        query = "SELECT count(*) FROM recharge WHERE id = ANY($1) AND payment_intent IS NULL"
        assert await stack.value(query, held) == EARLY
        gate.holds.remove(early)
        early.released.set()

        more = [stack.ask(*accounts[number % ACCOUNTS]) for number in range(EARLY, ACCOUNTS * PAYMENTS)]
        made += await asyncio.gather(*more)
        assert {answer.status_code for answer in made} == {201}, [answer.text for answer in made]
        recharges = [answer.json()["id"] for answer in made]
        assert len(set(recharges)) == ACCOUNTS * PAYMENTS
        await _settle(stack, recharges)
        after = [one for one in await _events(stack, made) if one["id"] not in before]
        events = after + _said_again(after, EVENTS - len(before) - len(after))
        await _deliver(stack, events, random.Random(seed))
        ids = [one["id"] for one in events] + list(before)
        await stack.until_row(
            "every event to be dealt with",
            "SELECT count(*) = $1 FROM inbox WHERE id = ANY($2) AND state = 'done'", EVENTS, ids,
        )  # fmt: skip
        await stack.until_row(
            "every payment to be final",
            "SELECT count(*) = $1 FROM recharge WHERE id = ANY($2) AND status = 'succeeded'", len(recharges), recharges,
        )  # fmt: skip
    assert await stack.value("SELECT count(*) FROM inbox WHERE id = ANY($1)", ids) == EVENTS
    for account, _ in accounts:
        assert await stack.credits(account) == PAYMENTS
        assert await stack.balance(account) == (f"{50 * PAYMENTS}.00", "0.00")
    told = "SELECT count(*) FROM notice WHERE kind = 'recharge_settled' AND facts->>'recharge' = ANY($1)"
    assert await stack.value(told, recharges) == len(recharges)
    async with Database(stack.database.app_url) as books, books.transaction() as session:
        assert await verify(session) == []


async def _funded(stack) -> tuple[str, str]:
    account = await stack.account()
    await stack.card(account)
    return account, await stack.bank(account)


async def _exist(stack, made: list[Any]) -> bool:
    ours = {answer.json()["id"] for answer in made}
    return ours <= {one["metadata"].get("recharge") for one in await stack.listed("/payment_intents")}


async def _settle(stack, recharges: list[str]) -> None:
    intents: dict[str, Any] = {}

    async def submitted() -> bool:
        listed = await stack.listed("/payment_intents")
        intents.update({one["metadata"].get("recharge"): one for one in listed if one["status"] == "processing"})
        return intents.keys() >= set(recharges)

    await stack.until(submitted, "every debit to be submitted")
    for recharge in recharges:
        await stack.control(f"payment_intents/{intents[recharge]['id']}/settle", {})


async def _events(stack, made: list[Any]) -> list[Any]:
    """What the processor has told of these payments."""
    ours = {answer.json()["id"] for answer in made}
    found = await stack.listed("/events")
    return [one for one in found if one["data"]["object"].get("metadata", {}).get("recharge") in ours]


def _said_again(events: list[Any], count: int) -> list[Any]:
    """Two events may describe one change: the same news under other ids."""
    again = []
    for number in range(count):
        one = copy.deepcopy(events[number % len(events)])
        one["id"] = f"evt_{uuid4().hex}"
        again.append(one)
    return again


async def _deliver(stack, events: list[Any], order: random.Random) -> None:
    """Each of them ten times, all in random order, over twenty connections."""
    queue = [stack.signed(one) for one in events] * TIMES
    order.shuffle(queue)
    await asyncio.gather(*(_connection(stack.ports["api"], queue) for _ in range(CONNECTIONS)))


async def _connection(port: int, queue: list[tuple[bytes, str]]) -> None:
    """One connection that is kept: the test shares two cores with what it tests."""
    reader, writer = await asyncio.open_connection(HOST, port)
    while queue:
        raw, signature = queue.pop()
        head = f"POST /webhooks/stripe HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {len(raw)}\r\n"
        writer.write(f"{head}Stripe-Signature: {signature}\r\n\r\n".encode() + raw)
        answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200 "), answer
        assert b"content-length: 0" in answer.lower()
    writer.close()
    await writer.wait_closed()
