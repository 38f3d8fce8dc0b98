"""Confirming a setup intent: saving a card, or a bank account that microdeposits verify."""

from typing import Any

from sandbox.stripe import bank_debits, cards, faults, intents, mandates, microdeposits, payment_methods, setup_attempts
from sandbox.stripe.due import when_due
from sandbox.stripe.errors import StripeError, refused
from sandbox.stripe.failures import Failure, declined
from sandbox.stripe.storage import Object, dig
from sandbox.stripe.test_values import bank_account_of, card_of
from sandbox.stripe.world import HIDDEN, World, public

_CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")
_NO_MANDATE = (
    "This SetupIntent requires a mandate, but no existing mandate was found. Collect mandate acceptance from the "
    "customer and retry, providing acceptance data in the mandate_data parameter."
)


def confirm(world: World, intent: Object, params: dict[str, Any], *, base_url: str) -> None:
    """Set the intent's payment method up; raises Stripe's refusals."""
    if intent["status"] not in _CONFIRMABLE:
        message = f"You cannot confirm this SetupIntent because it has a status of {intent['status']}."
        raise intents.wrong_state(intent, message)
    method = intents.chosen_method(world, intent, params)
    if method is None:
        message = "You cannot confirm this SetupIntent because it's missing a payment method."
        raise intents.wrong_state(intent, message)
    intents.check_redirects(intent, params)
    intent["payment_method"] = method["id"]
    abandon(world, intent)
    if method["type"] == "card":
        _card(world, intent, method, params, base_url=base_url)
    else:
        _bank_account(world, intent, method, params, base_url=base_url)


def abandon(world: World, intent: Object) -> None:
    """End what an earlier confirm still waits for."""
    world.unschedule(intent["id"])
    if intent["status"] == "requires_action":
        setup_attempts.finish(world, intent, "abandoned")
        mandates.set_status(world, intent["mandate"], "inactive")
        intent["mandate"] = None


def succeed(world: World, intent: Object, method: Object) -> None:
    """The method is set up: it belongs to the customer from now on."""
    if intent["customer"]:
        payment_methods.attach_to(world, method, world.get("customer", intent["customer"]))
    setup_attempts.finish(world, intent, "succeeded")
    intent |= {"status": "succeeded", "next_action": None, "last_setup_error": None}
    world.save(intent)
    world.emit("setup_intent.succeeded", intent)


def fail(world: World, intent: Object, method: Object, error: Object) -> None:
    """The set-up failed: back to ``requires_payment_method`` with the error."""
    del method
    mandates.set_status(world, intent["mandate"], "inactive")
    setup_attempts.finish(world, intent, "failed", error=error)
    intent |= {
        "status": "requires_payment_method",
        "payment_method": None,
        "next_action": None,
        "mandate": None,
        "last_setup_error": error,
    }
    world.save(intent)
    world.emit("setup_intent.setup_failed", intent)


def authenticate(world: World, intent: Object, *, succeeds: bool) -> None:
    """What the customer did on the 3-D Secure page of a setup intent."""
    method = world.get("payment_method", intent["payment_method"])
    if succeeds:
        method[HIDDEN]["set_up"] = True
        world.save(method)
        succeed(world, intent, method)
        return
    message = "The provided PaymentMethod has failed authentication. Provide a new PaymentMethod to attempt again."
    code = "setup_intent_authentication_failure"
    fail(world, intent, method, microdeposits.failure(method, code, message))


def _verified(world: World, intent: Object, method: Object) -> None:
    mandates.set_status(world, intent["mandate"], "active")
    succeed(world, intent, method)


MICRODEPOSITS = microdeposits.Outcome(verified=_verified, failed=fail)


@when_due("setup_intent.microdeposits_expire")
def expire(world: World, identifier: str) -> None:
    """Ten days are over."""
    intent = world.get("setup_intent", identifier)
    method = world.get("payment_method", intent["payment_method"])
    fail(world, intent, method, microdeposits.failure(method, *microdeposits.TIMEOUT))


def _card(world: World, intent: Object, method: Object, params: dict[str, Any], *, base_url: str) -> None:
    authentication = cards.needs_authentication(method, intent["payment_method_options"])
    setup_attempts.begin(world, intent, method, three_d_secure=cards.AUTHENTICATED if authentication else None)
    if authentication:
        action = cards.redirect(intent, return_url=params.get("return_url"), base_url=base_url)
        intent |= {"status": "requires_action", "next_action": action, "last_setup_error": None}
        setup_attempts.finish(world, intent, "requires_action")
        world.save(intent)
        world.emit("setup_intent.requires_action", intent)
        return
    behaviour = card_of(method[HIDDEN]["number"])
    failure = faults.decline(world.store, method) or (None if behaviour.attaches else behaviour.decline)
    if failure is not None:
        raise _decline(world, intent, method, failure)
    succeed(world, intent, method)


def _bank_account(world: World, intent: Object, method: Object, params: dict[str, Any], *, base_url: str) -> None:
    known = mandates.active_of(world, method)
    if not params.get("mandate_data") and known is None:
        raise refused(_NO_MANDATE, code="setup_intent_mandate_invalid", param="mandate_data")
    if method[HIDDEN].get("verification_failed"):
        message = "Verification of this bank account failed in the past; it can no longer be used."
        raise refused(message, code="payment_method_bank_account_blocked")
    wanted = dig(intent, "payment_method_options", "us_bank_account", "verification_method")
    verified = method[HIDDEN]["verified"]
    if wanted == "instant" and not verified:
        message = "Instant verification needs a Financial Connections account, which the sandbox does not have."
        raise refused(message, code="intent_verification_method_missing")
    setup_attempts.begin(world, intent, method, three_d_secure=None)
    blocked = dig(method, "us_bank_account", "status_details", "blocked")
    if blocked:
        code = blocked["network_code"]
        failure = Failure("bank_account_unusable", bank_debits.UNUSABLE, network_decline_code=code)
        raise _decline(world, intent, method, failure)
    if params.get("mandate_data"):
        made = mandates.create(world, method, params["mandate_data"], single_use=None, active=verified)
        intent["mandate"] = made["id"]
    elif known is not None:
        intent["mandate"] = known["id"]
    if verified:
        succeed(world, intent, method)
    else:
        _send_microdeposits(world, intent, method, base_url=base_url)


def _send_microdeposits(world: World, intent: Object, method: Object, *, base_url: str) -> None:
    if not bank_account_of(method[HIDDEN]["number"]).microdeposits:
        code, message = microdeposits.NOT_SENT
        fail(world, intent, method, microdeposits.failure(method, code, message))
        raise StripeError(message, code=code, keeps=True, details={"setup_intent": public(intent)})
    action = microdeposits.next_action(world, intent, base_url=base_url)
    intent |= {"status": "requires_action", "next_action": action, "last_setup_error": None}
    setup_attempts.finish(world, intent, "requires_action")
    world.save(intent)
    world.emit("setup_intent.requires_action", intent)


def _decline(world: World, intent: Object, method: Object, failure: Failure) -> StripeError:
    error: Object = {**failure.members(), "payment_method": public(method), "type": "card_error"}
    fail(world, intent, method, error)
    return declined(failure, setup_intent=public(intent), payment_method=public(method))
