"""Payment intents: https://docs.stripe.com/api/payment_intents."""

from sandbox.stripe import bank_debits, charges, intents, lists, microdeposits, payment_confirm, payment_methods
from sandbox.stripe import payment_parameters as accepted
from sandbox.stripe.errors import invalid, refused
from sandbox.stripe.payment_confirm import OPEN, apply, choose
from sandbox.stripe.storage import Object
from sandbox.stripe.world import Call, Route

SMALLEST, LARGEST = 50, 99_999_999
_WHEN_CONFIRMED = ("mandate", "mandate_data", "off_session", "error_on_requires_action", "return_url")


def create(call: Call) -> Object:
    """POST /v1/payment_intents, confirmed at once with ``confirm=true``."""
    world, params = call.world, call.params
    intents.only_when_confirmed(params, _WHEN_CONFIRMED)
    types, automatic = intents.method_types(params)
    members: Object = {
        "amount": _amount(params["amount"]),
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": automatic,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": params.get("capture_method", "automatic_async"),
        "client_secret": None,
        "confirmation_method": params.get("confirmation_method", "automatic"),
        "currency": _currency(params["currency"]),
        "customer": None,
        "customer_account": None,
        "description": None,
        "excluded_payment_method_types": None,
        "last_payment_error": None,
        "latest_charge": None,
        "managed_payments": None,
        "metadata": {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {},
        "payment_method_types": types,
        "processing": None,
        "receipt_email": None,
        "review": None,
        "setup_future_usage": None,
        "shipping": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": None,
    }
    if "customer" in params:
        members["customer"] = payment_methods.living_customer(world, params["customer"])["id"]
    intent = world.add("payment_intent", members, hidden={"confirms": 0})
    intent["client_secret"] = intents.secret(intent)
    apply(intent, params)
    choose(world, intent, params)
    world.save(intent)
    world.emit("payment_intent.created", intent)
    if params.get("confirm"):
        payment_confirm.confirm(world, intent, params, base_url=call.base_url)
    return intent


def retrieve(call: Call) -> Object:
    """GET /v1/payment_intents/{intent}."""
    intent = call.world.get("payment_intent", call.id, param="intent")
    intents.check_secret(intent, call.params)
    return intent


def update(call: Call) -> Object:
    """POST /v1/payment_intents/{intent}: while nothing was paid yet."""
    world, params = call.world, call.params
    intent = world.get("payment_intent", call.id, param="intent")
    if intent["status"] not in OPEN and set(params) - {"metadata", "description", "receipt_email", "expand"}:
        raise intents.wrong_state(
            intent,
            f"This PaymentIntent could not be updated because it has a status of {intent['status']}. You may only "
            "update a PaymentIntent with one of the following statuses: requires_payment_method, "
            "requires_confirmation, requires_action.",
        )
    if "amount" in params:
        intent["amount"] = _amount(params["amount"])
    if "currency" in params:
        intent["currency"] = _currency(params["currency"])
    if "customer" in params:
        intent["customer"] = payment_methods.living_customer(world, params["customer"])["id"]
    if "payment_method_types" in params:
        intent["payment_method_types"] = intents.check_types(params["payment_method_types"])
        intent["automatic_payment_methods"] = None
    intent["capture_method"] = params.get("capture_method", intent["capture_method"])
    apply(intent, params)
    choose(world, intent, params)
    return world.save(intent)


def confirm(call: Call) -> Object:
    """POST /v1/payment_intents/{intent}/confirm."""
    intent = call.world.get("payment_intent", call.id, param="intent")
    intents.check_secret(intent, call.params)
    payment_confirm.confirm(call.world, intent, call.params, base_url=call.base_url)
    return intent


def cancel(call: Call) -> Object:
    """POST /v1/payment_intents/{intent}/cancel; from processing only while a debit was not sent yet."""
    world = call.world
    intent = world.get("payment_intent", call.id, param="intent")
    stoppable = bank_debits.can_cancel(world, intent)
    if intent["status"] not in {*OPEN, "requires_capture"} and not stoppable:
        raise intents.wrong_state(
            intent,
            f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}. Only a PaymentIntent "
            "with one of the following statuses may be canceled: requires_payment_method, requires_capture, "
            "requires_confirmation, requires_action, processing.",
        )
    if stoppable:
        bank_debits.stop(world, intent)
    payment_confirm.end(world, intent, reason=call.params.get("cancellation_reason"))
    return intent


def capture(call: Call) -> Object:
    """POST /v1/payment_intents/{intent}/capture."""
    world, params = call.world, call.params
    intent = world.get("payment_intent", call.id, param="intent")
    if intent["status"] != "requires_capture":
        raise intents.wrong_state(
            intent,
            f"This PaymentIntent could not be captured because it has a status of {intent['status']}. Only a "
            "PaymentIntent with one of the following statuses may be captured: requires_capture.",
        )
    amount = params.get("amount_to_capture", intent["amount_capturable"])
    if amount > intent["amount_capturable"]:
        message = f"The amount to capture exceeds what was authorized: {intent['amount_capturable']}."
        raise refused(message, code="amount_too_large", param="amount_to_capture")
    charge = world.get("charge", intent["latest_charge"])
    charges.collect(world, charge, amount)
    world.save(charge)
    world.emit("charge.captured", charge)
    intent |= {"status": "succeeded", "amount_received": amount, "amount_capturable": 0}
    apply(intent, {name: value for name, value in params.items() if name in {"metadata", "statement_descriptor"}})
    world.save(intent)
    world.emit("payment_intent.succeeded", intent)
    return intent


def verify(call: Call) -> Object:
    """POST /v1/payment_intents/{intent}/verify_microdeposits."""
    intent = call.world.get("payment_intent", call.id, param="intent")
    intents.check_secret(intent, call.params)
    microdeposits.verify(call.world, intent, call.params, bank_debits.MICRODEPOSITS)
    return intent


def index(call: Call) -> Object:
    """GET /v1/payment_intents."""
    return lists.page(call, "payment_intent", url="/v1/payment_intents", filters=("customer",))


def _amount(amount: int) -> int:
    if amount < SMALLEST:
        raise invalid("Amount must be at least $0.50 usd", param="amount", code="amount_too_small")
    if amount > LARGEST:
        raise invalid("Amount must be no more than $999,999.99", param="amount", code="amount_too_large")
    return amount


def _currency(currency: str) -> str:
    if currency.lower() != "usd":
        raise invalid(f"Invalid currency: {currency.lower()}. The sandbox supports usd.", param="currency")
    return "usd"


ROUTES = [
    Route("POST", "/v1/payment_intents", create, accepted.CREATE, ("amount", "currency")),
    Route("GET", "/v1/payment_intents", index, accepted.LIST),
    Route("GET", "/v1/payment_intents/{intent}", retrieve, accepted.RETRIEVE),
    Route("POST", "/v1/payment_intents/{intent}", update, accepted.UPDATE),
    Route("POST", "/v1/payment_intents/{intent}/confirm", confirm, accepted.CONFIRM),
    Route("POST", "/v1/payment_intents/{intent}/cancel", cancel, accepted.CANCEL),
    Route("POST", "/v1/payment_intents/{intent}/capture", capture, accepted.CAPTURE),
    Route("POST", "/v1/payment_intents/{intent}/verify_microdeposits", verify, accepted.VERIFY),
]
