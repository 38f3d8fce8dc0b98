"""A return, a refund made elsewhere and a dispute after success are kept and told to operators once; none posts yet."""

import pytest
import stripe
from installation import OPERATORS, SECRET_KEY


@pytest.fixture
async def paid(stack):
    """An account with a settled bank debit and a settled card payment, and their payments at the processor."""
    account = await stack.account()
    card = await stack.card(account)
    debit = await stack.recharge(account, await stack.bank(account))
    intent = await stack.until_intent(debit["id"], "processing")
    await stack.control(f"payment_intents/{intent['id']}/settle", {})
    await stack.until_status(account, debit["id"], "succeeded")
    charge = await stack.recharge(account, card)
    (by_card,) = await stack.intents(charge["id"])
    return account, (debit["id"], intent), (charge["id"], by_card)


async def kept(stack, recharge, *, types, object_id):
    """Every event of the object is kept; gives the operators' notices about it."""
    await stack.until_row(
        f"{types} to be kept",
        "SELECT array_agg(type ORDER BY type) = $2 FROM inbox WHERE object_id = $1 AND state = 'kept'",
        object_id, types,
    )  # fmt: skip
    await stack.until_row(
        "operators to be told",
        "SELECT bool_and(state = 'sent') FROM notice WHERE kind = 'event_kept' AND facts->>'recharge' = $1", recharge,
    )  # fmt: skip
    query = "SELECT * FROM notice WHERE kind = 'event_kept' AND facts->>'recharge' = $1"
    return await stack.rows(query, recharge)


async def test_a_return_after_success(stack, paid):
    account, (recharge, intent), _ = paid
    before = await stack.balance(account)
    await stack.control(f"payment_intents/{intent['id']}/return", {"code": "R10"})
    (dispute,) = await stack.listed(f"/disputes?payment_intent={intent['id']}")
    types = ["charge.dispute.closed", "charge.dispute.created", "charge.dispute.funds_withdrawn"]
    told = await kept(stack, recharge, types=types, object_id=dispute["id"])
    assert sorted(one["cause"] for one in told) == [dispute["id"], f"{dispute['id']}/closed"]
    assert {one["audience"] for one in told} == {"operators"}
    await check(stack, account, recharge, before, mails=2)


async def test_a_refund_made_elsewhere(stack, paid):
    account, _, (recharge, intent) = paid
    before = await stack.balance(account)
    transport = stripe.HTTPXClient()
    dashboard = stripe.StripeClient(SECRET_KEY, base_addresses={"api": stack.sandbox_url}, http_client=transport)
    refund = await dashboard.v1.refunds.create_async({"payment_intent": intent["id"], "amount": 1000})
    await transport.close_async()
    told = await kept(stack, recharge, types=["refund.created"], object_id=refund.id)
    assert [one["cause"] for one in told] == [refund.id]
    await check(stack, account, recharge, before, mails=1)


async def test_a_dispute_by_card(stack, paid):
    account, _, (recharge, intent) = paid
    before = await stack.balance(account)
    dispute = await stack.control(f"charges/{intent['latest_charge']}/dispute", {"reason": "fraudulent"})
    types = ["charge.dispute.created", "charge.dispute.funds_withdrawn"]
    told = await kept(stack, recharge, types=types, object_id=dispute["id"])
    assert [one["cause"] for one in told] == [dispute["id"]]
    await check(stack, account, recharge, before, mails=1)
    await stack.control(f"disputes/{dispute['id']}/close", {"status": "won"})
    types = ["charge.dispute.closed", *types, "charge.dispute.funds_reinstated"]
    told = await kept(stack, recharge, types=sorted(types), object_id=dispute["id"])
    assert sorted(one["cause"] for one in told) == [dispute["id"], f"{dispute['id']}/closed"]
    await check(stack, account, recharge, before, mails=2)


async def check(stack, account, recharge, before, *, mails):
    """Nothing was posted; the same events again are no second mail; the account's owner was not told."""
    ids = {row["id"] for row in await stack.rows("SELECT id FROM inbox WHERE state = 'kept'")}
    for event in await stack.listed("/events"):
        if event["id"] in ids:
            assert (await stack.deliver(event)).status_code == 200
    assert await stack.balance(account) == before
    assert (await stack.until_status(account, recharge, "succeeded"))["amount_refunded"] == "0.00"
    assert len(stack.mails(to=OPERATORS, about=recharge)) == mails
    shown = (await stack.ok("GET", f"/v1/accounts/{account}/notices?kind=event_kept"))["data"]
    assert {one["kind"] for one in shown} == {"event_kept"}
