"""Batches and holds over two API processes, one killed under load: what is sent again to the other is done once."""

import asyncio

import httpx2
import pytest
from installation import Installation

from rules.money import Money
from store.database import Database
from store.proof import prove

CALLERS = 8
TURNS = 12
SIZE = 25
APIS = ("api", "api-2")


@pytest.fixture
async def pair(own_stack) -> Installation:
    await own_stack.start("api-2")
    return own_stack


async def answered(stack, method, path, body, *, first):
    """The answer, of the other process when the first does not give one. Nothing but an outage stands in its way."""
    for at in (first, *[APIS[1]] * 3):
        try:
            answer = await stack.call(method, path, body, at=at)
        except httpx2.TransportError:
            continue
        if answer.status_code != 503:
            return answer
    raise AssertionError(f"{method} {path} had no answer")


async def test_what_was_acknowledged_is_there_and_what_was_sent_again_is_there_once(pair):
    accounts = [await pair.account() for _ in range(3)]
    for account in accounts:
        body = {"amount": "1000.00", "kind": "goodwill", "reason": "to begin with"}
        await pair.ok("POST", f"/v1/accounts/{account}/adjustments", body, Idempotency_Key=account)
    turns = 0
    enough = asyncio.Event()

    async def batches(number: int) -> None:
        nonlocal turns
        for turn in range(TURNS):
            charges = [
                {"account": accounts[n % 3], "amount": "0.01", "reference": f"batch-{number}-{turn}-{n}"}
                for n in range(SIZE)
            ]
            answer = await answered(pair, "POST", "/v1/usage/batch", {"charges": charges}, first=APIS[number % 2])
            results = answer.json()["results"]
            again = await answered(pair, "POST", "/v1/usage/batch", {"charges": charges}, first=APIS[1])
            assert {result["status"] for result in results} <= {"posted", "replayed"}, results
            assert {result["status"] for result in again.json()["results"]} == {"replayed"}
            assert [one["transaction"] for one in again.json()["results"]] == [one["transaction"] for one in results]
            turns += 1
            if turns > CALLERS * TURNS // 3:
                enough.set()

    async def holds(number: int) -> None:
        path = f"/v1/accounts/{accounts[number % 3]}/holds"
        for turn in range(TURNS):
            body = {"amount": "1.00", "reference": f"hold-{number}-{turn}", "expires_in": 3600}
            made = await answered(pair, "POST", path, body, first=APIS[number % 2])
            assert made.status_code == 201, made.text
            part = {"amount": "0.40"}
            ended = await answered(
                pair, "POST", f"{path}/{made.json()['id']}/capture", part, first=APIS[(number + turn) % 2]
            )
            assert (ended.status_code, ended.json()["status"]) == (200, "captured"), ended.text

    async with asyncio.TaskGroup() as group:
        for number in range(CALLERS):
            group.create_task(batches(number))
            group.create_task(holds(number))
        await enough.wait()
        await pair.kill("api")

    used = CALLERS * TURNS * (SIZE * 10_000 + 400_000)
    left = 0
    for account in accounts:
        shown = (await pair.call("GET", f"/v1/accounts/{account}/balance", at="api-2")).json()
        assert shown["held"] == "0.00"
        left += Money.parse(shown["available"]).micros
    assert left == 3_000_000_000 - used
    async with (
        Database(pair.database.app_url, pool_size=1, command_seconds=None) as database,
        database.transaction() as session,
    ):
        assert await prove(session) == []
