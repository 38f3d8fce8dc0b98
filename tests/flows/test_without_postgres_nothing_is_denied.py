"""Conventions: without Postgres a 503 with Retry-After, and nothing committed; what had been committed is answered."""

import asyncio
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
async def test_what_was_committed_is_answered_and_nothing_else_is(wired, payer, mode):
    stack, (account, card), (before, after) = wired.stack, payer, (uuid4().hex, uuid4().hex)
    other = await stack.account()
    theirs = await stack.card(other)
    hold = wired.gate.hold("POST", "/v1/payment_intents", "before")
    committed = asyncio.create_task(stack.ask(account, card, key=before))
    await hold.reached.wait()
    await wired.postgres.set(mode)
    event = {"id": "evt_1", "object": "event", "type": "t", "created": 1, "livemode": False, "data": {"object": {}}}
    answers = await asyncio.gather(
        stack.ask(other, theirs, key=after),
        *(stack.ask(other, theirs) for _ in range(20)),
        stack.call("GET", f"/v1/accounts/{account}/balance"),
        stack.deliver(event),
        stack.http.get(f"{stack.api_url}/readyz"),
    )
    for answer in answers:
        refused(answer)
    assert (await stack.http.get(f"{stack.api_url}/healthz")).status_code == 200
    page = await stack.http.get(f"{stack.api_url}/pay/{'x' * 43}")
    assert (page.status_code, "One moment" in page.text) == (503, True)
    if mode == "refuse":  # a worker that is started meanwhile waits
        await stack.kill("worker")
        await stack.spawn("worker")
    answer = await committed
    assert (answer.status_code, answer.json()["status"]) == (201, "processing"), answer.text

    wired.gate.release()
    await wired.postgres.set("pass")
    await stack.ready("worker")
    assert (await again(lambda: stack.http.get(f"{stack.api_url}/readyz"))).status_code == 200
    if mode == "refuse":  # what was swallowed may arrive: then the same request finds it
        assert await stack.recharges(other) == []
    made = await again(lambda: stack.ask(other, theirs, key=after))
    assert (made.status_code, made.json()["status"]) == (201, "succeeded"), made.text
    assert await stack.value("SELECT count(*) FROM recharge WHERE idempotency_key = $1", after) == 1
    assert (await again(lambda: stack.ask(account, card, key=before))).json()["id"] == answer.json()["id"]
    await stack.until_status(account, answer.json()["id"], "succeeded")
    assert len(await stack.recharges(account)) == 1
    assert len(await stack.charges(answer.json()["id"])) == 1


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
