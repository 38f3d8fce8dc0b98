"""Disputes: https://docs.stripe.com/api/disputes. A bank's return after success arrives as one, already lost."""

from datetime import timedelta

from sandbox.stripe import balance_transactions, lists, mandates, merging
from sandbox.stripe.errors import refused
from sandbox.stripe.parameters import Boolean, Hash, Refused, Schema, Text
from sandbox.stripe.shapes import CREATED, EXPAND, METADATA, PAGE, TEXT
from sandbox.stripe.storage import Object
from sandbox.stripe.world import Call, Route, World

FEE = 1500
_TIME_TO_ANSWER = timedelta(days=10)
_LONG = (
    "access_activity_log",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "duplicate_charge_explanation",
    "product_description",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "uncategorized_text",
)
_SHORT = (
    "billing_address",
    "cancellation_policy",
    "customer_communication",
    "customer_email_address",
    "customer_name",
    "customer_purchase_ip",
    "customer_signature",
    "duplicate_charge_documentation",
    "duplicate_charge_id",
    "receipt",
    "refund_policy",
    "service_date",
    "service_documentation",
    "shipping_address",
    "shipping_carrier",
    "shipping_date",
    "shipping_documentation",
    "shipping_tracking_number",
    "uncategorized_file",
)


def open_dispute(world: World, charge: Object, *, reason: str, status: str) -> Object:
    """Dispute a charge: the amount and a fee are withdrawn, but for an inquiry (``warning_...``)."""
    card = charge["payment_method_details"].get("card")
    members: Object = {
        "amount": charge["amount"],
        "balance_transactions": [],
        "charge": charge["id"],
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {**dict.fromkeys(sorted((*_LONG, *_SHORT))), "enhanced_evidence": {}},
        "evidence_details": {
            "due_by": int((world.moment + _TIME_TO_ANSWER).timestamp()) if status.endswith("needs_response") else None,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": status.startswith("warning"),
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "reason": reason,
        "status": status,
    }
    if card is not None:
        case = "inquiry" if status.startswith("warning") else "chargeback"
        shown = {"brand": card["brand"], "case_type": case, "network": card["brand"], "network_reason_code": "10.4"}
        members["payment_method_details"] = {"type": "card", "card": shown}
    dispute = world.add("dispute", members)
    charge["disputed"] = True
    world.save(charge)
    withdrawn = not status.startswith("warning")
    if withdrawn:
        _book(world, dispute, amount=-charge["amount"], category="dispute", fee=FEE)
    world.emit("charge.dispute.created", dispute)
    if withdrawn:
        world.emit("charge.dispute.funds_withdrawn", dispute)
    if card is None:
        # The mandate dies with the first dispute (docs.stripe.com/payments/ach-direct-debit, "disputed payments").
        mandates.end_all(world, world.get("payment_method", charge["payment_method"]))
    if status == "lost":
        world.emit("charge.dispute.closed", dispute)
    return dispute


def decide(world: World, dispute: Object, *, won: bool) -> Object:
    """Close an open dispute: won gives the amount back."""
    if dispute["status"] in {"won", "lost", "warning_closed", "prevented"}:
        raise refused(f"This dispute is already closed: its status is {dispute['status']}.")
    inquiry = dispute["status"].startswith("warning")
    dispute["status"] = "warning_closed" if inquiry else ("won" if won else "lost")
    reinstated = won and not inquiry
    if reinstated:
        _book(world, dispute, amount=dispute["amount"], category="dispute_reversal", fee=0)
    world.save(dispute)
    world.emit("charge.dispute.closed", dispute)
    if reinstated:
        world.emit("charge.dispute.funds_reinstated", dispute)
    return dispute


def retrieve(call: Call) -> Object:
    """GET /v1/disputes/{dispute}."""
    return call.world.get("dispute", call.id)


def update(call: Call) -> Object:
    """POST /v1/disputes/{dispute}: evidence, which is sent to the bank with ``submit`` (the default)."""
    dispute = call.world.get("dispute", call.id)
    before, params = dict(dispute), call.params
    if "evidence" in params:
        if dispute["status"] not in {"needs_response", "warning_needs_response"}:
            raise refused("This dispute can no longer be answered.", param="evidence")
        given = {name: value or None for name, value in params["evidence"].items()}
        dispute["evidence"] = {**dispute["evidence"], **given}
        details: Object = {**dispute["evidence_details"], "has_evidence": True}
        if params.get("submit", True):
            details["submission_count"] += 1
            inquiry = dispute["status"].startswith("warning")
            dispute["status"] = "warning_under_review" if inquiry else "under_review"
        dispute["evidence_details"] = details
    if "metadata" in params:
        dispute["metadata"] = merging.metadata(dispute["metadata"], params["metadata"])
    call.world.save(dispute)
    call.world.emit("charge.dispute.updated", dispute, previous=merging.changed(before, dispute))
    return dispute


def close(call: Call) -> Object:
    """POST /v1/disputes/{dispute}/close: accept it, and lose."""
    return decide(call.world, call.world.get("dispute", call.id), won=False)


def index(call: Call) -> Object:
    """GET /v1/disputes."""
    return lists.page(call, "dispute", url="/v1/disputes", filters=("charge", "payment_intent"))


def _book(world: World, dispute: Object, *, amount: int, category: str, fee: int) -> None:
    booked = balance_transactions.record(
        world,
        kind="adjustment",
        category=category,
        amount=amount,
        fee=fee,
        source=dispute["id"],
        description=f"Chargeback {'withdrawal' if amount < 0 else 'reversal'} for {dispute['charge']}",
    )
    dispute["balance_transactions"] = [*dispute["balance_transactions"], booked]
    world.save(dispute)


_EVIDENCE: Schema = {
    **{name: Text(20000, clearable=True) for name in _LONG},
    **{name: Text(5000, clearable=True) for name in _SHORT},
}
_UPDATE: Schema = {
    "evidence": Hash({**_EVIDENCE, "enhanced_evidence": Refused("evidence is not judged in it")}),
    "metadata": METADATA,
    "submit": Boolean(),
    **EXPAND,
}
_LIST: Schema = {**PAGE, "charge": TEXT, "created": CREATED, "payment_intent": TEXT}
ROUTES = [
    Route("GET", "/v1/disputes", index, _LIST),
    Route("GET", "/v1/disputes/{dispute}", retrieve, EXPAND),
    Route("POST", "/v1/disputes/{dispute}", update, _UPDATE),
    Route("POST", "/v1/disputes/{dispute}/close", close, EXPAND),
]
