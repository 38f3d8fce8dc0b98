"""Refunds, disputes, and the money that they move."""

import pytest
from sandbox_client import Sandbox


async def paid(sandbox: Sandbox, token: str = "pm_card_visa"):
    customer = await sandbox.customer()
    return await sandbox.intent(customer, await sandbox.card(customer, token))


async def settled(sandbox: Sandbox):
    customer = await sandbox.customer()
    intent = await sandbox.intent(customer, await sandbox.bank_account(customer))
    await sandbox.days(4)
    return intent


async def test_a_card_payment_is_refunded_in_parts(sandbox: Sandbox):
    intent = await paid(sandbox)
    first = await sandbox.post("/v1/refunds", {"payment_intent": intent["id"], "amount": 1000})
    assert (first["status"], first["amount"]) == ("succeeded", 1000)
    too_much = await sandbox.post("/v1/refunds", {"charge": intent["latest_charge"], "amount": 1501})
    assert (too_much.status, too_much.error["param"]) == (400, "amount")
    second = await sandbox.post("/v1/refunds", {"charge": intent["latest_charge"], "reason": "requested_by_customer"})
    assert second["amount"] == 1500
    charge = await sandbox.get(f"/v1/charges/{intent['latest_charge']}", expand=["refunds"])
    assert (charge["amount_refunded"], charge["refunded"], len(charge["refunds"]["data"])) == (2500, True, 2)
    over = await sandbox.post("/v1/refunds", {"charge": intent["latest_charge"]})
    assert over.error["code"] == "charge_already_refunded"
    money = (await sandbox.get("/v1/balance_transactions"))["data"]
    assert [(one["type"], one["amount"], one["fee"]) for one in money] == [
        ("refund", -1500, 0),
        ("refund", -1000, 0),
        ("charge", 2500, 103),
    ]


async def test_a_bank_refund_takes_three_business_days_and_is_whole(sandbox: Sandbox):
    intent = await settled(sandbox)
    partial = await sandbox.post("/v1/refunds", {"payment_intent": intent["id"], "amount": 100})
    assert (partial.status, partial.error["param"]) == (400, "amount")
    refund = await sandbox.post("/v1/refunds", {"payment_intent": intent["id"], "metadata": {"a": "b"}})
    assert (refund["status"], refund["pending_reason"]) == ("pending", "processing")
    await sandbox.days(2)
    assert (await sandbox.get(f"/v1/refunds/{refund['id']}"))["status"] == "pending"
    await sandbox.days(1)
    done = await sandbox.get(f"/v1/refunds/{refund['id']}", expand=["balance_transaction"])
    assert (done["status"], done["balance_transaction"]["type"]) == ("succeeded", "payment_refund")
    assert await sandbox.event_types(about=refund["id"]) == [
        "refund.created",
        "refund.updated",
        "charge.refund.updated",
    ]


async def test_a_refund_of_a_pending_debit_waits_for_it(sandbox: Sandbox):
    customer = await sandbox.customer()
    intent = await sandbox.intent(customer, await sandbox.bank_account(customer))
    refund = await sandbox.post("/v1/refunds", {"payment_intent": intent["id"]})
    assert (refund["status"], refund["pending_reason"]) == ("pending", "charge_pending")
    await sandbox.days(4)
    assert (await sandbox.get(f"/v1/refunds/{refund['id']}"))["pending_reason"] == "processing"
    await sandbox.days(3)
    assert (await sandbox.get(f"/v1/refunds/{refund['id']}"))["status"] == "succeeded"


async def test_a_refund_of_a_debit_that_comes_back_fails(sandbox: Sandbox):
    customer = await sandbox.customer()
    bank = await sandbox.bank_account(customer, "pm_usBankAccount_insufficientFunds")
    intent = await sandbox.intent(customer, bank)
    refund = await sandbox.post("/v1/refunds", {"payment_intent": intent["id"]})
    await sandbox.days(4)
    over = await sandbox.get(f"/v1/refunds/{refund['id']}")
    assert (over["status"], over["balance_transaction"]) == ("failed", None)
    assert (await sandbox.get(f"/v1/charges/{intent['latest_charge']}"))["amount_refunded"] == 0
    assert (await sandbox.get("/v1/balance"))["available"][0]["amount"] == 0


async def test_a_refund_fails_on_demand_and_the_money_comes_back(sandbox: Sandbox):
    intent = await settled(sandbox)
    refund = await sandbox.post("/v1/refunds", {"payment_intent": intent["id"]})
    before = (await sandbox.get("/v1/balance"))["available"][0]["amount"]
    failed = await sandbox.control(f"refunds/{refund['id']}/fail", {"reason": "unknown"})
    assert (failed["status"], failed["failure_reason"]) == ("failed", "unknown")
    assert (await sandbox.get("/v1/balance"))["available"][0]["amount"] == before + 2500
    assert (await sandbox.event_types(about=refund["id"]))[-2:] == ["refund.failed", "charge.refund.updated"]
    assert (await sandbox.control(f"refunds/{refund['id']}/fail")).status == 400
    await sandbox.days(5)
    assert (await sandbox.get(f"/v1/refunds/{refund['id']}"))["status"] == "failed"


async def test_test_cards_for_refunds(sandbox: Sandbox):
    pending, failing = await paid(sandbox, "pm_card_pendingRefund"), await paid(sandbox, "pm_card_refundFail")
    first = await sandbox.post("/v1/refunds", {"payment_intent": pending["id"]})
    second = await sandbox.post("/v1/refunds", {"payment_intent": failing["id"]})
    assert (first["status"], second["status"]) == ("pending", "succeeded")
    await sandbox.days(1)
    assert (await sandbox.get(f"/v1/refunds/{first['id']}"))["status"] == "succeeded"
    assert (await sandbox.get(f"/v1/refunds/{second['id']}"))["status"] == "failed"


async def test_refunds_are_listed_and_cannot_be_canceled(sandbox: Sandbox):
    intent, other = await paid(sandbox), await paid(sandbox)
    made = await sandbox.post("/v1/refunds", {"payment_intent": intent["id"]})
    await sandbox.post("/v1/refunds", {"payment_intent": other["id"]})
    listed = await sandbox.get("/v1/refunds", payment_intent=intent["id"])
    assert [one["id"] for one in listed["data"]] == [made["id"]]
    assert (await sandbox.post(f"/v1/refunds/{made['id']}/cancel")).status == 400
    changed = await sandbox.post(f"/v1/refunds/{made['id']}", {"metadata": {"k": "v"}})
    assert changed["metadata"] == {"k": "v"}
    assert (await sandbox.post("/v1/refunds")).status == 400


async def test_what_was_not_paid_cannot_be_refunded(sandbox: Sandbox):
    customer = await sandbox.customer()
    intent = await sandbox.intent(customer)
    assert (await sandbox.post("/v1/refunds", {"payment_intent": intent["id"]})).status == 400
    declined = await sandbox.intent(customer, await sandbox.card(customer, "pm_card_chargeCustomerFail"))
    answer = await sandbox.post("/v1/refunds", {"charge": declined.error["charge"]})
    assert answer.error["code"] == "charge_not_refundable"


async def test_a_disputed_card_payment_can_be_won(sandbox: Sandbox):
    intent = await paid(sandbox, "pm_card_createDispute")
    (dispute,) = (await sandbox.get("/v1/disputes", payment_intent=intent["id"]))["data"]
    assert (dispute["status"], dispute["reason"]) == ("needs_response", "fraudulent")
    refused = await sandbox.post("/v1/refunds", {"payment_intent": intent["id"]})
    assert refused.error["code"] == "charge_disputed"
    answered = await sandbox.post(
        f"/v1/disputes/{dispute['id']}", {"evidence": {"customer_name": "Jenny"}, "metadata": {"a": "b"}}
    )
    assert answered["status"] == "under_review"
    assert answered["evidence_details"]["submission_count"] == 1
    won = await sandbox.control(f"disputes/{dispute['id']}/close", {"status": "won"})
    assert won["status"] == "won"
    assert [one["amount"] for one in won["balance_transactions"]] == [-2500, 2500]
    assert await sandbox.event_types(about=dispute["id"]) == [
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.updated",
        "charge.dispute.closed",
        "charge.dispute.funds_reinstated",
    ]
    assert (await sandbox.control(f"disputes/{dispute['id']}/close", {"status": "lost"})).status == 400


async def test_a_dispute_can_be_accepted(sandbox: Sandbox):
    intent = await paid(sandbox, "pm_card_createDispute")
    (dispute,) = (await sandbox.get("/v1/disputes", charge=intent["latest_charge"]))["data"]
    lost = await sandbox.post(f"/v1/disputes/{dispute['id']}/close")
    assert lost["status"] == "lost"
    late = await sandbox.post(f"/v1/disputes/{dispute['id']}", {"evidence": {"customer_name": "Jenny"}})
    assert late.status == 400


async def test_an_inquiry_takes_no_money(sandbox: Sandbox):
    intent = await paid(sandbox, "pm_card_createDisputeInquiry")
    (dispute,) = (await sandbox.get("/v1/disputes", payment_intent=intent["id"]))["data"]
    assert (dispute["status"], dispute["balance_transactions"]) == ("warning_needs_response", [])
    assert (await sandbox.post("/v1/refunds", {"payment_intent": intent["id"]})).status == 200
    closed = await sandbox.control(f"disputes/{dispute['id']}/close", {"status": "won"})
    assert (closed["status"], closed["balance_transactions"]) == ("warning_closed", [])


@pytest.mark.parametrize(("bank", "status"), [(False, "needs_response"), (True, "lost")])
async def test_a_charge_is_disputed_on_demand(sandbox: Sandbox, bank, status):
    intent = await settled(sandbox) if bank else await paid(sandbox)
    charge = intent["latest_charge"]
    dispute = await sandbox.control(f"charges/{charge}/dispute", {"reason": "product_not_received"})
    assert (dispute["object"], dispute["status"], dispute["reason"]) == ("dispute", status, "product_not_received")
    assert (await sandbox.control(f"charges/{charge}/dispute")).status == 400
    mandates = [event for event in await sandbox.events() if event["type"] == "mandate.updated"]
    assert (mandates[-1]["data"]["object"]["status"] if bank else None) == ("inactive" if bank else None)


async def test_card_money_becomes_available_after_two_business_days(sandbox: Sandbox):
    await paid(sandbox)
    balance = await sandbox.get("/v1/balance")
    assert (balance["available"][0]["amount"], balance["pending"][0]["amount"]) == (0, 2397)
    await sandbox.days(3)
    balance = await sandbox.get("/v1/balance")
    assert (balance["available"][0]["amount"], balance["pending"][0]["amount"]) == (2397, 0)
    (money,) = (await sandbox.get("/v1/balance_transactions", type="charge"))["data"]
    shown = await sandbox.get(f"/v1/balance_transactions/{money['id']}", expand=["source.payment_intent"])
    assert shown["source"]["payment_intent"]["status"] == "succeeded"
