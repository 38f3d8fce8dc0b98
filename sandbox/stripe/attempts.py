"""One attempt to pay a payment intent: what every way of paying has in common."""

from sandbox.stripe import charges, payment_methods
from sandbox.stripe.errors import StripeError
from sandbox.stripe.failures import Failure, declined
from sandbox.stripe.storage import Object
from sandbox.stripe.world import HIDDEN, World, public


def succeeded(world: World, intent: Object, charge: Object, method: Object) -> None:
    """The money is in: charge and intent succeed, and the method is kept or used up."""
    capture = intent["capture_method"] != "manual"
    charges.succeed(world, charge, capture=capture)
    intent |= {"next_action": None, "last_payment_error": None}
    if capture:
        intent |= {"status": "succeeded", "amount_received": charge["amount_captured"]}
    else:
        intent |= {"status": "requires_capture", "amount_capturable": charge["amount"]}
    world.save(intent)
    keep_or_spend(world, intent, method)
    world.emit("payment_intent.succeeded" if capture else "payment_intent.amount_capturable_updated", intent)


def keep_or_spend(world: World, intent: Object, method: Object) -> None:
    """A method that belongs to nobody is saved for future use, if that was asked for, or used up."""
    if method["customer"] is not None:
        return
    if intent["setup_future_usage"] and intent["customer"]:
        payment_methods.attach_to(world, method, world.get("customer", intent["customer"]))
    else:
        method[HIDDEN]["spent"] = True
        world.save(method)


def failed(world: World, intent: Object, charge: Object | None, method: Object, failure: Failure) -> None:
    """The attempt failed: the intent waits for another method and keeps the error."""
    if charge is not None:
        charges.fail(world, charge, failure)
    about = {"charge": charge["id"]} if charge is not None else {}
    kind = "card_error" if charge is not None else "invalid_request_error"
    error = {**failure.members(), **about, "payment_method": public(method), "type": kind}
    give_up(world, intent, error)


def give_up(world: World, intent: Object, error: Object) -> None:
    """Back to ``requires_payment_method`` with an error."""
    intent |= {
        "status": "requires_payment_method",
        "payment_method": None,
        "next_action": None,
        "last_payment_error": error,
    }
    world.save(intent)
    world.emit("payment_intent.payment_failed", intent)


def refusal(intent: Object, method: Object, failure: Failure) -> StripeError:
    """The 402 after a failed attempt, with intent, charge and method inside."""
    details = {"payment_intent": public(intent), "payment_method": public(method), "charge": intent["latest_charge"]}
    return declined(failure, **details)
