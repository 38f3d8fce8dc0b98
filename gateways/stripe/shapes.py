"""From Stripe's objects to our values."""

from datetime import UTC, datetime
from typing import Any, cast

import stripe

from gateways.processor import Failure, Intent, MandateState, Method, MethodKind, Setup


def _id(value: str | Any | None) -> str | None:
    """The id of what may be expanded."""
    return value if value is None or isinstance(value, str) else cast("str", value.id)


def _failure(error: Any | None) -> Failure | None:
    if error is None:
        return None
    return Failure(
        code=getattr(error, "code", None),
        decline_code=getattr(error, "decline_code", None),
        network_decline_code=getattr(error, "network_decline_code", None),
        advice_code=getattr(error, "advice_code", None),
        message=getattr(error, "message", None),
    )


def intent(found: stripe.PaymentIntent) -> Intent:
    """A PaymentIntent."""
    action = found.next_action
    redirect = getattr(action, "redirect_to_url", None) if action else None
    metadata = found.metadata
    return Intent(
        id=found.id,
        status=cast("Any", found.status),
        amount_cents=found.amount,
        currency=found.currency,
        livemode=found.livemode,
        customer=_id(found.customer),
        latest_charge=_id(found.latest_charge),
        action_url=redirect.url if redirect else None,
        failure=_failure(found.last_payment_error),
        metadata=dict(metadata.to_dict()) if metadata else {},
        created_at=datetime.fromtimestamp(found.created, UTC),
    )


def method(found: stripe.PaymentMethod) -> Method:
    """A payment method of any type; only cards and US bank accounts are described."""
    kind: MethodKind = cast("MethodKind", found.type) if found.type in {"card", "us_bank_account"} else "other"
    card = found.card if kind == "card" else None
    bank = found.us_bank_account if kind == "us_bank_account" else None
    # Stripe leaves the member out where nothing is blocked.
    blocked = getattr(bank.status_details, "blocked", None) if bank else None
    return Method(
        id=found.id,
        kind=kind,
        customer=_id(found.customer),
        brand=card.brand if card else None,
        last4=card.last4 if card else bank.last4 if bank else None,
        exp_month=card.exp_month if card else None,
        exp_year=card.exp_year if card else None,
        fingerprint=card.fingerprint if card else bank.fingerprint if bank else None,
        bank_name=bank.bank_name if bank else None,
        routing_last4=bank.routing_number[-4:] if bank and bank.routing_number else None,
        holder_name=found.billing_details.name if bank else None,
        blocked_code=(getattr(blocked, "network_code", None) or "unknown") if blocked else None,
        blocked_reason=getattr(blocked, "reason", None) if blocked else None,
    )


def setup(found: stripe.SetupIntent) -> Setup:
    """A SetupIntent."""
    action = found.next_action
    deposits = getattr(action, "verify_with_microdeposits", None) if action else None
    return Setup(
        id=found.id,
        status=found.status,
        payment_method=_id(found.payment_method),
        mandate=_id(found.mandate),
        microdeposit_type=deposits.microdeposit_type if deposits else None,
        deposit_arrives_on=datetime.fromtimestamp(deposits.arrival_date, UTC).date() if deposits else None,
        failure=_failure(found.last_setup_error),
        metadata=dict(found.metadata.to_dict()) if found.metadata else {},
    )


def mandate(found: stripe.Mandate) -> MandateState:
    """A mandate."""
    return MandateState(id=found.id, status=cast("Any", found.status), payment_method=_id(found.payment_method))
