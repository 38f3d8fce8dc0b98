"""ACH debits: processing, the answer on the fourth business day, returns before and after success, cancel."""

from datetime import UTC, datetime

import pytest
from sandbox_client import Sandbox

from rules.business_days import EASTERN, next_business_day
from rules.settlement import expected_on, submission_date

RETURNS = {
    "pm_usBankAccount_accountClosed": ("account_closed", "bank_account_closed", "R02"),
    "pm_usBankAccount_noAccount": ("no_account", "bank_account_invalid_details", "R03"),
    "pm_usBankAccount_insufficientFunds": ("insufficient_funds", "insufficient_funds", "R01"),
    "pm_usBankAccount_debitNotAuthorized": ("debit_not_authorized", "debit_not_authorized", "R10"),
}


async def paying(sandbox: Sandbox, token: str = "pm_usBankAccount_success"):
    customer = await sandbox.customer()
    return await sandbox.intent(customer, await sandbox.bank_account(customer, token))


async def test_a_debit_settles_at_nine_on_the_fourth_business_day(sandbox: Sandbox):
    intent = await paying(sandbox)
    assert (intent["status"], intent["amount_received"]) == ("processing", 0)
    charge = await sandbox.get(f"/v1/charges/{intent['latest_charge']}")
    details = charge["payment_method_details"]["us_bank_account"]
    assert (charge["status"], charge["paid"], charge["balance_transaction"]) == ("pending", False, None)
    submitted = submission_date(datetime.fromtimestamp(intent["created"], UTC))
    assert details["expected_debit_date"] == next_business_day(submitted).isoformat()
    assert (await sandbox.get(f"/v1/mandates/{details['mandate']}"))["status"] == "active"
    await sandbox.days(3)
    assert (await sandbox.retrieve(intent["id"]))["status"] == "processing"
    await sandbox.days(1)
    settled = await sandbox.retrieve(intent["id"], "latest_charge.balance_transaction")
    assert (settled["status"], settled["amount_received"]) == ("succeeded", 2500)
    money = settled["latest_charge"]["balance_transaction"]
    assert (money["amount"], money["fee"], money["net"], money["type"]) == (2500, 20, 2480, "payment")
    answered = datetime.fromtimestamp((await sandbox.events(about=intent["id"]))[-1]["created"], EASTERN)
    assert (answered.hour, answered.minute) == (9, 0)
    assert answered.date() == expected_on(datetime.fromtimestamp(intent["created"], UTC)).on
    assert await sandbox.event_types(about=intent["id"]) == [
        "payment_intent.created",
        "payment_intent.processing",
        "payment_intent.succeeded",
    ]
    assert await sandbox.event_types(about=charge["id"]) == ["charge.pending", "charge.succeeded"]


@pytest.mark.parametrize("token", RETURNS)
async def test_test_accounts_fail_as_documented(sandbox: Sandbox, token: str):
    intent = await paying(sandbox, token)
    await sandbox.days(4)
    failed = await sandbox.retrieve(intent["id"], "latest_charge")
    assert failed["status"] == "requires_payment_method"
    error, charge = failed["last_payment_error"], failed["latest_charge"]
    assert (error["code"], error["decline_code"], error["network_decline_code"]) == RETURNS[token]
    assert error["charge"] == charge["id"]
    assert (charge["status"], charge["failure_code"]) == ("failed", RETURNS[token][0])
    assert charge["outcome"]["network_decline_code"] == RETURNS[token][2]
    assert charge["balance_transaction"] is None


@pytest.mark.parametrize("token", RETURNS)
async def test_a_return_blocks_the_account_but_for_insufficient_funds(sandbox: Sandbox, token: str):
    intent = await paying(sandbox, token)
    await sandbox.days(4)
    failed = await sandbox.retrieve(intent["id"])
    method = failed["last_payment_error"]["payment_method"]["id"]
    shown = await sandbox.get(f"/v1/payment_methods/{method}")
    code = RETURNS[token][2]
    if code == "R01":
        assert shown["us_bank_account"]["status_details"] == {}
        assert "mandate.updated" not in (await sandbox.event_types())[-4:]
        return
    assert shown["us_bank_account"]["status_details"]["blocked"]["network_code"] == code
    assert {"payment_method.automatically_updated", "mandate.updated"} <= set((await sandbox.event_types())[-4:])
    again = await sandbox.post(
        f"/v1/payment_intents/{intent['id']}/confirm", {"payment_method": method, "off_session": True}
    )
    assert (again.status, again.error["code"]) == (402, "bank_account_unusable")
    assert again.error["payment_intent"]["latest_charge"] != intent["latest_charge"]
    setup = await sandbox.setup(intent["customer"], method)
    assert (setup.status, setup.error["code"]) == (402, "bank_account_unusable")
    await sandbox.control(f"payment_methods/{method}/unblock")
    assert (await sandbox.get(f"/v1/payment_methods/{method}"))["us_bank_account"]["status_details"] == {}


async def test_what_is_processing_cannot_be_confirmed_again(sandbox: Sandbox):
    intent = await paying(sandbox)
    card = await sandbox.card(intent["customer"])
    answer = await sandbox.post(f"/v1/payment_intents/{intent['id']}/confirm", {"payment_method": card})
    assert (answer.status, answer.error["code"]) == (400, "payment_intent_unexpected_state")
    assert answer.error["payment_intent"]["status"] == "processing"
    assert (await sandbox.counts())["charge"] == {"total": 1, "pending": 1}


async def test_after_a_failed_debit_the_same_intent_pays_by_card(sandbox: Sandbox):
    intent = await paying(sandbox, "pm_usBankAccount_insufficientFunds")
    await sandbox.days(4)
    card = await sandbox.card(intent["customer"])
    paid = await sandbox.post(
        f"/v1/payment_intents/{intent['id']}/confirm", {"payment_method": card, "off_session": True}
    )
    assert paid["status"] == "succeeded"
    assert (await sandbox.counts())["charge"] == {"total": 2, "failed": 1, "succeeded": 1}


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("pm_usBankAccount_riskLevelHighest", "bank_account_declined"),
        ("pm_usBankAccount_weeklyLimitExceeded", "charge_exceeds_source_limit"),
    ],
)
async def test_some_accounts_are_refused_at_the_confirm(sandbox: Sandbox, token, code):
    answer = await paying(sandbox, token)
    assert (answer.status, answer.error["code"]) == (402, code)
    assert (await sandbox.counts())["charge"] == {"total": 1, "failed": 1}


async def test_a_currency_that_the_account_does_not_take_and_a_dead_token(sandbox: Sandbox):
    currency = await paying(sandbox, "pm_usBankAccount_invalidCurrency")
    account = {"account_number": "000888888885", "routing_number": "110000000"}
    params = {"type": "us_bank_account", "us_bank_account": account, "billing_details": {"name": "Jenny"}}
    customer = await sandbox.customer()
    made = await sandbox.post("/v1/payment_methods", params)
    token = await sandbox.intent(customer, await sandbox.bank_account(customer, made["id"]))
    await sandbox.days(4)
    first = await sandbox.retrieve(currency["id"])
    assert first["last_payment_error"]["code"] == "payment_method_currency_mismatch"
    second = (await sandbox.retrieve(token["id"]))["last_payment_error"]["payment_method"]["id"]
    blocked = (await sandbox.get(f"/v1/payment_methods/{second}"))["us_bank_account"]["status_details"]["blocked"]
    assert blocked["reason"] == "tokenized_account_number_deactivated"


async def test_an_account_that_disputes(sandbox: Sandbox):
    intent = await paying(sandbox, "pm_usBankAccount_dispute")
    await sandbox.days(4)
    assert (await sandbox.retrieve(intent["id"]))["status"] == "succeeded"
    (dispute,) = (await sandbox.get("/v1/disputes", payment_intent=intent["id"]))["data"]
    assert (dispute["status"], dispute["reason"], dispute["amount"]) == ("lost", "debit_not_authorized", 2500)
    assert await sandbox.event_types(about=dispute["id"]) == [
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.closed",
    ]
    balance = await sandbox.get("/v1/balance")
    assert balance["available"][0]["amount"] == 2480 - 2500 - 1500


async def test_an_account_that_processes_for_ever_can_be_canceled(sandbox: Sandbox):
    intent = await paying(sandbox, "pm_usBankAccount_processing")
    await sandbox.days(30)
    assert (await sandbox.retrieve(intent["id"]))["status"] == "processing"
    canceled = await sandbox.post(f"/v1/payment_intents/{intent['id']}/cancel")
    assert canceled["status"] == "canceled"
    assert (await sandbox.get(f"/v1/charges/{intent['latest_charge']}"))["status"] == "failed"


async def test_a_debit_can_be_canceled_before_the_cut_off_only(sandbox: Sandbox):
    await sandbox.days(1)  # noon of a business day
    early, late = await paying(sandbox), await paying(sandbox)
    await sandbox.control("clock", {"advance_hours": 8.9})
    assert (await sandbox.post(f"/v1/payment_intents/{early['id']}/cancel"))["status"] == "canceled"
    await sandbox.control("clock", {"advance_hours": 0.2})
    answer = await sandbox.post(f"/v1/payment_intents/{late['id']}/cancel")
    assert (answer.status, answer.error["code"]) == (400, "payment_intent_unexpected_state")
    assert answer.error["payment_intent"]["status"] == "processing"
    await sandbox.days(5)
    assert (await sandbox.retrieve(early["id"]))["status"] == "canceled"
    assert (await sandbox.retrieve(late["id"]))["status"] == "succeeded"


async def test_control_routes_settle_and_return_at_once(sandbox: Sandbox):
    first, second = await paying(sandbox), await paying(sandbox)
    assert (await sandbox.control(f"payment_intents/{first['id']}/settle"))["status"] == "succeeded"
    returned = await sandbox.control(f"payment_intents/{second['id']}/return", {"code": "R02"})
    assert returned["last_payment_error"]["network_decline_code"] == "R02"
    assert (await sandbox.control(f"payment_intents/{second['id']}/settle")).status == 400
    await sandbox.days(10)
    assert (await sandbox.counts())["charge"] == {"total": 2, "failed": 1, "succeeded": 1}


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("R01", "insufficient_funds"),
        ("R02", "incorrect_account_details"),
        ("R10", "debit_not_authorized"),
        ("R17", "bank_cannot_process"),
    ],
)
async def test_a_return_after_success_is_a_lost_dispute(sandbox: Sandbox, code, reason):
    intent = await paying(sandbox)
    await sandbox.days(4)
    late = await sandbox.control(f"payment_intents/{intent['id']}/return", {"code": code})
    assert late["status"] == "succeeded"
    (dispute,) = (await sandbox.get("/v1/disputes", charge=intent["latest_charge"]))["data"]
    assert (dispute["status"], dispute["reason"]) == ("lost", reason)
    assert dispute["balance_transactions"][0]["amount"] == -2500
    charge = await sandbox.get(f"/v1/charges/{intent['latest_charge']}")
    assert (charge["status"], charge["disputed"]) == ("succeeded", True)
    again = await sandbox.control(f"payment_intents/{intent['id']}/return", {"code": code})
    assert again.status == 400
    blocked = (await sandbox.get(f"/v1/payment_methods/{intent['payment_method']}"))["us_bank_account"]
    assert bool(blocked["status_details"]) == (code in {"R02", "R10"})


async def test_a_verified_account_without_a_mandate_cannot_pay(sandbox: Sandbox):
    intent = await paying(sandbox)
    await sandbox.control(f"payment_intents/{intent['id']}/settle")
    await sandbox.control(f"payment_intents/{intent['id']}/return", {"code": "R01"})
    answer = await sandbox.intent(intent["customer"], intent["payment_method"])
    assert (answer.status, answer.error["code"]) == (400, "payment_intent_mandate_invalid")


async def test_only_bank_debits_are_settled_and_returned(sandbox: Sandbox):
    customer = await sandbox.customer()
    intent = await sandbox.intent(customer, await sandbox.card(customer))
    assert (await sandbox.control(f"payment_intents/{intent['id']}/return", {"code": "R01"})).status == 400
    assert (await sandbox.control(f"payment_intents/{intent['id']}/return", {"code": "X1"})).status == 400
    assert (await sandbox.control("payment_intents/pi_none/settle")).status == 404
