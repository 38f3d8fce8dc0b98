"""Confirming a payment intent: one attempt to pay it."""

from typing import Any

from sandbox.stripe import bank_debits, cards, intents, mandates, merging
from sandbox.stripe.errors import invalid
from sandbox.stripe.storage import Object
from sandbox.stripe.world import HIDDEN, World

OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")
_PLAIN = (
    "description",
    "receipt_email",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_group",
    "setup_future_usage",
)


def confirm(world: World, intent: Object, params: dict[str, Any], *, base_url: str) -> None:
    """Try to pay; raises the 402 of a failed attempt, which leaves its charge behind."""
    if intent["status"] not in OPEN:
        raise intents.wrong_state(intent, _not_confirmable(intent["status"]))
    if params.get("amount_to_confirm", intent["amount"]) != intent["amount"]:
        raise invalid("amount_to_confirm does not match the amount of the PaymentIntent.", param="amount_to_confirm")
    if "payment_method_types" in params:
        intent["payment_method_types"] = intents.check_types(params["payment_method_types"])
        intent["automatic_payment_methods"] = None
    apply(intent, params)
    method = intents.chosen_method(world, intent, params)
    if method is None:
        raise intents.wrong_state(
            intent,
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the "
            "PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a "
            "payment method or ConfirmationToken.",
        )
    intents.check_redirects(intent, params)
    intent["payment_method"] = method["id"]
    stop_waiting(world, intent)
    intent[HIDDEN]["confirms"] += 1
    limit = world.store.fact("confirm_limit")
    if limit is not None and intent[HIDDEN]["confirms"] > limit:
        end(world, intent, reason="automatic")
        error = intents.wrong_state(intent, "This PaymentIntent was confirmed too often and has been canceled.")
        error.keeps = True
        raise error
    pay = cards.pay if method["type"] == "card" else bank_debits.pay
    pay(world, intent, method, params, base_url=base_url)


def choose(world: World, intent: Object, params: dict[str, Any]) -> None:
    """Take over the payment method that a create or an update names."""
    method = intents.chosen_method(world, intent, params)
    if method is not None and intent["status"] in OPEN:
        changed = method["id"] != intent["payment_method"]
        if changed:
            stop_waiting(world, intent)
        intent["payment_method"] = method["id"]
        if changed or intent["status"] == "requires_payment_method":
            intent |= {"status": "requires_confirmation", "next_action": None}


def apply(intent: Object, params: dict[str, Any]) -> None:
    """Take over the plain members that a request names."""
    for name in _PLAIN:
        if name in params:
            intent[name] = params[name] or None
    if "shipping" in params:
        intent["shipping"] = merging.shipping(params["shipping"])
    if "metadata" in params:
        intent["metadata"] = merging.metadata(intent["metadata"], params["metadata"])
    if "payment_method_options" in params:
        intents.merge_options(intent, params["payment_method_options"])


def stop_waiting(world: World, intent: Object) -> None:
    """End what an earlier confirm still waits for: its deposits, and the mandate that they were to make valid."""
    world.unschedule(intent["id"])
    if intent["status"] == "requires_action":
        mandates.set_status(world, intent[HIDDEN].pop("mandate", None), "inactive")


def end(world: World, intent: Object, *, reason: str | None) -> None:
    """Cancel an intent for good."""
    stop_waiting(world, intent)
    intent |= {
        "status": "canceled",
        "canceled_at": world.now,
        "cancellation_reason": reason,
        "amount_capturable": 0,
        "next_action": None,
    }
    world.save(intent)
    world.emit("payment_intent.canceled", intent)


def _not_confirmable(status: str) -> str:
    if status == "succeeded":
        return (
            "You cannot confirm this PaymentIntent because it has already succeeded after being previously confirmed."
        )
    return f"You cannot confirm this PaymentIntent because it has a status of {status}."
