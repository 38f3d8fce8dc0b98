"""Conventions: without Postgres a 503 with Retry-After, and nothing committed; what had been committed is answered."""

import asyncio
import time
from uuid import uuid4

import pytest


@pytest.fixture
async def payer(wired):
    account = await wired.stack.account()
    return account, await wired.stack.card(account)


def refused(answer):
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable"), answer.text
    assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize("mode", ["refuse", "swallow"])
async def test_nothing_is_committed_and_the_same_request_succeeds_later(wired, payer, mode):
    stack, (account, card), key = wired.stack, payer, uuid4().hex
    await wired.postgres.set(mode)
    answers = await asyncio.gather(
        stack.ask(account, card, key=key),
        *(stack.ask(account, card) for _ in range(20)),
        stack.call("GET", f"/v1/accounts/{account}/balance"),
        stack.deliver({"id": "evt_1", "object": "event", "type": "t", "created": 1, "livemode": False,
                       "data": {"object": {}}}),
        stack.http.get(f"{stack.api_url}/readyz"),
    )  # fmt: skip
    for answer in answers:
        refused(answer)
    assert (await stack.http.get(f"{stack.api_url}/healthz")).status_code == 200
    await wired.postgres.set("pass")
    assert (await again(lambda: stack.http.get(f"{stack.api_url}/readyz"))).status_code == 200
    if mode == "refuse":  # what was swallowed may arrive: then the same request finds it
        assert await stack.recharges(account) == []
    made = await again(lambda: stack.ask(account, card, key=key))
    assert (made.status_code, made.json()["status"]) == (201, "succeeded"), made.text
    assert await stack.value("SELECT count(*) FROM recharge WHERE idempotency_key = $1", key) == 1


@pytest.mark.parametrize("mode", ["refuse", "swallow"])
async def test_what_was_committed_before_is_answered_and_goes_on(wired, payer, mode):
    stack, (account, card), key = wired.stack, payer, uuid4().hex
    hold = wired.gate.hold("POST", "/v1/payment_intents", "before")
    asking = asyncio.create_task(stack.ask(account, card, key=key))
    await hold.reached.wait()
    began = time.monotonic()
    await wired.postgres.set(mode)
    answer = await asking
    assert (answer.status_code, answer.json()["status"]) == (201, "processing"), answer.text
    print(f"answered after {time.monotonic() - began:.1f} s")
    wired.gate.release()
    await wired.postgres.set("pass")
    recharge = answer.json()["id"]
    assert (await again(lambda: stack.ask(account, card, key=key))).json()["id"] == recharge
    await stack.until_status(account, recharge, "succeeded")
    assert len(await stack.recharges(account)) == 1
    assert len(await stack.charges(recharge)) == 1


async def test_connections_that_are_cut_are_made_anew(wired, payer):
    stack, (account, card) = wired.stack, payer
    await wired.postgres.cut()
    answers = await asyncio.gather(*(stack.ask(account, card) for _ in range(8)))
    assert {one.status_code for one in answers} <= {201, 503}
    made = await again(lambda: stack.ask(account, card))
    assert (made.status_code, made.json()["status"]) == (201, "succeeded")


async def again(ask):
    """The same request, until it is answered."""
    while (answer := await ask()).status_code in {409, 503}:
        continue
    return answer
