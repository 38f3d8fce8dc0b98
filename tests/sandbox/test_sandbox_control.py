"""The control routes: on loopback only, strict, and what they count."""

import asyncio

import httpx2
import pytest
from sandbox_client import Sandbox

from sandbox.stripe.server import Server

ROUTES = [("GET", "clock"), ("GET", "counts"), ("POST", "reset"), ("GET", "3ds/pi_x"), ("GET", "microdeposits/seti_x")]


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_another_host_name_finds_nothing(sandbox: Sandbox, client, method, path):
    answer = await client.request(method, f"{sandbox.url}/_sandbox/{path}", headers={"Host": "sandbox.example.com"})
    assert answer.status_code == 404


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_another_machine_finds_nothing(method, path):
    async with Server() as server:
        routes = server._application()
        transport = httpx2.ASGITransport(app=routes, client=("192.0.2.1", 1234))
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as foreign:
            assert (await foreign.request(method, f"/_sandbox/{path}")).status_code == 404


async def test_objects_are_counted_by_state(sandbox: Sandbox):
    customer = await sandbox.customer()
    card = await sandbox.card(customer)
    await sandbox.intent(customer, card)
    await sandbox.intent(customer)
    counts = await sandbox.counts()
    assert counts["payment_intent"] == {"total": 2, "succeeded": 1, "requires_payment_method": 1}
    assert counts["charge"] == {"total": 1, "succeeded": 1}
    assert counts["customer"] == {"total": 1}
    assert counts["webhooks"] == {"sent": 0, "acknowledged": 0, "dropped": 0, "waiting": 0, "abandoned": 0}


async def test_a_reset_empties_the_world_and_leaves_the_clock(sandbox: Sandbox):
    customer = await sandbox.customer()
    await sandbox.intent(customer, await sandbox.bank_account(customer))
    await sandbox.control("settings", {"microdeposit_type": "amounts"})
    await sandbox.fault(kind="error", path="/v1/charges", times=5)
    moved = await sandbox.control("clock", {"advance_business_days": 2})
    reset = await sandbox.control("reset")
    assert (reset["now"], reset["next_due"]) == (moved["now"], None)
    assert (await sandbox.get("/v1/charges")).body["data"] == []
    assert (await sandbox.control("settings", method="GET"))["microdeposit_type"] == "descriptor_code"
    await sandbox.days(5)
    assert await sandbox.event_types() == []


@pytest.mark.parametrize("raw", [b"[]", b"{", b'"x"', b'{"microdeposit_type": "sms"}', b'{"microdeposits": 1}'])
async def test_bodies_that_make_no_sense_are_refused(sandbox: Sandbox, client, raw):
    answer = await client.post(f"{sandbox.url}/_sandbox/settings", content=raw)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]


async def test_sixty_four_callers_at_once(sandbox: Sandbox):
    customer = await sandbox.customer()
    card = await sandbox.card(customer)
    answers = await asyncio.gather(*(sandbox.intent(customer, card) for _ in range(64)))
    assert {answer["status"] for answer in answers} == {"succeeded"}
    assert (await sandbox.counts())["charge"] == {"total": 64, "succeeded": 64}


async def test_a_fault_of_the_sandbox_is_a_500_without_effect_or_trace(sandbox: Sandbox, monkeypatch, caplog):
    def broken(*_args, **_more):
        raise RuntimeError("secret detail")

    monkeypatch.setattr("sandbox.stripe.attempts.keep_or_spend", broken)
    customer = await sandbox.customer()
    card = await sandbox.card(customer)
    intent = await sandbox.intent(customer)
    answer = await sandbox.post(f"/v1/payment_intents/{intent['id']}/confirm", {"payment_method": card})
    assert (answer.status, answer.error["type"]) == (500, "api_error")
    assert "secret detail" not in str(answer.body)
    assert "secret detail" in caplog.text
    assert (await sandbox.retrieve(intent["id"]))["status"] == "requires_payment_method"
    assert "charge" not in await sandbox.counts()
