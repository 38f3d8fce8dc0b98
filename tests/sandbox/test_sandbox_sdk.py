"""Stripe's own SDK drives every route, with its own types and its own errors."""

import pytest
import stripe
from sandbox_client import ACCEPTANCE, Sandbox

from sandbox.stripe.router import ROUTES, Router

# The SDK hands its bodies to httpx in a way that httpx has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>'.*:DeprecationWarning")
CARD = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2031, "cvc": "123"}
BANK = {"account_number": "000123456789", "routing_number": "110000000", "account_holder_type": "individual"}


async def test_customers(sdk: stripe.StripeClient):
    v1 = sdk.v1
    made = await v1.customers.create_async(
        {
            "name": "Jenny Rosen",
            "email": "jenny@example.com",
            "phone": "+15555550100",
            "description": "x",
            "address": {"line1": "1 Main St", "city": "Albany", "state": "NY", "postal_code": "12207", "country": "US"},
            "shipping": {"name": "Jenny", "address": {"line1": "1 Main St"}},
            "preferred_locales": ["en"],
            "tax_exempt": "none",
            "metadata": {"account": "MA1"},
            "payment_method": "pm_card_visa",
        }
    )
    assert made.address is not None
    assert made.address.state == "NY"
    found = await v1.customers.retrieve_async(made.id)
    assert found.metadata["account"] == "MA1"
    changed = await v1.customers.update_async(made.id, {"name": "J"})
    assert changed.name == "J"
    assert [one.id for one in (await v1.customers.list_async({"email": "jenny@example.com"})).data] == [made.id]
    (method,) = (await v1.customers.payment_methods.list_async(made.id)).data
    assert (await v1.customers.payment_methods.retrieve_async(made.id, method.id)).id == method.id
    assert (await v1.customers.delete_async(made.id)).deleted is True


async def test_payment_methods(sdk: stripe.StripeClient):
    v1 = sdk.v1
    customer = await v1.customers.create_async({})
    made = await v1.payment_methods.create_async(
        {"type": "card", "card": CARD, "billing_details": {"name": "Jenny", "address": {"country": "US"}}}
    )
    await v1.payment_methods.attach_async(made.id, {"customer": customer.id})
    changed = await v1.payment_methods.update_async(
        made.id, {"card": {"exp_month": 1, "exp_year": 2032}, "metadata": {"a": "b"}, "allow_redisplay": "always"}
    )
    assert changed.card is not None
    assert (changed.card.exp_month, changed.card.exp_year, changed.allow_redisplay) == (1, 2032, "always")
    assert (await v1.payment_methods.retrieve_async(made.id)).customer == customer.id
    assert len((await v1.payment_methods.list_async({"customer": customer.id, "type": "card"})).data) == 1
    assert (await v1.payment_methods.detach_async(made.id)).customer is None


async def test_setup_intents(sdk: stripe.StripeClient):
    v1 = sdk.v1
    customer = await v1.customers.create_async({})
    made = await v1.setup_intents.create_async(
        {
            "customer": customer.id,
            "payment_method_types": ["us_bank_account"],
            "usage": "off_session",
            "description": "d",
            "metadata": {"a": "b"},
        }
    )
    await v1.setup_intents.update_async(made.id, {"description": "e"})
    waiting = await v1.setup_intents.confirm_async(
        made.id,
        {
            "payment_method_data": {
                "type": "us_bank_account",
                "us_bank_account": BANK,
                "billing_details": {"name": "Jenny"},
            },
            "payment_method_options": {"us_bank_account": {"verification_method": "microdeposits"}},
            "mandate_data": ACCEPTANCE,
        },
    )
    assert waiting.next_action is not None
    assert waiting.next_action.verify_with_microdeposits is not None
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await v1.setup_intents.verify_microdeposits_async(made.id, {"descriptor_code": "SM0000"})
    assert caught.value.code == "payment_method_microdeposit_verification_descriptor_code_mismatch"
    done = await v1.setup_intents.verify_microdeposits_async(made.id, {"descriptor_code": "SM11AA"})
    assert done.status == "succeeded"
    assert isinstance(done.mandate, str)
    assert (await v1.mandates.retrieve_async(done.mandate)).status == "active"
    assert (await v1.setup_intents.retrieve_async(made.id)).status == "succeeded"
    assert len((await v1.setup_intents.list_async({"customer": customer.id})).data) == 1
    assert len((await v1.setup_attempts.list_async({"setup_intent": made.id})).data) == 1
    other = await v1.setup_intents.create_async({"customer": customer.id})
    assert (await v1.setup_intents.cancel_async(other.id)).status == "canceled"


async def test_payment_intents_and_charges(sdk: stripe.StripeClient):
    v1 = sdk.v1
    customer = await v1.customers.create_async({})
    card = await v1.payment_methods.attach_async("pm_card_visa", {"customer": customer.id})
    made = await v1.payment_intents.create_async(
        {
            "amount": 2500,
            "currency": "usd",
            "customer": customer.id,
            "payment_method_types": ["card", "us_bank_account"],
            "metadata": {"account": "MA1", "recharge": "rchg_1"},
            "statement_descriptor_suffix": "PREPAY",
            "payment_method_options": {"us_bank_account": {"transaction_purpose": "services"}},
        },
        {"idempotency_key": "rchg_1"},
    )
    await v1.payment_intents.update_async(made.id, {"amount": 3000, "metadata": {"x": "y"}})
    paid = await v1.payment_intents.confirm_async(
        made.id, {"payment_method": card.id, "off_session": True, "expand": ["latest_charge"]}
    )
    charge = paid.latest_charge
    assert isinstance(charge, stripe.Charge)
    assert (charge.amount, charge.status, charge.metadata["recharge"]) == (3000, "succeeded", "rchg_1")
    assert (await v1.payment_intents.retrieve_async(made.id)).status == "succeeded"
    assert (await v1.charges.retrieve_async(charge.id)).payment_intent == made.id
    assert len((await v1.charges.list_async({"payment_intent": made.id})).data) == 1
    assert (await v1.charges.update_async(charge.id, {"description": "d"})).description == "d"
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await v1.payment_intents.confirm_async(made.id)
    assert caught.value.code == "payment_intent_unexpected_state"
    assert caught.value.error is not None
    assert caught.value.error.payment_intent.status == "succeeded"
    assert [one.id for one in (await v1.payment_intents.list_async({"customer": customer.id})).data] == [made.id]
    other = await v1.payment_intents.create_async({"amount": 2500, "currency": "usd", "capture_method": "manual"})
    assert (await v1.payment_intents.cancel_async(other.id, {"cancellation_reason": "abandoned"})).status == "canceled"
    held = await v1.payment_intents.create_async(
        {
            "amount": 2500,
            "currency": "usd",
            "payment_method": "pm_card_visa",
            "confirm": True,
            "capture_method": "manual",
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        }
    )
    assert (await v1.payment_intents.capture_async(held.id)).status == "succeeded"
    bank = await v1.payment_intents.create_async(
        {
            "amount": 2500,
            "currency": "usd",
            "customer": customer.id,
            "payment_method_types": ["us_bank_account"],
            "payment_method": "pm_usBankAccount_success",
            "mandate_data": ACCEPTANCE,
            "confirm": True,
        }
    )
    verified = await v1.payment_intents.verify_microdeposits_async(bank.id, {"descriptor_code": "SM11AA"})
    assert verified.status == "processing"


async def test_declines_are_card_errors(sdk: stripe.StripeClient):
    v1 = sdk.v1
    with pytest.raises(stripe.CardError) as caught:
        await v1.payment_intents.create_async(
            {
                "amount": 2500,
                "currency": "usd",
                "payment_method_types": ["card"],
                "payment_method": "pm_card_visa_chargeDeclinedInsufficientFunds",
                "confirm": True,
            }
        )
    error = caught.value.error
    assert error is not None
    assert (error.code, error.decline_code, error.advice_code) == (
        "card_declined",
        "insufficient_funds",
        "try_again_later",
    )
    assert error.payment_intent.last_payment_error.payment_method.card.last4 == "9995"


async def test_money(sdk: stripe.StripeClient):
    v1 = sdk.v1
    paid = await v1.payment_intents.create_async(
        {
            "amount": 2500,
            "currency": "usd",
            "payment_method_types": ["card"],
            "payment_method": "pm_card_createDispute",
            "confirm": True,
        }
    )
    (dispute,) = (await v1.disputes.list_async({"payment_intent": paid.id})).data
    assert (await v1.disputes.retrieve_async(dispute.id)).status == "needs_response"
    await v1.disputes.update_async(dispute.id, {"metadata": {"a": "b"}, "evidence": {"customer_name": "J"}})
    assert (await v1.disputes.close_async(dispute.id)).status == "lost"
    other = await v1.payment_intents.create_async(
        {
            "amount": 2500,
            "currency": "usd",
            "payment_method_types": ["card"],
            "payment_method": "pm_card_visa",
            "confirm": True,
        }
    )
    refund = await v1.refunds.create_async({"payment_intent": other.id, "amount": 500, "reason": "duplicate"})
    assert (await v1.refunds.retrieve_async(refund.id)).status == "succeeded"
    assert (await v1.refunds.update_async(refund.id, {"metadata": {"a": "b"}})).metadata["a"] == "b"
    assert len((await v1.refunds.list_async({"payment_intent": other.id})).data) == 1
    with pytest.raises(stripe.InvalidRequestError):
        await v1.refunds.cancel_async(refund.id)
    money = (await v1.balance_transactions.list_async({"limit": 100})).data
    assert {one.type for one in money} >= {"charge", "refund", "adjustment"}
    assert (await v1.balance_transactions.retrieve_async(money[0].id)).id == money[0].id
    assert (await v1.balance.retrieve_async()).pending[0].currency == "usd"
    events = (await v1.events.list_async({"type": "refund.created"})).data
    assert (await v1.events.retrieve_async(events[0].id)).data.object["id"] == refund.id


async def test_webhook_endpoints_and_account(sdk: stripe.StripeClient):
    v1 = sdk.v1
    made = await v1.webhook_endpoints.create_async(
        {"url": "https://example.com/h", "enabled_events": ["charge.failed"], "api_version": "2026-10-28.endive"}
    )
    assert made.secret is not None
    assert made.secret.startswith("whsec_")
    assert (await v1.webhook_endpoints.update_async(made.id, {"disabled": True})).status == "disabled"
    assert (await v1.webhook_endpoints.retrieve_async(made.id)).api_version == "2026-10-28.endive"
    assert len((await v1.webhook_endpoints.list_async()).data) == 1
    assert (await v1.webhook_endpoints.delete_async(made.id)).deleted is True
    account = await v1.accounts.retrieve_current_async()
    assert account.id.startswith("acct_")


async def test_every_route_was_driven(sdk: stripe.StripeClient, monkeypatch):
    driven: set[str] = set()
    find = Router.find

    def noted(router, method, path):
        route, identifiers = find(router, method, path)
        driven.add(f"{route.method} {route.path}")
        return route, identifiers

    monkeypatch.setattr(Router, "find", noted)
    await test_customers(sdk)
    await test_payment_methods(sdk)
    await test_setup_intents(sdk)
    await test_payment_intents_and_charges(sdk)
    await test_money(sdk)
    await test_webhook_endpoints_and_account(sdk)
    assert driven == {f"{route.method} {route.path}" for route in ROUTES}


async def test_the_sdk_retries_into_one_effect(sandbox: Sandbox):
    transport = stripe.HTTPXClient()
    client = stripe.StripeClient(
        "sk_test_x", base_addresses={"api": sandbox.url}, http_client=transport, max_network_retries=2
    )
    await sandbox.fault(kind="drop_after", path="/v1/customers")
    made = await client.v1.customers.create_async({"name": "A"})
    assert made.name == "A"
    assert (await sandbox.counts())["customer"] == {"total": 1}
    await transport.close_async()
