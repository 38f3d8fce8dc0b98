"""I1: kill -9 of an API in the middle of a request, and of the worker in every wait."""

import asyncio
from uuid import uuid4

from installation import OPERATORS


async def test_an_api_that_dies_before_its_answer(gated):
    """The row is committed, the answer never given nor stored: the same key finds the one recharge."""
    stack, key = gated.stack, uuid4().hex
    account = await stack.account()
    card = await stack.card(account)
    hold = gated.gate.hold("POST", "/v1/payment_intents", "before")
    asking = asyncio.create_task(stack.ask(account, card, key=key))
    await hold.reached.wait()
    busy = await stack.ask(account, card, key=key)
    assert (busy.status_code, busy.json()["code"]) == (409, "idempotency_key_in_use")
    await stack.kill("api")
    await asyncio.gather(asking, return_exceptions=True)
    await stack.start("api")
    while (again := await stack.ask(account, card, key=key)).status_code == 409:
        continue  # Postgres has not noticed yet that the dead process holds no lock any more
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")
    assert again.json()["status"] == "processing"
    other = await stack.ask(account, card, "51.00", key=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    gated.gate.release()
    done = await stack.until_status(account, again.json()["id"], "succeeded")
    now = await stack.ask(account, card, key=key)
    assert (now.headers["Idempotent-Replayed"], now.json()) == ("true", done)
    assert [one["id"] for one in await stack.recharges(account)] == [done["id"]]
    assert len(await stack.charges(done["id"])) == 1


async def test_a_worker_that_dies_in_every_wait(wired):
    stack = wired.stack
    buyer, mover = await asyncio.gather(stack.account(email="buyer@example.com"), stack.account())
    await asyncio.gather(stack.card(buyer), stack.card(mover))
    bank, pending = await asyncio.gather(stack.bank(buyer), stack.add_bank(mover))
    secure = await stack.card(buyer, "pm_card_authenticationRequired")
    debit = await stack.recharge(buyer, bank)
    submitted = await stack.until_intent(debit["id"], "processing")
    await wired.smtp.set("refuse")
    asked = await stack.recharge(buyer, secure)
    assert asked["status"] == "requires_action"
    await stack.until_row(
        "the notice to wait for the mail server",
        "SELECT count(*) = 1 FROM notice JOIN outbox ON workflow_id = 'notice/' || notice.id"
        " WHERE notice.cause = $1 AND handed_at IS NOT NULL", asked["id"],
    )  # fmt: skip
    await stack.kill("worker")
    await wired.smtp.set("pass")
    await stack.control(f"payment_intents/{submitted['id']}/settle", {})
    await stack.start("worker")

    await stack.until_status(buyer, debit["id"], "succeeded")
    # For some seconds Temporal still offers the workflow to the worker that had it.
    while (opened := await stack.http.get(asked["action_url"])).status_code == 503:
        continue
    assert opened.status_code == 303
    (intent,) = await stack.intents(asked["id"])
    await stack.control(f"payment_intents/{intent['id']}/authenticate", {"outcome": "succeed"})
    await stack.until_status(buyer, asked["id"], "succeeded")
    while (entered := await stack.enter(mover, pending, "SM11AA")).status_code == 503:
        continue
    assert entered.json()["status"] == "verified"
    for recharge in (debit, asked):
        assert len(await stack.charges(recharge["id"])) == 1
    assert await stack.credits(buyer) == 2

    await stack.until_row(
        "its notice to be over", "SELECT state <> 'pending' FROM notice WHERE cause = $1 AND kind = 'action_needed'",
        asked["id"],
    )  # fmt: skip
    settled = "SELECT bool_and(state = 'sent') FROM notice WHERE account_id = $1 AND kind = 'recharge_settled'"
    await stack.until_row("the later mails to be sent", settled, buyer)
    assert not stack.mails(to=OPERATORS, about=buyer)
