"""Webhooks: signed, retried, persisted; dropped, doubled, delayed and reordered on demand."""

from sandbox_client import Sandbox
from webhook_receiver import Receiver, receiving


async def test_every_event_is_delivered_signed(sandbox: Sandbox, receiver: Receiver):
    customer = await sandbox.customer()
    await sandbox.intent(customer, await sandbox.card(customer))
    expected = await sandbox.events()
    await receiver.wait(len(expected))
    assert sorted(receiver.ids) == sorted(event["id"] for event in expected)
    assert all(event["api_version"] == "2026-10-28.endive" for event in receiver.events)
    await sandbox.control("clock", {"advance_hours": 0})
    assert {event["pending_webhooks"] for event in await sandbox.events()} == {0}
    assert (await sandbox.get("/v1/events", delivery_success=False))["data"] == []


async def test_an_event_names_its_request(sandbox: Sandbox, receiver: Receiver):
    answer = await sandbox.post("/v1/customers", {}, key="k")
    await receiver.wait(1)
    assert receiver.events[0]["request"] == {"id": answer.headers["request-id"], "idempotency_key": "k"}


async def test_a_delivery_that_is_not_acknowledged_is_repeated(sandbox: Sandbox, receiver: Receiver):
    receiver.answers = [500, 302]
    await sandbox.customer()
    await receiver.wait(1)
    assert (receiver.types, receiver.refused) == (["customer.created"], 2)


async def test_only_what_was_asked_for_is_sent(sandbox: Sandbox):
    async with receiving() as receiver:
        params = {"url": receiver.url, "enabled_events": ["payment_method.attached"]}
        made = await sandbox.post("/v1/webhook_endpoints", params)
        receiver.secret = made["secret"]
        assert "secret" not in (await sandbox.get(f"/v1/webhook_endpoints/{made['id']}")).body
        await sandbox.card(await sandbox.customer())
        await receiver.wait(1)
        await sandbox.post(f"/v1/webhook_endpoints/{made['id']}", {"disabled": True})
        await sandbox.card(await sandbox.customer())
        await sandbox.control("clock", {"advance_hours": 0})
        assert receiver.types == ["payment_method.attached"]
        assert (await sandbox.counts())["webhooks"]["sent"] == 1


async def test_moving_the_clock_delivers_before_it_answers(sandbox: Sandbox, receiver: Receiver):
    customer = await sandbox.customer()
    intent = await sandbox.intent(customer, await sandbox.bank_account(customer))
    moved = await sandbox.control("clock", {"advance_business_days": 4})
    assert moved["webhooks_delivered"] is True
    assert "payment_intent.succeeded" in receiver.types
    assert (await sandbox.retrieve(intent["id"]))["status"] == "succeeded"


async def test_dropped_webhooks_are_never_sent_but_their_events_exist(sandbox: Sandbox, receiver: Receiver):
    await sandbox.control("webhooks", {"drop": 0.5, "seed": 7})
    for _ in range(40):
        await sandbox.customer()
    await sandbox.control("clock", {"advance_hours": 0})
    counts = (await sandbox.counts())["webhooks"]
    assert counts["dropped"] + counts["acknowledged"] == 40
    assert 5 < counts["dropped"] < 35
    assert len(receiver.events) == counts["acknowledged"]
    lost = await sandbox.get("/v1/events", delivery_success=False, limit=100)
    assert len(lost["data"]) == counts["dropped"]


async def test_the_same_seed_drops_the_same(sandbox: Sandbox, receiver: Receiver):
    dropped: list[list[int]] = []
    for _ in range(2):
        await sandbox.control("webhooks", {"drop": 0.5, "seed": 11})
        before = len(await sandbox.events())
        for _ in range(20):
            await sandbox.customer()
        await sandbox.control("clock", {"advance_hours": 0})
        made = [event["id"] for event in await sandbox.events()][before:]
        dropped.append([n for n, event in enumerate(made) if event not in receiver.ids])
    assert dropped[0] == dropped[1]


async def test_doubled_and_reordered(sandbox: Sandbox, receiver: Receiver):
    await sandbox.control("webhooks", {"duplicate": 3, "reorder": True, "seed": 1})
    for _ in range(10):
        await sandbox.customer()
    await receiver.wait(30)
    expected = [event["id"] for event in await sandbox.events()]
    assert sorted(receiver.ids) == sorted(expected * 3)
    assert list(dict.fromkeys(receiver.ids)) != expected


async def test_delayed(sandbox: Sandbox, receiver: Receiver):
    await sandbox.control("webhooks", {"delay_seconds": 3600})
    await sandbox.customer()
    assert (await sandbox.control("clock", {"advance_hours": 0}))["webhooks_delivered"] is True
    assert (await sandbox.counts())["webhooks"]["waiting"] == 1
    await sandbox.control("webhooks", {})
    await sandbox.customer()
    await receiver.wait(1)
    assert (await sandbox.counts())["webhooks"]["sent"] == 1


async def test_reset_keeps_the_endpoints(sandbox: Sandbox, receiver: Receiver):
    await sandbox.card(await sandbox.customer())
    await receiver.wait(2)
    await sandbox.control("reset")
    assert set(await sandbox.counts()) == {"webhook_endpoint", "webhooks"}
    await sandbox.customer()
    await receiver.wait(3)


async def test_endpoints_are_listed_and_deleted(sandbox: Sandbox):
    params = {"url": "https://example.com/hook", "enabled_events": ["charge.failed"], "metadata": {"a": "b"}}
    made = await sandbox.post("/v1/webhook_endpoints", params)
    changed = await sandbox.post(f"/v1/webhook_endpoints/{made['id']}", {"enabled_events": ["*"], "description": "x"})
    assert (changed["enabled_events"], changed["description"]) == (["*"], "x")
    assert [one["id"] for one in (await sandbox.get("/v1/webhook_endpoints"))["data"]] == [made["id"]]
    assert (await sandbox.delete(f"/v1/webhook_endpoints/{made['id']}"))["deleted"] is True
    assert (await sandbox.get(f"/v1/webhook_endpoints/{made['id']}")).status == 404
    refused = await sandbox.post("/v1/webhook_endpoints", params | {"api_version": "2020-08-27"})
    assert refused.error["param"] == "api_version"
