"""US bank accounts: verification by microdeposits, mandates, and what ends them."""

import pytest
from sandbox_client import ACCEPTANCE, Sandbox

PREFIX = "payment_method_microdeposit_verification_"


async def test_a_setup_waits_for_a_code_and_succeeds(sandbox: Sandbox):
    customer = await sandbox.customer()
    waiting = await sandbox.setup(customer)
    assert (waiting["status"], waiting["next_action"]["type"]) == ("requires_action", "verify_with_microdeposits")
    action = waiting["next_action"]["verify_with_microdeposits"]
    assert action["microdeposit_type"] == "descriptor_code"
    assert action["arrival_date"] > waiting["created"]
    mandate = await sandbox.get(f"/v1/mandates/{waiting['mandate']}")
    assert mandate["status"] == "pending"
    done = await sandbox.verify(waiting["id"], descriptor_code="SM11AA")
    assert (done["status"], done["next_action"]) == ("succeeded", None)
    method = await sandbox.get(f"/v1/payment_methods/{done['payment_method']}")
    assert method["customer"] == customer
    assert (method["us_bank_account"]["last4"], method["us_bank_account"]["routing_number"]) == ("6789", "110000000")
    mandate = await sandbox.get(f"/v1/mandates/{done['mandate']}")
    assert (mandate["status"], mandate["type"]) == ("active", "multi_use")
    assert mandate["customer_acceptance"]["online"]["user_agent"] == "pytest"
    assert await sandbox.event_types(about=waiting["id"]) == [
        "setup_intent.created",
        "setup_intent.requires_action",
        "setup_intent.succeeded",
    ]


async def test_the_mandate_is_required(sandbox: Sandbox):
    customer = await sandbox.customer()
    answer = await sandbox.setup(customer, mandate_data={})
    assert (answer.status, answer.error["code"]) == (400, "setup_intent_mandate_invalid")


async def test_ten_wrong_codes_end_the_verification(sandbox: Sandbox):
    waiting = await sandbox.setup(await sandbox.customer())
    for left in range(9, 0, -1):
        answer = await sandbox.verify(waiting["id"], descriptor_code="SM0000")
        assert (answer.status, answer.error["code"]) == (400, f"{PREFIX}descriptor_code_mismatch")
        assert f"{left} verification attempt" in answer.error["message"]
    assert (await sandbox.retrieve(waiting["id"]))["status"] == "requires_action"
    last = await sandbox.verify(waiting["id"], descriptor_code="SM0000")
    assert last.error["code"] == f"{PREFIX}attempts_exceeded"
    over = await sandbox.retrieve(waiting["id"])
    assert (over["status"], over["last_setup_error"]["code"]) == (
        "requires_payment_method",
        f"{PREFIX}attempts_exceeded",
    )
    assert (await sandbox.event_types(about=waiting["id"]))[-1] == "setup_intent.setup_failed"
    method = over["last_setup_error"]["payment_method"]["id"]
    again = await sandbox.setup(waiting["customer"], method)
    assert again.error["code"] == "payment_method_bank_account_blocked"


async def test_three_wrong_amounts_end_the_verification(sandbox: Sandbox):
    await sandbox.control("settings", {"microdeposit_type": "amounts"})
    waiting = await sandbox.setup(await sandbox.customer())
    assert waiting["next_action"]["verify_with_microdeposits"]["microdeposit_type"] == "amounts"
    codes = [(await sandbox.verify(waiting["id"], amounts=[1, 2])).error["code"] for _ in range(3)]
    assert codes == [f"{PREFIX}amounts_mismatch", f"{PREFIX}amounts_mismatch", f"{PREFIX}attempts_exceeded"]


async def test_two_amounts_verify_in_either_order(sandbox: Sandbox):
    await sandbox.control("settings", {"microdeposit_type": "amounts"})
    waiting = await sandbox.setup(await sandbox.customer())
    assert (await sandbox.verify(waiting["id"], amounts=[45, 32]))["status"] == "succeeded"


@pytest.mark.parametrize(
    ("kind", "params", "code"),
    [
        ("descriptor_code", {"descriptor_code": "SM33CC"}, "attempts_exceeded"),
        ("descriptor_code", {"descriptor_code": "SM44DD"}, "timeout"),
        ("amounts", {"amounts": [10, 11]}, "attempts_exceeded"),
        ("amounts", {"amounts": [40, 41]}, "timeout"),
    ],
)
async def test_stripes_test_values_end_it_at_once(sandbox: Sandbox, kind, params, code):
    await sandbox.control("settings", {"microdeposit_type": kind})
    waiting = await sandbox.setup(await sandbox.customer())
    answer = await sandbox.verify(waiting["id"], **params)
    assert (answer.status, answer.error["code"]) == (400, PREFIX + code)
    assert answer.error["setup_intent"]["last_setup_error"]["code"] == PREFIX + code


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"descriptor_code": "11AA"},
        {"descriptor_code": "SM11A"},
        {"descriptor_code": "SM11AA", "amounts": [32, 45]},
        {"amounts": [32, 45]},
    ],
)
async def test_malformed_answers_cost_no_attempt(sandbox: Sandbox, params):
    waiting = await sandbox.setup(await sandbox.customer())
    assert (await sandbox.verify(waiting["id"], **params)).status == 400
    answer = await sandbox.verify(waiting["id"], descriptor_code="SM0000")
    assert "9 verification attempts remaining" in answer.error["message"]


async def test_a_wrong_number_of_amounts_costs_no_attempt(sandbox: Sandbox):
    await sandbox.control("settings", {"microdeposit_type": "amounts"})
    waiting = await sandbox.setup(await sandbox.customer())
    answer = await sandbox.verify(waiting["id"], amounts=[32])
    assert answer.error["code"] == f"{PREFIX}amounts_invalid"
    assert "2 verification attempts remaining" in (await sandbox.verify(waiting["id"], amounts=[1, 2])).error["message"]


async def test_ten_days_without_a_code_end_it(sandbox: Sandbox):
    waiting = await sandbox.setup(await sandbox.customer())
    await sandbox.control("clock", {"advance_hours": 239})
    assert (await sandbox.retrieve(waiting["id"]))["status"] == "requires_action"
    await sandbox.control("clock", {"advance_hours": 1})
    over = await sandbox.retrieve(waiting["id"])
    assert (over["status"], over["last_setup_error"]["code"]) == ("requires_payment_method", f"{PREFIX}timeout")
    failed = (await sandbox.events(about=waiting["id"]))[-1]
    assert (failed["type"], failed["created"]) == ("setup_intent.setup_failed", waiting["created"] + 10 * 86400)
    assert failed["request"] == {"id": None, "idempotency_key": None}


async def test_deposits_that_cannot_be_sent(sandbox: Sandbox):
    answer = await sandbox.setup(await sandbox.customer(), "pm_usBankAccount_failMicrodeposits")
    assert (answer.status, answer.error["code"]) == (400, "payment_method_microdeposit_failed")
    assert answer.error["setup_intent"]["status"] == "requires_payment_method"
    assert (await sandbox.event_types())[-1] == "setup_intent.setup_failed"


async def test_verifying_what_does_not_wait(sandbox: Sandbox):
    customer = await sandbox.customer()
    waiting = await sandbox.setup(customer)
    await sandbox.verify(waiting["id"], descriptor_code="SM11AA")
    again = await sandbox.verify(waiting["id"], descriptor_code="SM11AA")
    assert again.error["code"] == "payment_method_bank_account_already_verified"
    fresh = await sandbox.post("/v1/setup_intents", {"payment_method_types": ["us_bank_account"]})
    assert (await sandbox.verify(fresh["id"], descriptor_code="SM11AA")).error["code"] == "intent_invalid_state"


async def test_a_verified_account_needs_no_second_deposit(sandbox: Sandbox):
    customer = await sandbox.customer()
    method = await sandbox.bank_account(customer)
    assert (await sandbox.setup(customer, method))["status"] == "succeeded"


async def test_an_unverified_account_cannot_be_attached(sandbox: Sandbox):
    customer = await sandbox.customer()
    answer = await sandbox.post("/v1/payment_methods/pm_usBankAccount_success/attach", {"customer": customer})
    assert (answer.status, answer.error["code"]) == (400, "bank_account_unverified")


async def test_an_account_by_number(sandbox: Sandbox):
    account = {"account_number": "000123456789", "routing_number": "110000000", "account_holder_type": "company"}
    params = {"type": "us_bank_account", "us_bank_account": account, "billing_details": {"name": "Rocket Rides"}}
    made = await sandbox.post("/v1/payment_methods", params)
    assert made["us_bank_account"]["account_holder_type"] == "company"
    assert "account_number" not in made["us_bank_account"]
    customer = await sandbox.customer()
    waiting = await sandbox.setup(customer, made["id"])
    assert (await sandbox.verify(waiting["id"], descriptor_code="sm11aa"))["status"] == "succeeded"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"routing_number": "110000001"}, "routing_number_invalid"),
        ({"routing_number": "11000000"}, "routing_number_invalid"),
        ({"account_number": "12"}, "account_number_invalid"),
        ({"account_number": "12ab5678"}, "account_number_invalid"),
    ],
)
async def test_impossible_accounts_are_refused(sandbox: Sandbox, changes, code):
    account = {"account_number": "000123456789", "routing_number": "110000000"} | changes
    params = {"type": "us_bank_account", "us_bank_account": account, "billing_details": {"name": "Jenny"}}
    assert (await sandbox.post("/v1/payment_methods", params)).error["code"] == code


async def test_the_holders_name_is_required(sandbox: Sandbox):
    account = {"account_number": "000123456789", "routing_number": "110000000"}
    answer = await sandbox.post("/v1/payment_methods", {"type": "us_bank_account", "us_bank_account": account})
    assert answer.error["param"] == "billing_details[name]"


async def test_a_canceled_setup_ends_its_mandate(sandbox: Sandbox):
    waiting = await sandbox.setup(await sandbox.customer())
    canceled = await sandbox.post(f"/v1/setup_intents/{waiting['id']}/cancel", {"cancellation_reason": "abandoned"})
    assert (canceled["status"], canceled["cancellation_reason"]) == ("canceled", "abandoned")
    assert (await sandbox.get(f"/v1/mandates/{waiting['mandate']}"))["status"] == "inactive"
    again = await sandbox.post(f"/v1/setup_intents/{waiting['id']}/cancel")
    assert again.error["code"] == "setup_intent_unexpected_state"
    await sandbox.control("clock", {"advance_hours": 300})
    assert (await sandbox.retrieve(waiting["id"]))["status"] == "canceled"


async def test_another_method_ends_the_wait_for_the_first(sandbox: Sandbox):
    waiting = await sandbox.setup(await sandbox.customer())
    changed = await sandbox.post(
        f"/v1/setup_intents/{waiting['id']}", {"payment_method": "pm_usBankAccount_insufficientFunds"}
    )
    assert (changed["status"], changed["next_action"]) == ("requires_confirmation", None)
    assert (await sandbox.get(f"/v1/mandates/{waiting['mandate']}"))["status"] == "inactive"
    await sandbox.control("clock", {"advance_hours": 300})
    assert (await sandbox.retrieve(waiting["id"]))["status"] == "requires_confirmation"


async def test_a_second_confirm_begins_anew(sandbox: Sandbox):
    waiting = await sandbox.setup(await sandbox.customer())
    await sandbox.verify(waiting["id"], descriptor_code="SM0000")
    await sandbox.control("clock", {"advance_hours": 200})
    again = await sandbox.post(f"/v1/setup_intents/{waiting['id']}/confirm", {"mandate_data": ACCEPTANCE})
    assert again["status"] == "requires_action"
    assert again["mandate"] != waiting["mandate"]
    await sandbox.control("clock", {"advance_hours": 200})
    answer = await sandbox.verify(waiting["id"], descriptor_code="SM0000")
    assert "9 verification attempts" in answer.error["message"]
    attempts = (await sandbox.get("/v1/setup_attempts", setup_intent=waiting["id"]))["data"]
    assert [attempt["status"] for attempt in attempts] == ["requires_action", "abandoned"]


async def test_a_canceled_payment_ends_the_wait_for_its_deposits(sandbox: Sandbox):
    created = await sandbox.intent(await sandbox.customer())
    url = f"/v1/payment_intents/{created['id']}"
    await sandbox.post(f"{url}/confirm", {"payment_method": "pm_usBankAccount_success", "mandate_data": ACCEPTANCE})
    await sandbox.post(f"{url}/cancel")
    assert (await sandbox.counts())["mandate"] == {"total": 1, "inactive": 1}
    await sandbox.control("clock", {"advance_hours": 300})
    assert (await sandbox.retrieve(created["id"]))["status"] == "canceled"


async def test_the_statement_page_shows_and_takes_the_code(sandbox: Sandbox, client):
    waiting = await sandbox.setup(await sandbox.customer())
    page = waiting["next_action"]["verify_with_microdeposits"]["hosted_verification_url"]
    assert "SM11AA" in (await client.get(page)).text
    wrong = await client.post(page, data={"descriptor_code": "SM0000"})
    assert (wrong.status_code, "9 verification attempts" in wrong.text) == (400, True)
    assert (await client.post(page, data={"descriptor_code": "SM11AA"})).status_code == 200
    assert (await sandbox.retrieve(waiting["id"]))["status"] == "succeeded"


async def test_a_payment_can_verify_its_account_first(sandbox: Sandbox):
    customer = await sandbox.customer()
    created = await sandbox.intent(customer, setup_future_usage="off_session")
    waiting = await sandbox.post(
        f"/v1/payment_intents/{created['id']}/confirm",
        {"payment_method": "pm_usBankAccount_success", "mandate_data": ACCEPTANCE},
    )
    assert waiting["next_action"]["type"] == "verify_with_microdeposits"
    mismatch = await sandbox.verify(created["id"], descriptor_code="SM0000")
    assert mismatch.error["payment_intent"]["status"] == "requires_action"
    verified = await sandbox.verify(created["id"], descriptor_code="SM11AA")
    assert verified["status"] == "processing"
    assert (await sandbox.get(f"/v1/payment_methods/{verified['payment_method']}"))["customer"] == customer
    await sandbox.days(4)
    assert (await sandbox.retrieve(created["id"]))["status"] == "succeeded"


async def test_an_unverified_payment_expires_after_ten_days(sandbox: Sandbox):
    created = await sandbox.intent(await sandbox.customer())
    await sandbox.post(
        f"/v1/payment_intents/{created['id']}/confirm",
        {"payment_method": "pm_usBankAccount_success", "mandate_data": ACCEPTANCE},
    )
    await sandbox.control("clock", {"advance_hours": 240})
    over = await sandbox.retrieve(created["id"])
    assert (over["status"], over["last_payment_error"]["code"]) == ("requires_payment_method", f"{PREFIX}timeout")
