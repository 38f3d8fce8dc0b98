"""C2, C3: the caller gets the final state when the processor answers at once."""

import asyncio
from uuid import uuid4


async def test_the_answer_is_the_final_state(stack):
    account = await stack.account()
    made = await stack.recharge(account, await stack.card(account), "50.00")
    assert made["status"] == "succeeded"
    assert [one["what"] for one in made["timeline"]] == ["created", "payment_created", "confirmed", "succeeded"]
    assert await stack.balance(account) == ("50.00", "0.00")
    assert len(await stack.charges(made["id"])) == 1


async def test_64_requests_with_one_key_make_one_recharge(stack):
    account = await stack.account()
    card, key = await stack.card(account), uuid4().hex
    answers = await asyncio.gather(*(stack.ask(account, card, key=key) for _ in range(64)))
    assert {one.status_code for one in answers} <= {201, 409}
    ids = {one.json()["id"] for one in answers if one.status_code == 201}
    again = await stack.ask(account, card, key=key)
    assert again.status_code == 201
    assert ids | {again.json()["id"]} == {again.json()["id"]}
    assert len(await stack.recharges(account)) == 1
    assert len(await stack.charges(again.json()["id"])) == 1
    assert await stack.balance(account) == ("50.00", "0.00")


async def test_a_decline_is_failed_with_its_reason_and_credits_nothing(stack):
    account = await stack.account()
    made = await stack.recharge(account, await stack.card(account, "pm_card_chargeCustomerFail"))
    assert made["status"] == "failed"
    assert made["failure"]["code"] == "generic_decline"
    assert await stack.balance(account) == ("0.00", "0.00")
    assert [one["status"] for one in await stack.intents(made["id"])] == ["canceled"]


async def test_the_same_key_with_another_body_is_refused(stack):
    account = await stack.account()
    card, key = await stack.card(account), uuid4().hex
    await stack.recharge(account, card, "50.00", key=key)
    other = await stack.ask(account, card, "51.00", key=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
