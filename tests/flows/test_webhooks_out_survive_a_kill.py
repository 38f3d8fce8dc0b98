"""A9: an event reaches its endpoint whatever dies on the way, under one id and with a signature that verifies."""

import asyncio

import pytest
from standardwebhooks import Webhook

from tests.webhooks.receiver import never_answer, receiving


@pytest.fixture
async def telling(own_stack):
    """An installation that may send to this machine."""
    own_stack.env["PREPAY_WEBHOOK_ALLOW_PRIVATE"] = "127.0.0.0/8"
    await own_stack.stop()
    await own_stack.start()
    return own_stack


async def endpoint(stack, receiver, *types):
    body = {"url": f"http://127.0.0.1:{receiver.port}/hooks", "events": list(types)}
    made = await stack.ok("POST", "/v1/webhook_endpoints", body)
    return made["id"], made["secret"]


async def until_delivered(stack, account):
    """The account's events, once every delivery of them has arrived."""
    found = []

    async def there() -> bool:
        found[:] = (await stack.ok("GET", f"/v1/events?account={account}&limit=100"))["data"]
        copies = [copy for event in found for copy in event["deliveries"]]
        return bool(copies) and all(copy["state"] == "delivered" for copy in copies)

    await stack.until(there, "every delivery to arrive", seen=found)
    return found


async def test_what_happens_while_no_worker_runs_is_told_by_the_next_one(telling):
    async with receiving() as receiver:
        _, secret = await endpoint(telling, receiver, "account.created", "recharge.succeeded", "notice.created")
        await telling.kill("worker")
        account = await telling.account()
        assert receiver.connections == 0
        await telling.start("worker")
        paid = await telling.recharge(account, await telling.card(account))
        await telling.until_status(account, paid["id"], "succeeded")
        await telling.until_row(
            "the notice", "SELECT count(*) > 0 FROM notice WHERE account_id = $1 AND kind = 'recharge_settled'", account
        )
        found = await until_delivered(telling, account)
        told = [Webhook(secret).verify(request.body, request.headers) for request in receiver.requests]
        assert {event["type"] for event in told} == {"account.created", "recharge.succeeded", "notice.created"}
        assert {event["id"] for event in told} == {event["id"] for event in found if event["deliveries"]}
        (succeeded,) = (event for event in told if event["type"] == "recharge.succeeded")
        assert (succeeded["account"], succeeded["data"]["recharge"]) == (account, paid["id"])
        assert succeeded["data"]["amount"] == "50.00"


async def test_a_worker_that_dies_while_the_receiver_thinks_has_it_sent_once_more(telling):
    held = asyncio.Event()

    async def think(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        held.set()
        await asyncio.sleep(3)

    async with receiving() as receiver:
        receiver.behaviours = [think]
        endpoint_id, secret = await endpoint(telling, receiver, "account.created")
        account = await telling.account()
        async with asyncio.timeout(30):
            await held.wait()
        await telling.kill("worker")
        await telling.start("worker")
        (event,) = await until_delivered(telling, account)
        assert [copy["endpoint"] for copy in event["deliveries"]] == [endpoint_id]
        assert receiver.ids == [event["id"]] * 2
        first, second = receiver.requests
        assert first.body == second.body
        for request in (first, second):
            Webhook(secret).verify(request.body, request.headers)


async def test_receivers_that_never_answer_keep_no_payment_waiting(telling):
    async with receiving() as receiver:
        receiver.always = never_answer
        for _ in range(16):
            await endpoint(telling, receiver, "account.created")
        payer = await telling.account()
        card = await telling.card(payer)
        for _ in range(8):  # more deliveries than one worker does at a time
            await telling.account()

        async def crowded() -> bool:
            return receiver.connections >= 100

        await telling.until(crowded, "a crowd of deliveries that wait")
        async with asyncio.timeout(8):
            paid = await telling.recharge(payer, card)
        assert paid["status"] == "succeeded"
