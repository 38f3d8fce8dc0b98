"""Customers: https://docs.stripe.com/api/customers."""

from typing import Any

from sandbox.stripe import ids, lists, merging, payment_methods
from sandbox.stripe.errors import refused
from sandbox.stripe.parameters import Choice, Hash, Integer, Kind, ListOf, Schema, Text
from sandbox.stripe.shapes import (
    ADDRESS,
    CLEARABLE,
    CREATED,
    CUSTOMER_SHIPPING,
    EXPAND,
    METADATA,
    NOT_BILLING,
    NOT_LEGACY,
    PAGE,
    TEXT,
    TYPES,
)
from sandbox.stripe.storage import Object, dig
from sandbox.stripe.world import Call, Route

_SHARED: dict[str, Kind] = {
    "address": ADDRESS,
    "balance": Integer(),
    "business_name": Text(150, clearable=True),
    "cash_balance": NOT_BILLING,
    "description": CLEARABLE,
    "email": Text(512, clearable=True),
    "individual_name": Text(150, clearable=True),
    "invoice_prefix": TEXT,
    "invoice_settings": Hash(
        {
            "custom_fields": NOT_BILLING,
            "default_payment_method": CLEARABLE,
            "footer": CLEARABLE,
            "rendering_options": NOT_BILLING,
        }
    ),
    "metadata": METADATA,
    "name": Text(256, clearable=True),
    "next_invoice_sequence": Integer(minimum=1),
    "phone": Text(20, clearable=True),
    "preferred_locales": ListOf(TEXT),
    "shipping": CUSTOMER_SHIPPING,
    "source": NOT_LEGACY,
    "tax": NOT_BILLING,
    "tax_exempt": Choice(("exempt", "none", "reverse"), clearable=True),
    **EXPAND,
}
_CREATE: Schema = {**_SHARED, "payment_method": TEXT, "tax_id_data": NOT_BILLING, "test_clock": NOT_BILLING}
_OLD = ("bank_account", "card", "default_alipay_account", "default_bank_account", "default_card", "default_source")
_UPDATE: Schema = {**_SHARED, **dict.fromkeys(_OLD, NOT_LEGACY)}
_PLAIN = ("description", "email", "name", "phone", "business_name", "individual_name")


def create(call: Call) -> Object:
    """POST /v1/customers."""
    body: Object = {
        "address": None,
        "balance": 0,
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "invoice_prefix": ids.letters(8).upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }
    _apply(body, call.params)
    method = call.params.get("payment_method")
    customer = call.world.add("customer", body)
    if method is not None:
        payment_methods.attach_to(call.world, payment_methods.resolve(call.world, method), customer)
    call.world.emit("customer.created", customer)
    return customer


def retrieve(call: Call) -> Object:
    """GET /v1/customers/{customer}."""
    return call.world.get("customer", call.id)


def update(call: Call) -> Object:
    """POST /v1/customers/{customer}."""
    customer = payment_methods.living_customer(call.world, call.id, param="id")
    before = dict(customer)
    default = dig(call.params, "invoice_settings", "default_payment_method")
    if default:
        method = call.world.get("payment_method", default, param="invoice_settings[default_payment_method]")
        if method["customer"] != customer["id"]:
            message = f"The customer does not have a payment method with the ID {default}. The payment method must be "
            raise refused(message + "attached to the customer.", code="resource_missing")
    _apply(customer, call.params)
    call.world.save(customer)
    call.world.emit("customer.updated", customer, previous=merging.changed(before, customer))
    return customer


def delete(call: Call) -> Object:
    """DELETE /v1/customers/{customer}: its payment methods are detached; the identifier stays."""
    customer = payment_methods.living_customer(call.world, call.id, param="id")
    for method in call.world.store.find("payment_method", customer=customer["id"]):
        payment_methods.detach_from(call.world, method)
    gone: Object = {"id": customer["id"], "object": "customer", "deleted": True}
    call.world.save(gone)
    call.world.emit("customer.deleted", customer)
    return gone


def index(call: Call) -> Object:
    """GET /v1/customers."""
    return lists.page(call, "customer", url="/v1/customers", filters=("email",))


def methods(call: Call) -> Object:
    """GET /v1/customers/{customer}/payment_methods."""
    customer = payment_methods.living_customer(call.world, call.id, param="id")
    url = f"/v1/customers/{customer['id']}/payment_methods"
    return lists.page(call, "payment_method", url=url, filters=("type", "allow_redisplay"), customer=customer["id"])


def method(call: Call) -> Object:
    """GET /v1/customers/{customer}/payment_methods/{payment_method}."""
    found = call.world.get("payment_method", call.path[1], param="payment_method")
    if found["customer"] != call.id:
        message = f"The customer does not have a payment method with the ID {call.path[1]}."
        raise refused(message, code="resource_missing", param="payment_method")
    return found


def _apply(customer: Object, params: dict[str, Any]) -> None:
    for name in _PLAIN:
        if name in params:
            customer[name] = params[name] or None
    for name in ("balance", "invoice_prefix", "next_invoice_sequence", "preferred_locales"):
        if name in params:
            customer[name] = params[name]
    if "address" in params:
        customer["address"] = merging.address(params["address"])
    if "shipping" in params:
        customer["shipping"] = merging.shipping(params["shipping"])
    if "tax_exempt" in params:
        customer["tax_exempt"] = params["tax_exempt"] or "none"
    if "metadata" in params:
        customer["metadata"] = merging.metadata(customer["metadata"], params["metadata"])
    settings: Object = params.get("invoice_settings") or {}
    for name, value in settings.items():
        customer["invoice_settings"] = {**customer["invoice_settings"], name: value or None}


_METHOD_FILTERS: Schema = {
    **PAGE,
    "type": Choice(TYPES),
    "allow_redisplay": Choice(("always", "limited", "unspecified")),
}
ROUTES = [
    Route("POST", "/v1/customers", create, _CREATE),
    Route("GET", "/v1/customers", index, {**PAGE, "created": CREATED, "email": TEXT, "test_clock": NOT_BILLING}),
    Route("GET", "/v1/customers/{customer}", retrieve, EXPAND),
    Route("POST", "/v1/customers/{customer}", update, _UPDATE),
    Route("DELETE", "/v1/customers/{customer}", delete),
    Route("GET", "/v1/customers/{customer}/payment_methods", methods, _METHOD_FILTERS),
    Route("GET", "/v1/customers/{customer}/payment_methods/{payment_method}", method, EXPAND),
]
