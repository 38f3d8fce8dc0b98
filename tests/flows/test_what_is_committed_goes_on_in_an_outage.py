"""I1, conventions: a part that is down or slow. What was committed is answered and goes on by itself; what was not is a
503 with Retry-After, and the same request again joins what there is.
"""

import asyncio
from dataclasses import dataclass
from uuid import uuid4

import pytest
from conftest import Wired


def refused(answer):
    """Nothing was committed that the caller would have to know of."""
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable"), answer.text
    assert 0 < int(answer.headers["Retry-After"]) <= 60


async def answered(ask):
    """The same request again, until it is answered."""
    while (answer := await ask()).status_code == 503:
        continue
    return answer


@dataclass(frozen=True)
class Ready:
    """Everything that an outage can meet on its way."""

    wired: Wired
    account: str
    card: str
    bank: str
    mover: str
    unverified: str
    link: str


@pytest.fixture
async def ready(wired) -> Ready:
    stack = wired.stack
    account, mover = await asyncio.gather(stack.account(), stack.account())
    card, _ = await asyncio.gather(stack.card(account), stack.card(mover))
    bank, unverified = await asyncio.gather(stack.bank(account), stack.add_bank(mover))
    asked = await stack.recharge(mover, await stack.card(mover, "pm_card_authenticationRequired"))
    return Ready(wired, account, card, bank, mover, unverified, asked["action_url"])


async def without_hands(ready: Ready, *, down, up):
    """Nobody carries anything out from ``down`` to ``up``: requests are answered, and all of it ends afterwards."""
    stack, account, mover = ready.wired.stack, ready.account, ready.mover
    fresh = await stack.account()
    await down()
    key = uuid4().hex
    by_card, by_bank, new_card, code, page = await asyncio.gather(
        stack.ask(account, ready.card, key=key),
        stack.ask(account, ready.bank),
        stack.add_card(fresh),
        stack.enter(mover, ready.unverified, "SMZZ99"),
        stack.http.get(ready.link),
    )
    for answer in (by_card, by_bank):
        assert (answer.status_code, answer.json()["status"]) == (201, "processing"), answer.text
    refused(new_card)
    refused(code)
    assert (page.status_code, page.headers["Retry-After"]) == (503, "5")
    assert "One moment" in page.text
    again = await stack.ask(account, ready.card, key=key)
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
    assert (await answered(lambda: stack.http.get(ready.link))).status_code == 303
    wrong = await answered(lambda: stack.enter(mover, ready.unverified, "SMZZ99"))
    assert (wrong.status_code, wrong.json()["code"]) == (422, "code_mismatch")
    assert wrong.json()["attempts_left"] == 4, "whatever was asked again, one attempt"
    setup = await stack.value("SELECT setup_intent FROM bank_account WHERE id = $1", ready.unverified)
    tried = ready.wired.gate.count("POST", f"/v1/setup_intents/{setup}/verify_microdeposits")
    assert tried == 1, "attempts counted at the processor"


async def test_no_worker(ready):
    stack = ready.wired.stack
    await without_hands(ready, down=lambda: stack.kill("worker"), up=lambda: stack.start("worker"))


async def test_temporal_swallows_everything(ready):
    """A worker that is started meanwhile waits for it."""
    stack, temporal = ready.wired.stack, ready.wired.temporal

    async def down():
        await temporal.set("swallow")
        await stack.kill("worker")
        await stack.spawn("worker")

    async def up():
        await temporal.set("pass")
        await stack.ready("worker")

    await without_hands(ready, down=down, up=up)


async def test_the_processor_answers_with_errors(ready):
    stack = ready.wired.stack

    async def down():
        await stack.control("faults", {"path": "/v1/*", "kind": "error", "status": 500, "rate": 1.0})

    await without_hands(ready, down=down, up=lambda: stack.control("faults", method="DELETE"))


async def test_slow_servers_are_waited_for(ready):
    wired = ready.wired
    await wired.sandbox.set("slow", delay=0.1)
    await wired.postgres.set("slow", delay=0.01)
    await wired.temporal.set("slow", delay=0.05)
    made = await wired.stack.recharge(ready.account, ready.card)
    assert made["status"] == "succeeded"
