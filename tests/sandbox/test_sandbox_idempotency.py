"""Idempotency keys: stored answers and errors, other parameters, keys in use, forgetting."""

import asyncio
import time
from types import SimpleNamespace

import pytest
from sandbox_client import Sandbox


async def test_the_first_answer_comes_again_with_one_effect(sandbox: Sandbox):
    first = await sandbox.post("/v1/customers", {"name": "A"}, key="k1")
    again = await sandbox.post("/v1/customers", {"name": "A"}, key="k1")
    assert first.body == again.body
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["original-request"] == first.headers["request-id"] == first.headers["original-request"]
    assert again.headers["request-id"] != first.headers["request-id"]
    assert again.headers["idempotency-key"] == "k1"
    assert (await sandbox.counts())["customer"]["total"] == 1


async def test_a_stored_decline_comes_again(sandbox: Sandbox):
    customer = await sandbox.customer()
    created = await sandbox.intent(customer)
    url = f"/v1/payment_intents/{created['id']}/confirm"
    params = {"payment_method": "pm_card_chargeCustomerFail"}
    answers = [await sandbox.post(url, params, key="k") for _ in range(3)]
    assert [answer.status for answer in answers] == [402, 402, 402]
    assert answers[0].body == answers[2].body
    assert (await sandbox.counts())["charge"] == {"total": 1, "failed": 1}
    assert (await sandbox.post(url, params, key="other")).headers.get("idempotent-replayed") is None


async def test_a_stored_500_comes_again(sandbox: Sandbox):
    await sandbox.fault(kind="error", method="POST", path="/v1/customers", status=500, times=1)
    answers = [await sandbox.post("/v1/customers", {}, key="k") for _ in range(2)]
    assert [answer.status for answer in answers] == [500, 500]
    assert answers[1].headers["idempotent-replayed"] == "true"
    assert "customer" not in await sandbox.counts()


async def test_a_stored_404_comes_again(sandbox: Sandbox):
    answers = [await sandbox.post("/v1/payment_intents/pi_x/confirm", {}, key="k") for _ in range(2)]
    assert [answer.status for answer in answers] == [404, 404]
    assert answers[1].headers["idempotent-replayed"] == "true"


@pytest.mark.parametrize(
    ("path", "params"), [("/v1/customers", {"name": "B"}), ("/v1/payment_methods", {"type": "card"})]
)
async def test_another_request_under_the_same_key_is_refused(sandbox: Sandbox, path, params):
    first = await sandbox.post("/v1/customers", {"name": "A"}, key="k")
    assert first.status == 200
    if path == "/v1/payment_methods":
        params = params | {"card": {"token": "tok_visa"}}
    answer = await sandbox.post(path, params, key="k")
    assert (answer.status, answer.error["type"]) == (400, "idempotency_error")
    assert answer.error["message"].startswith("Keys for idempotent requests can only be used ")
    assert (await sandbox.post("/v1/customers", {"name": "A"}, key="k")).body == first.body


async def test_refusals_before_execution_are_not_stored(sandbox: Sandbox):
    assert (await sandbox.post("/v1/customers", {"nmae": "A"}, key="k")).status == 400
    await sandbox.fault(kind="rate_limit", path="/v1/customers")
    limited = await sandbox.post("/v1/customers", {"name": "A"}, key="k")
    assert (limited.status, limited.error["code"]) == (429, "rate_limit")
    assert limited.headers["stripe-rate-limited-reason"] == "global-rate"
    await sandbox.fault(kind="lock_timeout", path="/v1/customers")
    locked = await sandbox.post("/v1/customers", {"name": "A"}, key="k")
    assert (locked.status, locked.error["code"]) == (429, "lock_timeout")
    assert (await sandbox.post("/v1/customers", {"name": "A"}, key="k")).status == 200


async def test_a_key_in_use_is_a_conflict(sandbox: Sandbox):
    await sandbox.fault(kind="slow", path="/v1/customers", seconds=0.3)
    slow, conflict = await asyncio.gather(
        sandbox.post("/v1/customers", {"name": "A"}, key="k"), sandbox.post("/v1/customers", {"name": "A"}, key="k")
    )
    by_status = {answer.status: answer for answer in (slow, conflict)}
    assert set(by_status) == {200, 409}
    assert by_status[409].error["code"] == "idempotency_key_in_use"
    again = await sandbox.post("/v1/customers", {"name": "A"}, key="k")
    assert again.body == by_status[200].body


async def test_sixty_four_posts_with_one_key_have_one_effect(sandbox: Sandbox):
    customer = await sandbox.customer()
    card = await sandbox.card(customer)
    answers = await asyncio.gather(
        *(
            sandbox.post(
                "/v1/payment_intents",
                {
                    "amount": 2500,
                    "currency": "usd",
                    "customer": customer,
                    "payment_method": card,
                    "confirm": True,
                    "payment_method_types": ["card"],
                },
                key="one",
            )
            for _ in range(64)
        )
    )
    done = [answer for answer in answers if answer.status == 200]
    assert len({answer["id"] for answer in done}) == 1
    assert all(answer.error["code"] == "idempotency_key_in_use" for answer in answers if answer.status != 200)
    assert (await sandbox.counts())["charge"] == {"total": 1, "succeeded": 1}


async def test_a_forgotten_key_is_a_new_request(sandbox: Sandbox):
    first = await sandbox.post("/v1/customers", {"name": "A"}, key="k")
    assert (await sandbox.control("idempotency_keys/forget")).body == {"forgotten": 1}
    second = await sandbox.post("/v1/customers", {"name": "A"}, key="k")
    assert second["id"] != first["id"]


async def test_keys_age_in_wall_time_not_in_banking_time(sandbox: Sandbox, monkeypatch):
    first = await sandbox.post("/v1/customers", {"name": "A"}, key="k")
    await sandbox.days(10)
    assert (await sandbox.post("/v1/customers", {"name": "A"}, key="k"))["id"] == first["id"]
    monkeypatch.setattr("sandbox.stripe.api.time", SimpleNamespace(time=lambda: time.time() + 24 * 3600 + 1))
    assert (await sandbox.post("/v1/customers", {"name": "A"}, key="k"))["id"] != first["id"]


async def test_keys_are_ignored_on_get(sandbox: Sandbox):
    customer = await sandbox.customer()
    answers = [
        await sandbox.call("GET", f"/v1/customers/{customer}", key="k"),
        await sandbox.call("GET", "/v1/customers", key="k"),
    ]
    assert [answer.status for answer in answers] == [200, 200]
    assert (await sandbox.post("/v1/customers", {}, key="k" * 256)).status == 400
