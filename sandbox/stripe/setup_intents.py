"""Setup intents: https://docs.stripe.com/api/setup_intents."""

from typing import Any

from sandbox.stripe import intents, lists, merging, microdeposits, payment_methods, setup_confirm
from sandbox.stripe.parameters import Address, Boolean, Choice, Kind, ListOf, Refused, Schema, Text
from sandbox.stripe.payment_parameters import RETRIEVE, VERIFY
from sandbox.stripe.shapes import (
    AUTOMATIC,
    CLEARABLE_METHOD_TYPES,
    CREATED,
    EXPAND,
    MANDATE_DATA,
    METADATA,
    METHOD_TYPES,
    NOT_BILLING,
    NOT_CLIENT,
    NOT_CONNECT,
    PAGE,
    PAYMENT_METHOD_DATA,
    SETUP_OPTIONS,
    TEXT,
)
from sandbox.stripe.storage import Object
from sandbox.stripe.world import Call, Route, World

_OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")
_ALWAYS: dict[str, Kind] = {
    "allowed_payment_method_types": CLEARABLE_METHOD_TYPES,
    "payment_method": TEXT,
    "payment_method_data": PAYMENT_METHOD_DATA,
    "payment_method_options": SETUP_OPTIONS,
    **EXPAND,
}
_NAMED: dict[str, Kind] = {
    "attach_to_self": Boolean(),
    "customer": TEXT,
    "customer_account": NOT_CONNECT,
    "description": Text(1000, clearable=True),
    "excluded_payment_method_types": CLEARABLE_METHOD_TYPES,
    "flow_directions": ListOf(Choice(("inbound", "outbound"))),
    "metadata": METADATA,
    "payment_method_configuration": NOT_BILLING,
    "payment_method_types": METHOD_TYPES,
}
_WHEN_CONFIRMING: dict[str, Kind] = {
    "confirmation_token": NOT_CLIENT,
    "mandate_data": MANDATE_DATA,
    "return_url": Address(),
    "use_stripe_sdk": Boolean(),
}
_CREATE: Schema = {
    **_ALWAYS,
    **_NAMED,
    **_WHEN_CONFIRMING,
    "automatic_payment_methods": AUTOMATIC,
    "confirm": Boolean(),
    "on_behalf_of": NOT_CONNECT,
    "single_use": Refused("its mandates are for many uses"),
    "usage": Choice(("off_session", "on_session")),
}
_CANCEL: Schema = {"cancellation_reason": Choice(("abandoned", "duplicate", "requested_by_customer")), **EXPAND}


def create(call: Call) -> Object:
    """POST /v1/setup_intents, confirmed at once with ``confirm=true``."""
    world, params = call.world, call.params
    intents.only_when_confirmed(params, ("mandate_data", "return_url"))
    types, automatic = intents.method_types(params)
    members: Object = {
        "application": None,
        "automatic_payment_methods": automatic,
        "cancellation_reason": None,
        "client_secret": None,
        "customer": None,
        "customer_account": None,
        "description": None,
        "excluded_payment_method_types": None,
        "flow_directions": params.get("flow_directions"),
        "last_setup_error": None,
        "latest_attempt": None,
        "mandate": None,
        "metadata": {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {},
        "payment_method_types": types,
        "single_use_mandate": None,
        "status": "requires_payment_method",
        "usage": params.get("usage", "off_session"),
    }
    if "customer" in params:
        members["customer"] = payment_methods.living_customer(world, params["customer"])["id"]
    intent = world.add("setup_intent", members, hidden={})
    intent["client_secret"] = intents.secret(intent)
    _apply(world, intent, params)
    world.save(intent)
    world.emit("setup_intent.created", intent)
    if params.get("confirm"):
        setup_confirm.confirm(world, intent, params, base_url=call.base_url)
    return intent


def retrieve(call: Call) -> Object:
    """GET /v1/setup_intents/{intent}."""
    intent = call.world.get("setup_intent", call.id, param="intent")
    intents.check_secret(intent, call.params)
    return intent


def update(call: Call) -> Object:
    """POST /v1/setup_intents/{intent}."""
    world, params = call.world, call.params
    intent = world.get("setup_intent", call.id, param="intent")
    if intent["status"] not in _OPEN and set(params) - {"metadata", "description", "expand"}:
        message = f"This SetupIntent could not be updated because it has a status of {intent['status']}."
        raise intents.wrong_state(intent, message)
    if "customer" in params:
        intent["customer"] = payment_methods.living_customer(world, params["customer"])["id"]
    if "payment_method_types" in params:
        intent["payment_method_types"] = intents.check_types(params["payment_method_types"])
        intent["automatic_payment_methods"] = None
    _apply(world, intent, params)
    return world.save(intent)


def confirm(call: Call) -> Object:
    """POST /v1/setup_intents/{intent}/confirm."""
    intent = call.world.get("setup_intent", call.id, param="intent")
    intents.check_secret(intent, call.params)
    if "payment_method_options" in call.params:
        intents.merge_options(intent, call.params["payment_method_options"])
    setup_confirm.confirm(call.world, intent, call.params, base_url=call.base_url)
    return intent


def cancel(call: Call) -> Object:
    """POST /v1/setup_intents/{intent}/cancel."""
    world = call.world
    intent = world.get("setup_intent", call.id, param="intent")
    if intent["status"] not in _OPEN:
        raise intents.wrong_state(
            intent,
            f"You cannot cancel this SetupIntent because it has a status of {intent['status']}. Only a "
            "SetupIntent with one of the following statuses may be canceled: requires_payment_method, "
            "requires_confirmation, requires_action.",
        )
    setup_confirm.abandon(world, intent)
    intent |= {
        "status": "canceled",
        "cancellation_reason": call.params.get("cancellation_reason"),
        "next_action": None,
    }
    world.save(intent)
    world.emit("setup_intent.canceled", intent)
    return intent


def verify(call: Call) -> Object:
    """POST /v1/setup_intents/{intent}/verify_microdeposits."""
    intent = call.world.get("setup_intent", call.id, param="intent")
    intents.check_secret(intent, call.params)
    microdeposits.verify(call.world, intent, call.params, setup_confirm.MICRODEPOSITS)
    return intent


def index(call: Call) -> Object:
    """GET /v1/setup_intents."""
    return lists.page(call, "setup_intent", url="/v1/setup_intents", filters=("customer", "payment_method"))


def _apply(world: World, intent: Object, params: dict[str, Any]) -> None:
    if "description" in params:
        intent["description"] = params["description"] or None
    if "flow_directions" in params:
        intent["flow_directions"] = params["flow_directions"]
    if "metadata" in params:
        intent["metadata"] = merging.metadata(intent["metadata"], params["metadata"])
    if "payment_method_options" in params:
        intents.merge_options(intent, params["payment_method_options"])
    method = intents.chosen_method(world, intent, params)
    if method is not None and intent["status"] in _OPEN:
        changed = method["id"] != intent["payment_method"]
        if changed:
            setup_confirm.abandon(world, intent)
        intent["payment_method"] = method["id"]
        if changed or intent["status"] == "requires_payment_method":
            intent |= {"status": "requires_confirmation", "next_action": None}


_CONFIRM: Schema = {**_ALWAYS, **_WHEN_CONFIRMING, "client_secret": TEXT}
_LIST: Schema = {
    **PAGE,
    "attach_to_self": Boolean(),
    "created": CREATED,
    "customer": TEXT,
    "customer_account": NOT_CONNECT,
    "payment_method": TEXT,
}
ROUTES = [
    Route("POST", "/v1/setup_intents", create, _CREATE),
    Route("GET", "/v1/setup_intents", index, _LIST),
    Route("GET", "/v1/setup_intents/{intent}", retrieve, RETRIEVE),
    Route("POST", "/v1/setup_intents/{intent}", update, {**_ALWAYS, **_NAMED}),
    Route("POST", "/v1/setup_intents/{intent}/confirm", confirm, _CONFIRM),
    Route("POST", "/v1/setup_intents/{intent}/cancel", cancel, _CANCEL),
    Route("POST", "/v1/setup_intents/{intent}/verify_microdeposits", verify, VERIFY),
]
