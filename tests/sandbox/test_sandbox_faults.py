"""Faults on demand: errors, cut connections, slowness, declines; by count or by seeded rate."""

import asyncio

import httpx2
import pytest
from sandbox_client import Sandbox


async def test_the_next_calls_fail_and_then_no_more(sandbox: Sandbox):
    await sandbox.fault(kind="error", method="GET", path="/v1/customers", status=503, times=2)
    assert (await sandbox.get("/v1/charges")).status == 200
    statuses = [(await sandbox.get("/v1/customers")).status for _ in range(3)]
    assert statuses == [503, 503, 200]
    (fault,) = (await sandbox.control("faults", method="GET"))["data"]
    assert fault["fired"] == 2


async def test_an_error_has_no_effect(sandbox: Sandbox):
    await sandbox.fault(kind="error", path="/v1/customers", status=500)
    failed = await sandbox.post("/v1/customers")
    assert (failed.status, failed.error["type"]) == (500, "api_error")
    assert "customer" not in await sandbox.counts()


async def test_an_error_can_come_after_the_effect_and_is_remembered(sandbox: Sandbox):
    customer = await sandbox.customer()
    card = await sandbox.card(customer)
    intent = await sandbox.intent(customer)
    url = f"/v1/payment_intents/{intent['id']}/confirm"
    await sandbox.fault(kind="error", path=url, status=500, effect=True)
    answers = [await sandbox.post(url, {"payment_method": card}, key="k") for _ in range(2)]
    assert [answer.status for answer in answers] == [500, 500]
    assert answers[1].headers["idempotent-replayed"] == "true"
    assert (await sandbox.retrieve(intent["id"]))["status"] == "succeeded"
    assert (await sandbox.post(url, {"payment_method": card})).error["code"] == "payment_intent_unexpected_state"
    assert (await sandbox.counts())["charge"] == {"total": 1, "succeeded": 1}


async def test_a_connection_cut_before_has_no_effect(sandbox: Sandbox):
    await sandbox.fault(kind="drop_before", path="/v1/customers")
    with pytest.raises(httpx2.RemoteProtocolError):
        await sandbox.post("/v1/customers", {"name": "A"}, key="k")
    assert "customer" not in await sandbox.counts()
    assert (await sandbox.post("/v1/customers", {"name": "A"}, key="k")).headers.get("idempotent-replayed") is None


async def test_a_connection_cut_after_leaves_the_effect_and_the_key(sandbox: Sandbox):
    await sandbox.fault(kind="drop_after", path="/v1/customers")
    with pytest.raises(httpx2.RemoteProtocolError):
        await sandbox.post("/v1/customers", {"name": "A"}, key="k")
    again = await sandbox.post("/v1/customers", {"name": "A"}, key="k")
    assert again.headers["idempotent-replayed"] == "true"
    assert (await sandbox.counts())["customer"]["total"] == 1


async def test_a_slow_call_lets_others_pass(sandbox: Sandbox):
    await sandbox.fault(kind="slow", path="/v1/customers", seconds=0.5)
    slow = asyncio.create_task(sandbox.post("/v1/customers"))
    while (await sandbox.control("faults", method="GET"))["data"][0]["fired"] == 0:
        pass
    assert (await sandbox.get("/v1/charges")).status == 200
    assert not slow.done()
    assert (await slow).status == 200


async def test_paths_may_be_patterns(sandbox: Sandbox):
    customer = await sandbox.customer()
    intent = await sandbox.intent(customer)
    await sandbox.fault(kind="error", path="/v1/payment_intents/*/confirm", status=500)
    assert (await sandbox.retrieve(intent["id"])).status == 200
    assert (await sandbox.post(f"/v1/payment_intents/{intent['id']}/confirm")).status == 500


async def test_a_rate_is_drawn_from_its_seed(sandbox: Sandbox):
    runs: list[list[int]] = []
    for _ in range(2):
        await sandbox.control("faults", method="DELETE")
        await sandbox.fault(kind="error", path="/v1/charges", status=500, rate=0.4, seed=3)
        runs.append([(await sandbox.get("/v1/charges")).status for _ in range(30)])
    assert runs[0] == runs[1]
    assert 4 < runs[0].count(500) < 22


async def test_a_named_card_declines(sandbox: Sandbox):
    customer = await sandbox.customer()
    card, other = await sandbox.card(customer), await sandbox.card(customer, "pm_card_mastercard")
    await sandbox.fault(
        kind="decline",
        payment_method=card,
        decline_code="insufficient_funds",
        network_decline_code="51",
        advice_code="try_again_later",
        times=1,
    )
    assert (await sandbox.intent(customer, other))["status"] == "succeeded"
    declined = await sandbox.intent(customer, card)
    assert declined.status == 402
    told = {name: declined.error[name] for name in ("code", "decline_code", "network_decline_code", "advice_code")}
    assert told == {
        "code": "card_declined",
        "decline_code": "insufficient_funds",
        "network_decline_code": "51",
        "advice_code": "try_again_later",
    }
    again = await sandbox.post(
        f"/v1/payment_intents/{declined.error['payment_intent']['id']}/confirm", {"payment_method": card}
    )
    assert again["status"] == "succeeded"


async def test_a_named_bank_account_is_returned_later(sandbox: Sandbox):
    customer = await sandbox.customer()
    bank = await sandbox.bank_account(customer)
    await sandbox.fault(kind="decline", payment_method=bank, network_decline_code="R09")
    first, second = await sandbox.intent(customer, bank), await sandbox.intent(customer, bank)
    assert (first["status"], second["status"]) == ("processing", "processing")
    await sandbox.days(4)
    failed = await sandbox.retrieve(first["id"])
    assert failed["last_payment_error"]["network_decline_code"] == "R09"
    assert (await sandbox.retrieve(second["id"]))["status"] == "succeeded"


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "explode"},
        {"kind": "error", "status": 200},
        {"kind": "error", "times": 0},
        {"kind": "error", "rate": 2},
        {"kind": "error", "decline_code": "x"},
        {"kind": "slow", "effect": True},
        {"kind": "slow", "seconds": "1"},
    ],
)
async def test_faults_that_make_no_sense_are_refused(sandbox: Sandbox, body):
    assert (await sandbox.control("faults", body)).status == 400
    assert (await sandbox.control("faults", method="GET"))["data"] == []
