"""Refunds: https://docs.stripe.com/api/refunds. Cards at once, bank accounts after three business days."""

from datetime import datetime, time

from rules.business_days import add_business_days, eastern
from rules.settlement import submission_date
from sandbox.stripe import balance_transactions, lists, merging
from sandbox.stripe.due import when_due
from sandbox.stripe.errors import invalid, refused
from sandbox.stripe.parameters import Choice, Integer, Refused, Schema
from sandbox.stripe.shapes import CREATED, EXPAND, METADATA, NOT_CONNECT, PAGE, TEXT
from sandbox.stripe.storage import Object
from sandbox.stripe.test_values import card_of
from sandbox.stripe.world import HIDDEN, Call, Route, World

_BUSINESS_DAYS = 3
_ARRIVAL = time(9, 0)


def create(call: Call) -> Object:
    """POST /v1/refunds of a charge or of a payment intent's charge."""
    world, params = call.world, call.params
    charge = _charge(call)
    if charge["status"] == "failed" or not charge["captured"]:
        raise refused(f"The charge {charge['id']} cannot be refunded.", code="charge_not_refundable")
    bank = charge["payment_method_details"]["type"] == "us_bank_account"
    left = charge["amount_captured"] - charge["amount_refunded"]
    if charge["disputed"] and not _only_inquiries(world, charge):
        raise refused(f"Charge {charge['id']} has been charged back; cannot issue a refund.", code="charge_disputed")
    if left == 0:
        raise refused(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    amount = params.get("amount", left)
    if amount > left:
        message = f"Refund amount (${amount / 100:.2f}) is greater than unrefunded amount on charge (${left / 100:.2f})"
        raise refused(message, param="amount")
    if bank and amount != charge["amount"]:
        raise refused("Refunds of us_bank_account payments must be of the whole amount.", param="amount")
    refund = world.add("refund", _members(charge, amount, call.params, bank=bank))
    _reserve(world, charge, refund)
    world.emit("refund.created", refund)
    _go_on(world, charge, refund)
    return world.get("refund", refund["id"])


def retrieve(call: Call) -> Object:
    """GET /v1/refunds/{refund}."""
    return call.world.get("refund", call.id)


def update(call: Call) -> Object:
    """POST /v1/refunds/{refund}."""
    refund = call.world.get("refund", call.id)
    before = dict(refund)
    if "metadata" in call.params:
        refund["metadata"] = merging.metadata(refund["metadata"], call.params["metadata"])
    call.world.save(refund)
    call.world.emit("refund.updated", refund, previous=merging.changed(before, refund))
    return refund


def cancel(call: Call) -> Object:
    """POST /v1/refunds/{refund}/cancel: only refunds that wait for the customer can be canceled, and none does here."""
    refund = call.world.get("refund", call.id)
    raise refused(f"This refund cannot be canceled: its status is {refund['status']}.")


def index(call: Call) -> Object:
    """GET /v1/refunds."""
    return lists.page(call, "refund", url="/v1/refunds", filters=("charge", "payment_intent"))


def fail(world: World, refund: Object, reason: str) -> None:
    """The refund came back: the money returns to the account's balance."""
    charge = world.get("charge", refund["charge"])
    world.unschedule(refund["id"])
    if refund["balance_transaction"] is not None:
        card = charge["payment_method_details"]["type"] == "card"
        booked = balance_transactions.record(
            world,
            kind="refund_failure" if card else "payment_failure_refund",
            category="refund_failure",
            amount=refund["amount"],
            fee=0,
            source=refund["id"],
            description=f"REFUND FAILURE FOR {charge['id']}",
        )
        refund["failure_balance_transaction"] = booked["id"]
    refund |= {"status": "failed", "failure_reason": reason}
    refund.pop("pending_reason", None)
    world.save(refund)
    charge["amount_refunded"] -= refund["amount"]
    charge["refunded"] = False
    world.save(charge)
    world.emit("refund.failed", refund)
    world.emit("charge.refund.updated", refund)


@when_due("refund.arrive")
def arrive(world: World, identifier: str) -> None:
    """The money reached the customer."""
    refund = world.get("refund", identifier)
    if refund["status"] != "pending":
        return
    refund["status"] = "succeeded"
    refund.pop("pending_reason", None)
    world.save(refund)
    world.emit("refund.updated", refund, previous={"status": "pending"})
    world.emit("charge.refund.updated", refund, previous={"status": "pending"})


@when_due("refund.fail")
def fail_when_due(world: World, identifier: str) -> None:
    """What the test card for failing refunds does."""
    fail(world, world.get("refund", identifier), "expired_or_canceled_card")


def resume(world: World, charge: Object) -> None:
    """A charge was decided: refunds that waited for it go on, or fail with it."""
    for refund in world.store.find("refund", charge=charge["id"], status="pending", pending_reason="charge_pending"):
        if charge["status"] == "succeeded":
            _go_on(world, charge, refund)
        else:
            fail(world, refund, "declined")


def _charge(call: Call) -> Object:
    params = call.params
    if ("charge" in params) == ("payment_intent" in params):
        raise invalid("You must provide exactly one of these parameters: charge, payment_intent.")
    if "charge" in params:
        return call.world.get("charge", params["charge"], param="charge")
    intent = call.world.get("payment_intent", params["payment_intent"], param="payment_intent")
    if intent["latest_charge"] is None:
        raise refused(f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.")
    return call.world.get("charge", intent["latest_charge"])


def _members(charge: Object, amount: int, params: Object, *, bank: bool) -> Object:
    details: Object = {"type": "us_bank_transfer", "us_bank_transfer": {"reference": None, "reference_status": None}}
    if not bank:
        details = {
            "type": "card",
            "card": {"type": "refund", "reference_status": "pending", "reference_type": "acquirer_reference_number"},
        }
    return {
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "currency": charge["currency"],
        "destination_details": details,
        "metadata": merging.metadata({}, params.get("metadata", {})),
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "customer": charge["customer"],
        "customer_account": None,
        "reason": params.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "pending",
        "transfer_reversal": None,
    }


def _reserve(world: World, charge: Object, refund: Object) -> None:
    del refund["livemode"]
    if charge["status"] == "pending":
        refund["pending_reason"] = "charge_pending"
    world.save(refund)
    charge["amount_refunded"] += refund["amount"]
    charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
    world.save(charge)
    world.emit("charge.refunded", charge)


def _go_on(world: World, charge: Object, refund: Object) -> None:
    """Take the money from the balance and send it; a refund of a pending charge waits."""
    if charge["status"] == "pending":
        return
    card = charge["payment_method_details"]["type"] == "card"
    booked = balance_transactions.record(
        world,
        kind="refund" if card else "payment_refund",
        category="refund",
        amount=-refund["amount"],
        fee=0,
        source=refund["id"],
        description=f"REFUND FOR {'CHARGE' if card else 'PAYMENT'} ({charge['id']})",
    )
    refund["balance_transaction"] = booked["id"]
    if not card:
        refund["pending_reason"] = "processing"
        world.schedule(_after(world.moment, _BUSINESS_DAYS), "refund.arrive", refund["id"])
        world.save(refund)
        return
    method = world.get("payment_method", charge["payment_method"])
    aftermath = card_of(method[HIDDEN]["number"]).aftermath
    if aftermath == "refund_pending":
        refund["pending_reason"] = "processing"
        world.schedule(_after(world.moment, 1), "refund.arrive", refund["id"])
    else:
        refund["status"] = "succeeded"
    if aftermath == "refund_fails":
        world.schedule(_after(world.moment, 1), "refund.fail", refund["id"])
    world.save(refund)


def _after(moment: datetime, days: int) -> datetime:
    return eastern(add_business_days(submission_date(moment), days), _ARRIVAL)


def _only_inquiries(world: World, charge: Object) -> bool:
    found = world.store.find("dispute", charge=charge["id"])
    return all(dispute["status"].startswith("warning") for dispute in found)


_CREATE: Schema = {
    "amount": Integer(minimum=1),
    "charge": TEXT,
    "currency": Refused("refunds are in the currency of the charge"),
    "customer": Refused("there are no customer balances in it"),
    "instructions_email": TEXT,
    "metadata": METADATA,
    "origin": Refused("there are no customer balances in it"),
    "payment_intent": TEXT,
    "reason": Choice(("duplicate", "fraudulent", "requested_by_customer")),
    "refund_application_fee": NOT_CONNECT,
    "reverse_transfer": NOT_CONNECT,
    **EXPAND,
}
_LIST: Schema = {**PAGE, "charge": TEXT, "created": CREATED, "payment_intent": TEXT}
ROUTES = [
    Route("POST", "/v1/refunds", create, _CREATE),
    Route("GET", "/v1/refunds", index, _LIST),
    Route("GET", "/v1/refunds/{refund}", retrieve, EXPAND),
    Route("POST", "/v1/refunds/{refund}", update, {"metadata": METADATA, **EXPAND}),
    Route("POST", "/v1/refunds/{refund}/cancel", cancel, EXPAND),
]
