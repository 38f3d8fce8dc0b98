"""Cards: test tokens and numbers, declines, 3-D Secure, one intent confirmed again."""

import pytest
from sandbox_client import Sandbox

DECLINES = {
    "pm_card_visa_chargeDeclined": ("card_declined", "generic_decline"),
    "pm_card_visa_chargeDeclinedInsufficientFunds": ("card_declined", "insufficient_funds"),
    "pm_card_visa_chargeDeclinedLostCard": ("card_declined", "lost_card"),
    "pm_card_visa_chargeDeclinedStolenCard": ("card_declined", "stolen_card"),
    "pm_card_chargeDeclinedExpiredCard": ("expired_card", "expired_card"),
    "pm_card_chargeDeclinedIncorrectCvc": ("incorrect_cvc", "incorrect_cvc"),
    "pm_card_chargeDeclinedProcessingError": ("processing_error", "processing_error"),
    "pm_card_radarBlock": ("card_declined", "fraudulent"),
}


@pytest.mark.parametrize("token", DECLINES)
async def test_a_declined_card_fails_to_attach(sandbox: Sandbox, token: str):
    customer = await sandbox.customer()
    answer = await sandbox.post(f"/v1/payment_methods/{token}/attach", {"customer": customer})
    assert answer.status == 402
    assert (answer.error["code"], answer.error["decline_code"]) == DECLINES[token]
    assert answer.error["type"] == "card_error"
    listed = await sandbox.get("/v1/payment_methods", customer=customer)
    assert listed["data"] == []


@pytest.mark.parametrize("token", DECLINES)
async def test_a_decline_keeps_its_charge_and_its_intent(sandbox: Sandbox, token: str):
    customer = await sandbox.customer()
    created = await sandbox.intent(customer)
    answer = await sandbox.post(
        f"/v1/payment_intents/{created['id']}/confirm", {"payment_method": token, "off_session": True}
    )
    assert answer.status == 402
    assert (answer.error["code"], answer.error["decline_code"]) == DECLINES[token]
    intent = await sandbox.retrieve(created["id"], "latest_charge")
    assert answer.error["payment_intent"]["id"] == intent["id"]
    assert intent["status"] == "requires_payment_method"
    assert intent["payment_method"] is None
    assert intent["last_payment_error"]["decline_code"] == DECLINES[token][1]
    assert intent["last_payment_error"]["charge"] == intent["latest_charge"]["id"] == answer.error["charge"]
    charge = intent["latest_charge"]
    assert (charge["status"], charge["paid"], charge["failure_code"]) == ("failed", False, DECLINES[token][0])
    assert charge["outcome"]["advice_code"] == answer.error.get("advice_code")
    about = [*await sandbox.event_types(about=charge["id"]), *await sandbox.event_types(about=intent["id"])]
    assert about == ["charge.failed", "payment_intent.created", "payment_intent.payment_failed"]


async def test_the_same_intent_pays_with_another_card_after_a_decline(sandbox: Sandbox):
    customer = await sandbox.customer()
    failing = await sandbox.card(customer, "pm_card_chargeCustomerFail")
    paying = await sandbox.card(customer)
    declined = await sandbox.intent(customer, failing)
    assert declined.status == 402
    intent = declined.error["payment_intent"]["id"]
    paid = await sandbox.post(f"/v1/payment_intents/{intent}/confirm", {"payment_method": paying, "off_session": True})
    assert (paid.status, paid["status"], paid["amount_received"]) == (200, "succeeded", 2500)
    assert paid["last_payment_error"] is None
    assert (await sandbox.counts())["charge"] == {"total": 2, "failed": 1, "succeeded": 1}


@pytest.mark.parametrize("status", ["succeeded", "canceled"])
async def test_what_is_over_cannot_be_confirmed_and_the_error_holds_the_intent(sandbox: Sandbox, status: str):
    customer = await sandbox.customer()
    card = await sandbox.card(customer)
    intent = await sandbox.intent(customer, card if status == "succeeded" else None)
    if status == "canceled":
        await sandbox.post(f"/v1/payment_intents/{intent['id']}/cancel")
    answer = await sandbox.post(f"/v1/payment_intents/{intent['id']}/confirm", {"payment_method": card})
    assert (answer.status, answer.error["code"]) == (400, "payment_intent_unexpected_state")
    assert answer.error["payment_intent"]["status"] == status
    assert (await sandbox.counts()).get("charge", {}).get("total", 0) == (1 if status == "succeeded" else 0)


async def test_a_card_that_wants_authentication_declines_off_session(sandbox: Sandbox):
    customer = await sandbox.customer()
    card = await sandbox.card(customer, "pm_card_authenticationRequired")
    answer = await sandbox.intent(customer, card)
    assert (answer.status, answer.error["code"]) == (402, "authentication_required")
    assert answer.error["decline_code"] == "authentication_required"
    assert answer.error["payment_intent"]["status"] == "requires_payment_method"


@pytest.mark.parametrize(
    ("outcome", "status", "redirect_status"),
    [("succeed", "succeeded", "succeeded"), ("fail", "requires_payment_method", "failed")],
)
async def test_on_session_the_customer_authenticates_on_a_page(sandbox, client, outcome, status, redirect_status):
    customer = await sandbox.customer()
    card = await sandbox.card(customer, "pm_card_authenticationRequired")
    created = await sandbox.intent(customer)
    back = "http://127.0.0.1:1/done?from=pay"
    waiting = await sandbox.post(
        f"/v1/payment_intents/{created['id']}/confirm", {"payment_method": card, "return_url": back}
    )
    assert waiting["status"] == "requires_action"
    page = waiting["next_action"]["redirect_to_url"]["url"]
    assert "Complete authentication" in (await client.get(page)).text
    answer = await client.post(page, data={"outcome": outcome})
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"{back}&payment_intent={created['id']}&")
    assert answer.headers["location"].endswith(f"redirect_status={redirect_status}")
    intent = await sandbox.retrieve(created["id"])
    assert intent["status"] == status
    again = await client.post(page, data={"outcome": outcome})
    assert again.status_code == 400
    assert (await sandbox.counts()).get("charge", {}).get("total", 0) == (1 if outcome == "succeed" else 0)


async def test_authentication_by_control_route_can_end_in_a_decline(sandbox: Sandbox):
    customer = await sandbox.customer()
    created = await sandbox.intent(customer)
    token = "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds"
    await sandbox.post(f"/v1/payment_intents/{created['id']}/confirm", {"payment_method": token})
    answer = await sandbox.control(f"payment_intents/{created['id']}/authenticate", {"outcome": "succeed"})
    assert answer.status == 200
    assert answer["last_payment_error"]["decline_code"] == "insufficient_funds"
    assert answer["status"] == "requires_payment_method"


async def test_a_card_set_up_with_authentication_pays_off_session(sandbox: Sandbox):
    customer = await sandbox.customer()
    waiting = await sandbox.post(
        "/v1/setup_intents",
        {
            "customer": customer,
            "payment_method_types": ["card"],
            "payment_method": "pm_card_authenticationRequiredOnSetup",
            "confirm": True,
        },
    )
    assert waiting["status"] == "requires_action"
    done = await sandbox.control(f"setup_intents/{waiting['id']}/authenticate", {"outcome": "succeed"})
    assert done["status"] == "succeeded"
    paid = await sandbox.intent(customer, done["payment_method"])
    assert paid["status"] == "succeeded"
    attempts = await sandbox.get("/v1/setup_attempts", setup_intent=waiting["id"])
    assert [attempt["status"] for attempt in attempts["data"]] == ["succeeded"]


async def test_numbers_behave_like_their_tokens(sandbox: Sandbox):
    customer = await sandbox.customer()
    card = {"number": "4000 0000 0000 0341", "exp_month": 12, "exp_year": 2031, "cvc": "123"}
    made = await sandbox.post("/v1/payment_methods", {"type": "card", "card": card})
    assert (made["card"]["brand"], made["card"]["last4"]) == ("visa", "0341")
    attached = await sandbox.post(f"/v1/payment_methods/{made['id']}/attach", {"customer": customer})
    assert attached["customer"] == customer
    assert (await sandbox.intent(customer, made["id"])).error["decline_code"] == "generic_decline"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"number": "4242424242424241"}, "incorrect_number"),
        ({"exp_year": 2020}, "invalid_expiry_year"),
        ({"exp_month": 13}, "parameter_invalid_integer"),
    ],
)
async def test_impossible_cards_are_refused(sandbox: Sandbox, changes, code):
    card = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2031, "cvc": "123"} | changes
    answer = await sandbox.post("/v1/payment_methods", {"type": "card", "card": card})
    assert answer.error["code"] == code


async def test_each_use_of_a_token_makes_a_fresh_payment_method(sandbox: Sandbox):
    customer = await sandbox.customer()
    first, second = await sandbox.card(customer), await sandbox.card(customer)
    assert first != second
    both = [(await sandbox.get(f"/v1/payment_methods/{one}"))["card"]["fingerprint"] for one in (first, second)]
    assert both[0] == both[1]


async def test_a_detached_card_cannot_be_used_again(sandbox: Sandbox):
    customer = await sandbox.customer()
    card = await sandbox.card(customer)
    assert (await sandbox.post(f"/v1/payment_methods/{card}/detach"))["customer"] is None
    assert (await sandbox.post(f"/v1/payment_methods/{card}/detach")).status == 400
    assert (await sandbox.intent(customer, card)).error["code"] == "payment_method_unexpected_state"
    again = await sandbox.post(f"/v1/payment_methods/{card}/attach", {"customer": customer})
    assert again.status == 400


async def test_a_foreign_card_is_refused(sandbox: Sandbox):
    card = await sandbox.card(await sandbox.customer())
    answer = await sandbox.intent(await sandbox.customer(), card)
    assert (answer.status, answer.error["param"]) == (400, "payment_method")
    assert "does not belong to the Customer" in answer.error["message"]


@pytest.mark.parametrize("kind", ["payment_intents", "setup_intents"])
async def test_methods_that_stripe_chooses_need_a_return_url(sandbox: Sandbox, kind):
    amount = {"amount": 2500, "currency": "usd"} if kind == "payment_intents" else {}
    created = await sandbox.post(f"/v1/{kind}", amount)
    assert created["automatic_payment_methods"] == {"enabled": True, "allow_redirects": "always"}
    url = f"/v1/{kind}/{created['id']}/confirm"
    answer = await sandbox.post(url, {"payment_method": "pm_card_visa"})
    assert (answer.status, "return_url" in answer.error["message"]) == (400, True)
    params = {"payment_method": "pm_card_visa", "return_url": "https://example.com"}
    assert (await sandbox.post(url, params))["status"] == "succeeded"


async def test_a_method_of_another_type_is_refused(sandbox: Sandbox):
    customer = await sandbox.customer()
    answer = await sandbox.intent(customer, await sandbox.card(customer), payment_method_types=["us_bank_account"])
    assert answer.error["code"] == "payment_intent_incompatible_payment_method"


async def test_an_intent_takes_and_changes_its_method_before_it_is_confirmed(sandbox: Sandbox):
    customer = await sandbox.customer()
    first, second = await sandbox.card(customer), await sandbox.card(customer, "pm_card_mastercard")
    created = await sandbox.intent(customer)
    url = f"/v1/payment_intents/{created['id']}"
    held = await sandbox.post(url, {"payment_method": first, "amount": 3000, "description": "x"})
    assert (held["status"], held["payment_method"], held["amount"]) == ("requires_confirmation", first, 3000)
    held = await sandbox.post(url, {"payment_method": second, "description": ""})
    assert (held["payment_method"], held["description"]) == (second, None)
    assert (await sandbox.post(f"{url}/confirm", {"off_session": True}))["status"] == "succeeded"
    late = await sandbox.post(url, {"amount": 5000})
    assert late.error["code"] == "payment_intent_unexpected_state"
    assert (await sandbox.post(url, {"metadata": {"late": "yes"}}))["metadata"] == {"late": "yes"}


async def test_a_confirm_without_a_method_says_so(sandbox: Sandbox):
    created = await sandbox.intent(await sandbox.customer())
    answer = await sandbox.post(f"/v1/payment_intents/{created['id']}/confirm")
    assert answer.status == 400
    assert "missing a payment method" in answer.error["message"]
    assert answer.error["payment_intent"]["status"] == "requires_payment_method"


async def test_manual_capture(sandbox: Sandbox):
    customer = await sandbox.customer()
    card = await sandbox.card(customer)
    held = await sandbox.intent(customer, card, capture_method="manual")
    assert (held["status"], held["amount_capturable"]) == ("requires_capture", 2500)
    taken = await sandbox.post(f"/v1/payment_intents/{held['id']}/capture", {"amount_to_capture": 2000})
    assert (taken["status"], taken["amount_received"], taken["amount_capturable"]) == ("succeeded", 2000, 0)
    again = await sandbox.post(f"/v1/payment_intents/{held['id']}/capture")
    assert again.error["code"] == "payment_intent_unexpected_state"


async def test_a_confirm_limit_cancels_the_intent(sandbox: Sandbox):
    await sandbox.control("settings", {"confirm_limit": 2})
    customer = await sandbox.customer()
    card = await sandbox.card(customer, "pm_card_chargeCustomerFail")
    created = await sandbox.intent(customer)
    url = f"/v1/payment_intents/{created['id']}/confirm"
    statuses = [(await sandbox.post(url, {"payment_method": card})).status for _ in range(3)]
    assert statuses == [402, 402, 400]
    assert (await sandbox.retrieve(created["id"]))["status"] == "canceled"
