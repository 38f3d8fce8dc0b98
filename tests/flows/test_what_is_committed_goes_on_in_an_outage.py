"""I1, conventions: a part that is down or slow. What was committed is answered and goes on by itself; what was not is a
503 with Retry-After, and the same request again joins what there is.
"""

import asyncio
from uuid import uuid4

import pytest


def refused(answer):
    """Nothing was committed that the caller would have to know of."""
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable"), answer.text
    assert 0 < int(answer.headers["Retry-After"]) <= 60


async def answered(ask):
    """The same request again, until it is answered."""
    while (answer := await ask()).status_code == 503:
        continue
    return answer


@pytest.fixture
async def ready(wired):
    """An account with a card and a verified bank account, another with a bank account that waits for its code."""
    stack = wired.stack
    account, waiting = await asyncio.gather(stack.account(), stack.account())
    card, _ = await asyncio.gather(stack.card(account), stack.card(waiting))
    bank, other = await asyncio.gather(stack.bank(account), stack.add_bank(waiting))
    return wired, account, card, bank, waiting, other


async def without_hands(ready, *, down, up):
    """Nobody carries anything out from ``down`` to ``up``: requests are answered, and all of it ends afterwards."""
    wired, account, card, bank, waiting, other = ready
    stack = wired.stack
    await down()
    keys = [uuid4().hex for _ in range(2)]
    fresh = await stack.account()
    by_card, by_bank, new_card, code = await asyncio.gather(
        stack.ask(account, card, key=keys[0]),
        stack.ask(account, bank, key=keys[1]),
        stack.add_card(fresh),
        stack.enter(waiting, other, "SMZZ99"),
    )
    for answer in (by_card, by_bank):
        assert (answer.status_code, answer.json()["status"]) == (201, "processing"), answer.text
    refused(new_card)
    refused(code)
    refused(await stack.enter(waiting, other, "SMZZ99"))
    again = await stack.ask(account, card, key=keys[0])
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")
    assert again.json() == by_card.json()
    await up()
    await stack.until_status(account, by_card.json()["id"], "succeeded")
    intent = await stack.until_intent(by_bank.json()["id"], "processing")
    await stack.control(f"payment_intents/{intent['id']}/settle", {})
    await stack.until_status(account, by_bank.json()["id"], "succeeded")
    for recharge in (by_card, by_bank):
        assert len(await stack.charges(recharge.json()["id"])) == 1
    assert (await answered(lambda: stack.add_card(fresh))).json()["status"] == "active"
    assert len((await stack.ok("GET", f"/v1/accounts/{fresh}/cards"))["data"]) == 1
    wrong = await answered(lambda: stack.enter(waiting, other, "SMZZ99"))
    assert (wrong.status_code, wrong.json()["code"]) == (422, "code_mismatch")
    assert wrong.json()["attempts_left"] == 4, "whatever was asked again, one attempt"
    setup = await stack.value("SELECT setup_intent FROM bank_account WHERE id = $1", other)
    tried = wired.gate.count("POST", f"/v1/setup_intents/{setup}/verify_microdeposits")
    assert tried == 1, "attempts counted at the processor"


async def test_no_worker(ready):
    stack = ready[0].stack
    await without_hands(ready, down=lambda: stack.kill("worker"), up=lambda: stack.start("worker"))


async def test_temporal_swallows_everything(ready):
    temporal = ready[0].temporal
    await without_hands(ready, down=lambda: temporal.set("swallow"), up=lambda: temporal.set("pass"))


async def test_the_processor_answers_with_errors(ready):
    stack = ready[0].stack

    async def down():
        await stack.control("faults", {"path": "/v1/*", "kind": "error", "status": 500, "rate": 1.0})

    await without_hands(ready, down=down, up=lambda: stack.control("faults", method="DELETE"))


async def test_slow_servers_are_waited_for(ready):
    wired, account, card, *_ = ready
    await wired.sandbox.set("slow", delay=0.1)
    await wired.postgres.set("slow", delay=0.01)
    await wired.temporal.set("slow", delay=0.05)
    made = await wired.stack.recharge(account, card)
    assert made["status"] == "succeeded"
