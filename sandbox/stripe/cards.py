"""Paying by card: authentication first where the card or the caller wants it, then the issuer's answer."""

from typing import Any

from sandbox.stripe import attempts, charges, disputes, faults
from sandbox.stripe.errors import StripeError
from sandbox.stripe.failures import AUTHENTICATION_REQUIRED, Failure
from sandbox.stripe.storage import Object, dig
from sandbox.stripe.test_values import CardBehaviour, card_of
from sandbox.stripe.world import HIDDEN, World, public

AUTHENTICATED: Object = {
    "authentication_flow": "challenge",
    "electronic_commerce_indicator": "05",
    "result": "authenticated",
    "result_reason": None,
    "transaction_id": None,
    "version": "2.2.0",
}
_NOT_AUTHENTICATED = (
    "The provided PaymentMethod has failed authentication. You can provide payment_method_data or a new PaymentMethod "
    "to attempt to fulfill this PaymentIntent again."
)


def needs_authentication(method: Object, options: Object | None) -> bool:
    """Whether 3-D Secure is asked for, by the card or by ``request_three_d_secure``."""
    behaviour = card_of(method[HIDDEN]["number"])
    wanted = dig(options, "card", "request_three_d_secure")
    if behaviour.authentication == "until_set_up":
        return not method[HIDDEN].get("set_up") or wanted in {"any", "challenge"}
    return behaviour.authentication == "always" or wanted in {"any", "challenge"}


def redirect(intent: Object, *, return_url: str | None, base_url: str) -> Object:
    """The ``next_action`` that sends the customer to the sandbox's 3-D Secure page."""
    return {
        "type": "redirect_to_url",
        "redirect_to_url": {"return_url": return_url, "url": f"{base_url}/_sandbox/3ds/{intent['id']}"},
    }


def pay(world: World, intent: Object, method: Object, params: dict[str, Any], *, base_url: str) -> None:
    """Confirm with a card; raises the 402 of a decline, whose charge stays."""
    if needs_authentication(method, intent["payment_method_options"]):
        if params.get("off_session") or params.get("error_on_requires_action"):
            raise _decline(world, intent, method, AUTHENTICATION_REQUIRED)
        intent |= {
            "status": "requires_action",
            "next_action": redirect(intent, return_url=params.get("return_url"), base_url=base_url),
            "last_payment_error": None,
        }
        world.save(intent)
        world.emit("payment_intent.requires_action", intent)
        return
    error = authorize(world, intent, method)
    if error is not None:
        raise error


def authorize(world: World, intent: Object, method: Object) -> StripeError | None:
    """Ask the issuer; the 402 if it declines."""
    behaviour = card_of(method[HIDDEN]["number"])
    failure = faults.decline(world.store, method) or behaviour.decline
    if failure is not None:
        return _decline(world, intent, method, failure)
    charge = charges.create(world, intent, method)
    attempts.succeeded(world, intent, charge, method)
    _aftermath(world, charge, behaviour)
    return None


def authenticate(world: World, intent: Object, *, succeeds: bool) -> None:
    """What the customer did on the 3-D Secure page of a payment intent."""
    method = world.get("payment_method", intent["payment_method"])
    if succeeds:
        intent[HIDDEN]["three_d_secure"] = AUTHENTICATED
        authorize(world, intent, method)
        return
    error: Object = {
        "code": "payment_intent_authentication_failure",
        "message": _NOT_AUTHENTICATED,
        "payment_method": public(method),
        "type": "invalid_request_error",
    }
    attempts.give_up(world, intent, error)


def _decline(world: World, intent: Object, method: Object, failure: Failure) -> StripeError:
    charge = charges.create(world, intent, method)
    attempts.failed(world, intent, charge, method, failure)
    return attempts.refusal(intent, method, failure)


def _aftermath(world: World, charge: Object, behaviour: CardBehaviour) -> None:
    if behaviour.aftermath in {"dispute", "inquiry"}:
        inquiry = behaviour.aftermath == "inquiry"
        status = "warning_needs_response" if inquiry else "needs_response"
        disputes.open_dispute(world, charge, reason="fraudulent", status=status)
