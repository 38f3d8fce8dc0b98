"""Payment methods: cards and US bank accounts. https://docs.stripe.com/api/payment_methods."""

from typing import Any

from sandbox.stripe import lists, merging
from sandbox.stripe.errors import invalid, missing, refused
from sandbox.stripe.failures import declined
from sandbox.stripe.method_details import bank_account, by_token, card
from sandbox.stripe.parameters import Choice, Either, Hash, Integer, Kind, Schema
from sandbox.stripe.shapes import (
    BANK_ACCOUNT,
    BILLING_DETAILS,
    EXPAND,
    METADATA,
    NOT_CONNECT,
    PAGE,
    REDISPLAY,
    TEXT,
    TYPES,
)
from sandbox.stripe.shapes import Refused as _Refused
from sandbox.stripe.storage import Object, dig
from sandbox.stripe.test_values import BANK_TOKENS, CARD_TOKENS, card_of
from sandbox.stripe.world import HIDDEN, Call, Route, World

_PREFERRED = Hash({"preferred": Choice(("cartes_bancaires", "mastercard", "visa"), clearable=True)})
_CARD = Hash({"cvc": TEXT, "exp_month": Integer(1, 12), "exp_year": Integer(), "networks": _PREFERRED, "number": TEXT})
_TOKEN = Hash({"token": TEXT}, required=("token",))
_CREATE: dict[str, Kind] = {
    "allow_redisplay": REDISPLAY,
    "billing_details": BILLING_DETAILS,
    "card": Either((_TOKEN, _CARD)),
    "custom": _Refused("only card and us_bank_account are in it"),
    "customer": NOT_CONNECT,
    "link": _Refused("only card and us_bank_account are in it"),
    "metadata": METADATA,
    "payment_method": NOT_CONNECT,
    "radar_options": Hash({"session": TEXT}),
    "type": Choice(TYPES),
    "us_bank_account": BANK_ACCOUNT,
    **EXPAND,
}
_UPDATE: Schema = {
    "allow_redisplay": REDISPLAY,
    "billing_details": BILLING_DETAILS,
    "card": Hash({"exp_month": Integer(1, 12), "exp_year": Integer(), "networks": _PREFERRED}),
    "metadata": METADATA,
    "us_bank_account": Hash(
        {"account_holder_type": Choice(("company", "individual")), "account_type": Choice(("checking", "savings"))}
    ),
    **EXPAND,
}
_SPENT = (
    "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, or was detached "
    "from a Customer. It may not be used again. To use a PaymentMethod multiple times, you must attach it to a "
    "Customer first."
)


def build(world: World, given: dict[str, Any], *, within: str = "") -> Object:
    """A payment method from the parameters of a create or of ``payment_method_data``."""
    kind = given.get("type")
    if kind is None:
        raise invalid("Missing required param: type.", param="type", code="parameter_missing")
    prefix = f"{within}[{kind}]" if within else kind
    if kind not in given:
        raise invalid(f"Missing required param: {prefix}.", param=prefix, code="parameter_missing")
    billing = merging.billing_details(None, given.get("billing_details"))
    if kind == "us_bank_account" and not billing["name"]:
        name = f"{within}[billing_details][name]" if within else "billing_details[name]"
        raise invalid(f"Missing required param: {name}.", param=name, code="parameter_missing")
    if kind == "card":
        details, hidden = card(world, given["card"])
    else:
        details, hidden = bank_account(world, given["us_bank_account"], within=prefix)
    return _store(world, kind, details, hidden=hidden, billing=billing, given=given)


def resolve(world: World, identifier: str, *, param: str = "payment_method") -> Object:
    """The payment method of an identifier; a test token makes a fresh one each time."""
    if identifier in CARD_TOKENS or identifier in BANK_TOKENS:
        kind, details, hidden = by_token(world, identifier)
        name = "Jenny Rosen" if kind == "us_bank_account" else None
        billing = merging.billing_details(None, {"name": name})
        return _store(world, kind, details, hidden=hidden, billing=billing, given={})
    found = world.store.get(identifier)
    if found is None or found["object"] != "payment_method":
        raise missing("PaymentMethod", identifier, param=param)
    return found


def usable(method: Object) -> None:
    """Raise what Stripe answers to a payment method that was used up or detached."""
    if method[HIDDEN].get("spent"):
        raise refused(_SPENT, code="payment_method_unexpected_state", param="payment_method")


def living_customer(world: World, identifier: str, *, param: str = "customer") -> Object:
    """A customer that was not deleted."""
    customer = world.get("customer", identifier, param=param)
    if customer.get("deleted"):
        raise missing("customer", identifier, param=param)
    return customer


def attach_to(world: World, method: Object, customer: Object) -> Object:
    """Attach a payment method, as a request or a successful setup does; the same customer again changes nothing."""
    if method["customer"] == customer["id"]:
        return method
    if method["customer"] is not None:
        message = "The payment method you provided has already been attached to a customer."
        raise refused(message, code="payment_method_unexpected_state")
    usable(method)
    method["customer"] = customer["id"]
    world.save(method)
    world.emit("payment_method.attached", method)
    return method


def detach_from(world: World, method: Object) -> Object:
    """Detach a payment method for good."""
    owner = method["customer"]
    method["customer"] = None
    method[HIDDEN]["spent"] = True
    world.save(method)
    customer = world.store.get(owner)
    if customer is not None and dig(customer, "invoice_settings", "default_payment_method") == method["id"]:
        customer["invoice_settings"]["default_payment_method"] = None
        world.save(customer)
    world.emit("payment_method.detached", method, previous={"customer": owner})
    return method


def create(call: Call) -> Object:
    """POST /v1/payment_methods."""
    return build(call.world, call.params)


def retrieve(call: Call) -> Object:
    """GET /v1/payment_methods/{payment_method}."""
    return resolve(call.world, call.id, param="id")


def update(call: Call) -> Object:
    """POST /v1/payment_methods/{payment_method}: only of one that belongs to a customer."""
    method = resolve(call.world, call.id, param="id")
    if method["customer"] is None:
        message = "You must save this PaymentMethod to a customer before you can update it."
        raise refused(message, code="payment_method_unexpected_state")
    before, params = dict(method), call.params
    for kind in TYPES:
        if kind in params:
            if method["type"] != kind:
                raise invalid(f"You cannot update {kind} on a {method['type']} payment method.", param=kind)
            method[kind] = {**method[kind], **{k: v for k, v in params[kind].items() if k != "networks"}}
    if "billing_details" in params:
        method["billing_details"] = merging.billing_details(method["billing_details"], params["billing_details"])
    if "metadata" in params:
        method["metadata"] = merging.metadata(method["metadata"], params["metadata"])
    method["allow_redisplay"] = params.get("allow_redisplay", method["allow_redisplay"])
    call.world.save(method)
    call.world.emit("payment_method.updated", method, previous=merging.changed(before, method))
    return method


def attach(call: Call) -> Object:
    """POST /v1/payment_methods/{payment_method}/attach."""
    if "customer" not in call.params:
        raise invalid("Missing required param: customer.", param="customer", code="parameter_missing")
    customer = living_customer(call.world, call.params["customer"])
    method = resolve(call.world, call.id, param="id")
    if method["type"] == "card":
        behaviour = card_of(method[HIDDEN]["number"])
        if behaviour.decline is not None and not behaviour.attaches:
            raise declined(behaviour.decline)
    elif not method[HIDDEN]["verified"]:
        message = "This bank account has not been verified. Verify it with a SetupIntent before you attach it."
        raise refused(message, code="bank_account_unverified", param="payment_method")
    return attach_to(call.world, method, customer)


def detach(call: Call) -> Object:
    """POST /v1/payment_methods/{payment_method}/detach."""
    method = resolve(call.world, call.id, param="id")
    if method["customer"] is None:
        message = "The payment method you provided is not attached to a customer so detachment is impossible."
        raise refused(message, code="payment_method_unexpected_state")
    return detach_from(call.world, method)


def index(call: Call) -> Object:
    """GET /v1/payment_methods: those of one customer, or all."""
    filters = ("type", "customer", "allow_redisplay")
    return lists.page(call, "payment_method", url="/v1/payment_methods", filters=filters)


def _store(
    world: World, kind: str, details: Object, *, hidden: Object, billing: Object, given: dict[str, Any]
) -> Object:
    members: Object = {
        "allow_redisplay": given.get("allow_redisplay", "unspecified"),
        "billing_details": billing,
        "customer": None,
        "customer_account": None,
        "metadata": merging.metadata({}, given.get("metadata", {})),
        "type": kind,
        kind: details,
    }
    return world.add("payment_method", members, hidden=hidden)


_LIST: Schema = {
    **PAGE,
    "customer": TEXT,
    "customer_account": NOT_CONNECT,
    "type": Choice(TYPES),
    "allow_redisplay": REDISPLAY,
}
_ATTACH: Schema = {"customer": TEXT, "customer_account": NOT_CONNECT, **EXPAND}
ROUTES = [
    Route("POST", "/v1/payment_methods", create, _CREATE),
    Route("GET", "/v1/payment_methods", index, _LIST),
    Route("GET", "/v1/payment_methods/{payment_method}", retrieve, EXPAND),
    Route("POST", "/v1/payment_methods/{payment_method}", update, _UPDATE),
    Route("POST", "/v1/payment_methods/{payment_method}/attach", attach, _ATTACH),
    Route("POST", "/v1/payment_methods/{payment_method}/detach", detach, EXPAND),
]
