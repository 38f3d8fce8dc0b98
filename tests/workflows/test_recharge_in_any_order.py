"""Whatever comes in whatever order: at the end processor, ledger and record say the same, and nothing is pending."""

import asyncio
import os
from random import Random

from sqlalchemy import text
from temporalio.client import WorkflowUpdateFailedError
from temporalio.service import RPCError, RPCStatusCode

from tests.workflows.recharging import as_it_is, ask, at_noon, balance, bank_on_file, charges, handle, intents, row

MADE = 6
ROUNDS = 2


async def look(house, recharge, chance):
    await handle(house, recharge).signal("look")


async def cancel(house, recharge, chance):
    await handle(house, recharge).execute_update("cancel", result_type=str)


async def authenticate(house, recharge, chance):
    await handle(house, recharge).execute_update("authenticate", result_type=str)


async def look_now(house, recharge, chance):
    await handle(house, recharge).execute_update("look_now", result_type=str)


async def deliver(house, recharge, chance):
    await house.deliver_events()


async def bank_answers(house, recharge, chance):
    act, body = chance.choice([("settle", None), ("settle", None), ("return", {"code": "R01"})])
    await _at_processor(house, recharge, act, body)


async def customer_acts(house, recharge, chance):
    await _at_processor(house, recharge, "authenticate", {"outcome": chance.choice(["succeed", "succeed", "fail"])})


async def _at_processor(house, recharge, act, body):
    found = await row(house, recharge)
    if found.payment_intent is None:
        return
    try:
        await house.control(f"payment_intents/{found.payment_intent}/{act}", body)
    except AssertionError as refused:
        if '"error"' not in str(refused):
            raise


async def fault(house, recharge, chance):
    kind = chance.choice(["drop_after", "drop_before", "rate_limit", "error"])
    await house.control("faults", {"path": "/v1/payment_intents*", "kind": kind, "times": 1})


async def forget(house, recharge, chance):
    await house.control("idempotency_keys/forget")


ACTS = [look, look, cancel, authenticate, authenticate, look_now, deliver, bank_answers, customer_acts, fault, forget]


async def act(house, recharge, chance):
    """One act; that the workflow has ended, or that no worker is there, is no failure."""
    try:
        await asyncio.wait_for(chance.choice(ACTS)(house, recharge, chance), 20)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
    except WorkflowUpdateFailedError as error:
        if "completed" not in str(error.cause).lower():
            raise


async def script(house, recharge, chance):
    for _ in range(chance.randint(1, 4)):
        await act(house, recharge, chance)


async def end_it(house, recharge):
    """The bank and the customer have had their day: whoever is still waited for does not come."""
    await _at_processor(house, recharge, "settle", None)
    return await house.finished(f"recharge/{recharge['id']}")


async def test_the_books_agree(house, monkeypatch):
    """PREPAY_TEST_SEED=n draws other scripts."""
    monkeypatch.setattr("api.recharges.until", as_it_is)
    chance = Random(int(os.environ.get("PREPAY_TEST_SEED", "1")))
    async with house.working(cache=0):
        bank = await bank_on_file(house)
        methods = [bank, await house.add_card("pm_card_visa"), *[await _asking(house) for _ in range(2)]]
        await at_noon(house)
        made = [await ask(house, chance.choice(methods), key=f"{n}") for n in range(MADE)]
    for _ in range(ROUNDS):
        async with house.working(cache=0):
            await asyncio.gather(*(script(house, one, Random(chance.random())) for one in made))
    await house.control("faults", method="DELETE")
    async with house.working(cache=0):
        ends = [await end_it(house, one) for one in made]
    await _agree(house, made, ends)


async def _asking(house):
    return await house.add_card("pm_card_authenticationRequired")


async def _agree(house, made, ends):
    by_id = {one.id: one for one in await intents(house)}
    paid = [one for one in await charges(house) if one.status == "succeeded"]
    rows = [await row(house, one) for one in made]
    assert [one.status for one in rows] == ends
    for found in rows:
        theirs = by_id.get(found.payment_intent)
        own = [one for one in paid if one.payment_intent == found.payment_intent and found.payment_intent]
        assert len(own) <= 1, "charges of one recharge at the processor"
        assert (found.status == "succeeded") == (theirs is not None and theirs.status == "succeeded") == bool(own)
        assert found.status in {"succeeded", "failed", "canceled"}
        assert (found.charge if own else None) == (own[0].id if own else None)
    assert {one.metadata.to_dict()["recharge"] for one in by_id.values()} <= {one["id"] for one in made}
    assert [one.id for one in by_id.values() if one.status not in {"succeeded", "canceled"}] == []
    credited = await _credited(house)
    assert credited == sorted(one.id for one in rows if one.status == "succeeded")
    assert await balance(house) == (f"{50 * len(credited)}.00", "0.00")


async def _credited(house):
    """The recharges that the ledger credited, each as often as it did."""
    query = text(
        "SELECT source FROM ledger_transfer JOIN ledger_kind USING (kind)"
        " WHERE account_id = :account AND name = 'recharge_settled' AND leg = 0 ORDER BY source"
    )
    async with house.database.transaction() as session:
        return list(await session.scalars(query, {"account": house.account.id}))
