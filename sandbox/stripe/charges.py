"""Charges, made by confirming payment intents: https://docs.stripe.com/api/charges."""

from sandbox.stripe import balance_transactions, lists, merging
from sandbox.stripe.failures import APPROVED, Failure
from sandbox.stripe.ids import letters
from sandbox.stripe.parameters import Choice, Hash, Schema, Text
from sandbox.stripe.shapes import CREATED, EXPAND, METADATA, NOT_CONNECT, PAGE, SHIPPING, TEXT
from sandbox.stripe.storage import Object
from sandbox.stripe.world import Call, Route, World


def create(world: World, intent: Object, method: Object, *, bank: Object | None = None) -> Object:
    """A pending charge of an intent's whole amount; ``bank`` adds to the details of a bank debit."""
    members: Object = {
        "amount": intent["amount"],
        "amount_captured": 0,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "billing_details": method["billing_details"],
        "calculated_statement_descriptor": intent["statement_descriptor"] or "SANDBOX",
        "captured": False,
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "fraud_details": {},
        "metadata": dict(intent["metadata"]),
        "on_behalf_of": None,
        "outcome": None,
        "paid": False,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": _details(method, intent, bank),
        "receipt_email": intent["receipt_email"],
        "receipt_number": None,
        "receipt_url": None,
        "refunded": False,
        "review": None,
        "shipping": intent["shipping"],
        "source_transfer": None,
        "statement_descriptor": intent["statement_descriptor"],
        "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
        "status": "pending",
        "transfer_data": None,
        "transfer_group": intent["transfer_group"],
    }
    charge = world.add("charge", members)
    intent["latest_charge"] = charge["id"]
    return charge


def succeed(world: World, charge: Object, *, capture: bool = True) -> None:
    """The money came in, or is reserved when it is not captured yet."""
    charge |= {"status": "succeeded", "paid": True, "outcome": APPROVED}
    if capture:
        collect(world, charge, charge["amount"])
    world.save(charge)
    world.emit("charge.succeeded", charge)


def collect(world: World, charge: Object, amount: int) -> None:
    """Capture an amount and book it."""
    card = charge["payment_method_details"]["type"] == "card"
    fee = balance_transactions.card_fee(amount) if card else balance_transactions.bank_fee(amount)
    booked = balance_transactions.record(
        world,
        kind="charge" if card else "payment",
        category="charge",
        amount=amount,
        fee=fee,
        source=charge["id"],
        description=charge["description"],
    )
    charge |= {"captured": True, "amount_captured": amount, "balance_transaction": booked["id"]}


def fail(world: World, charge: Object, failure: Failure) -> None:
    """The charge failed."""
    charge |= {
        "status": "failed",
        "paid": False,
        "failure_code": failure.code,
        "failure_message": failure.message,
        "outcome": failure.outcome(),
    }
    world.save(charge)
    world.emit("charge.failed", charge)


def retrieve(call: Call) -> Object:
    """GET /v1/charges/{charge}."""
    return call.world.get("charge", call.id, param="id")


def update(call: Call) -> Object:
    """POST /v1/charges/{charge}."""
    charge = call.world.get("charge", call.id)
    before, params = dict(charge), call.params
    for name in ("description", "receipt_email", "transfer_group"):
        if name in params:
            charge[name] = params[name] or None
    if "metadata" in params:
        charge["metadata"] = merging.metadata(charge["metadata"], params["metadata"])
    if "shipping" in params:
        charge["shipping"] = merging.shipping(params["shipping"])
    if "fraud_details" in params:
        charge["fraud_details"] = {name: value for name, value in params["fraud_details"].items() if value}
    call.world.save(charge)
    call.world.emit("charge.updated", charge, previous=merging.changed(before, charge))
    return charge


def index(call: Call) -> Object:
    """GET /v1/charges."""
    return lists.page(call, "charge", url="/v1/charges", filters=("customer", "payment_intent", "transfer_group"))


def _details(method: Object, intent: Object, bank: Object | None) -> Object:
    if method["type"] == "us_bank_account":
        account = method["us_bank_account"]
        named = ("account_holder_type", "account_type", "bank_name", "fingerprint", "last4", "routing_number")
        details = {name: account[name] for name in named}
        return {
            "type": "us_bank_account",
            "us_bank_account": {**details, "payment_reference": str(intent["created"])[-9:], **(bank or {})},
        }
    card = method["card"]
    named = ("brand", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4", "regulated_status")
    checks = {**card["checks"], "cvc_check": "pass" if card["checks"]["cvc_check"] else None}
    return {
        "type": "card",
        "card": {
            **{name: card[name] for name in named},
            "amount_authorized": intent["amount"],
            "authorization_code": letters(6).upper(),
            "checks": checks,
            "extended_authorization": {"status": "disabled"},
            "incremental_authorization": {"status": "unavailable"},
            "installments": None,
            "mandate": None,
            "multicapture": {"status": "unavailable"},
            "network": card["brand"],
            "network_token": {"used": False},
            "network_transaction_id": letters(15).upper(),
            "overcapture": {"maximum_amount_capturable": intent["amount"], "status": "unavailable"},
            "three_d_secure": intent["_"].get("three_d_secure"),
            "transaction_link_id": None,
            "wallet": None,
        },
    }


_UPDATE: Schema = {
    "customer": NOT_CONNECT,
    "description": Text(40000, clearable=True),
    "fraud_details": Hash({"user_report": Choice(("fraudulent", "safe"), clearable=True)}, required=("user_report",)),
    "metadata": METADATA,
    "receipt_email": TEXT,
    "shipping": SHIPPING,
    "transfer_group": TEXT,
    **EXPAND,
}
_LIST: Schema = {**PAGE, "created": CREATED, "customer": TEXT, "payment_intent": TEXT, "transfer_group": TEXT}
ROUTES = [
    Route("GET", "/v1/charges", index, _LIST),
    Route("GET", "/v1/charges/{charge}", retrieve, EXPAND),
    Route("POST", "/v1/charges/{charge}", update, _UPDATE),
]
