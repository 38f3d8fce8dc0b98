"""The race table of the architecture, as far as payments go: held at the gate until both sides are under way."""

import asyncio
import copy
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from store import outbox, recharges
from store.database import Database
from store.recharges import NewRecharge

DAY = timedelta(days=1)


async def test_an_old_attempts_failure_arrives_while_the_next_one_runs(gated):
    stack = gated.stack
    account = await stack.account()
    made = await stack.recharge(account, await stack.card(account, "pm_card_authenticationRequired"))
    assert made["status"] == "requires_action"
    (intent,) = await stack.intents(made["id"])
    about = [
        one for one in await stack.listed("/events") if one["data"]["object"].get("metadata") == intent["metadata"]
    ]
    failures = [one for one in about if one["type"] in {"payment_intent.payment_failed", "charge.failed"}]
    assert failures
    hold = gated.gate.hold("POST", r"/v1/payment_intents/pi_\w+/confirm", "after", about=made["id"])
    opening = asyncio.create_task(stack.http.get(made["action_url"]))
    await hold.reached.wait()
    for event in failures * 3:
        again = copy.deepcopy(event) | {"id": f"evt_{uuid4().hex}"}
        assert (await stack.deliver(again)).status_code == 200
    await stack.until_row("the old news to be handed on", "SELECT bool_and(state = 'done') FROM inbox")
    gated.gate.release()
    assert (await opening).status_code == 303
    assert (await stack.until_status(account, made["id"], "requires_action"))["failure"] is None
    await stack.control(f"payment_intents/{intent['id']}/authenticate", {"outcome": "succeed"})
    for event in failures:
        await stack.deliver(copy.deepcopy(event) | {"id": f"evt_{uuid4().hex}"})
    done = await stack.until_status(account, made["id"], "succeeded", "failed", "canceled")
    assert (done["status"], done["failure"]) == ("succeeded", None)
    assert await stack.credits(account) == 1


async def test_a_card_that_is_removed_between_snapshot_and_confirm(gated):
    stack = gated.stack
    account = await stack.account()
    card = await stack.card(account)
    hold = gated.gate.hold("GET", r"/v1/payment_intents/pi_\w+", "before")
    asking = asyncio.create_task(stack.ask(account, card))
    await hold.reached.wait()
    removed = await stack.ok("DELETE", f"/v1/accounts/{account}/cards/{card}")
    assert removed["status"] == "removed"
    gated.gate.release()
    made = (await asking).json()
    done = await stack.until_status(account, made["id"], "failed")
    assert done["failure"]["code"] == "method_removed"
    assert await stack.charges(made["id"]) == []
    assert await stack.balance(account) == ("0.00", "0.00")
    assert [one["status"] for one in await stack.intents(made["id"])] == ["canceled"]


async def test_a_cancel_while_the_payment_is_being_confirmed(gated):
    """The processor decides: it has taken the money, so the cancel comes too late."""
    stack = gated.stack
    account = await stack.account()
    card = await stack.card(account)
    hold = gated.gate.hold("POST", r"/v1/payment_intents/pi_\w+/confirm", "after")
    asking = asyncio.create_task(stack.ask(account, card))
    await hold.reached.wait()
    recharge = await stack.until_asked(account)
    canceling = asyncio.create_task(stack.call("POST", f"/v1/accounts/{account}/recharges/{recharge}/cancel"))
    await stack.until(lambda: _waits(stack, recharge), "the cancel to wait for its turn")
    gated.gate.release()
    assert (await asking).json()["status"] == "succeeded"
    late = await canceling
    assert (late.status_code, late.json()["code"]) == (409, "not_cancelable"), late.text
    assert await stack.credits(account) == 1


async def _waits(stack, recharge: str) -> bool:
    """Whether Temporal has accepted an update of the recharge's workflow."""
    client = await stack.temporal()
    history = await client.get_workflow_handle(f"recharge/{recharge}").fetch_history()
    return any(event.HasField("workflow_execution_update_accepted_event_attributes") for event in history.events)


async def test_two_cancels_and_a_customer_at_once(gated):
    stack = gated.stack
    account = await stack.account()
    made = await stack.recharge(account, await stack.card(account, "pm_card_authenticationRequired"))
    cancel = f"/v1/accounts/{account}/recharges/{made['id']}/cancel"
    first, second, _ = await asyncio.gather(
        stack.call("POST", cancel), stack.call("POST", cancel), stack.http.get(made["action_url"])
    )
    assert {first.status_code, second.status_code} == {200}
    assert (await stack.until_status(account, made["id"], "canceled"))["finished_at"]
    assert [one["status"] for one in await stack.intents(made["id"])] == ["canceled"]
    assert await stack.balance(account) == ("0.00", "0.00")


async def test_a_cancel_before_the_payment_has_begun(gated):
    """It is committed and Temporal has not heard of it: neither canceled nor too late to be."""
    stack = gated.stack
    account = await stack.account()
    card = await stack.card(account)
    new = NewRecharge(
        account_id=account, amount_cents=5000, method_id=card, method_kind="card", kind="manual",
        idempotency_key="key", request_digest="-", return_url=None, metadata={},
    )  # fmt: skip
    now = datetime.now(UTC)
    async with Database(stack.database.app_url) as books, books.transaction() as session:
        row, outbox_id = await recharges.create(session, new, now=now)
        await outbox.put_off(session, await outbox.claim_one(session, outbox_id), error="", outage=False, now=now + DAY)
    path = f"/v1/accounts/{account}/recharges/{row.id}/cancel"
    early = await stack.call("POST", path)
    assert (early.status_code, early.json()["code"]) == (503, "unavailable")
    assert int(early.headers["Retry-After"]) > 0
    await stack.rows("UPDATE outbox SET next_try_at = created_at WHERE id = $1", outbox_id)
    await stack.until_status(account, row.id, "succeeded")
