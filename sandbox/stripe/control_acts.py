"""What control routes do with single objects: authenticate, settle, return, dispute, close, fail, unblock."""

from collections.abc import Callable

from sandbox.stripe import bank_debits, cards, disputes, failures, refunds, setup_confirm
from sandbox.stripe.control_bodies import Body
from sandbox.stripe.errors import refused
from sandbox.stripe.storage import Object, dig
from sandbox.stripe.world import World

Act = Callable[[World, Object], Object | None]
Prepare = Callable[[Body], Act]
_REASON = r"[a-z_]{1,60}"


def authenticate(world: World, intent: Object, *, succeeds: bool) -> None:
    """The customer's act on the 3-D Secure page of an intent."""
    if intent["status"] != "requires_action" or dig(intent, "next_action", "type") != "redirect_to_url":
        raise refused(f"This intent does not wait for authentication: its status is {intent['status']}.")
    if intent["object"] == "payment_intent":
        cards.authenticate(world, intent, succeeds=succeeds)
    else:
        setup_confirm.authenticate(world, intent, succeeds=succeeds)


def _authenticate(body: Body) -> Act:
    succeeds = body.choice("outcome", ("succeed", "fail"), required=True) == "succeed"
    return lambda world, intent: authenticate(world, intent, succeeds=succeeds)


def _settle(body: Body) -> Act:
    del body

    def act(world: World, intent: Object) -> None:
        if intent["status"] != "processing":
            raise refused(f"Only a processing PaymentIntent settles; this one is {intent['status']}.")
        bank_debits.settle(world, intent)

    return act


def _return(body: Body) -> Act:
    code = body.pattern("code", r"R\d\d", required=True)

    def act(world: World, intent: Object) -> None:
        charge = world.store.get(intent["latest_charge"] or "")
        if dig(charge, "payment_method_details", "type") != "us_bank_account":
            raise refused("Only payments by bank account are returned.")
        if intent["status"] == "processing":
            bank_debits.come_back(world, intent, failures.returned(code))
        elif intent["status"] == "succeeded":
            bank_debits.come_back_late(world, intent, code)
        else:
            raise refused(f"A PaymentIntent that is {intent['status']} cannot be returned.")

    return act


def _dispute(body: Body) -> Act:
    reason = body.pattern("reason", _REASON)
    status = body.choice("status", ("needs_response", "warning_needs_response", "lost"))

    def act(world: World, charge: Object) -> Object:
        if charge["status"] != "succeeded":
            raise refused(f"Only a succeeded charge is disputed; this one is {charge['status']}.")
        if charge["disputed"]:
            raise refused("This charge is disputed already.")
        bank = charge["payment_method_details"]["type"] == "us_bank_account"
        why = reason or ("debit_not_authorized" if bank else "fraudulent")
        opened = status or ("lost" if bank else "needs_response")
        return disputes.open_dispute(world, charge, reason=why, status=opened)

    return act


def _close(body: Body) -> Act:
    won = body.choice("status", ("won", "lost"), required=True) == "won"
    return lambda world, dispute: disputes.decide(world, dispute, won=won)


def _fail_refund(body: Body) -> Act:
    reason = body.pattern("reason", _REASON) or "unknown"

    def act(world: World, refund: Object) -> None:
        if refund["status"] == "failed":
            raise refused("This refund has failed already.")
        refunds.fail(world, refund, reason)

    return act


def _unblock(body: Body) -> Act:
    del body

    def act(world: World, method: Object) -> None:
        if not dig(method, "us_bank_account", "status_details"):
            raise refused("This payment method is not blocked.")
        bank_debits.set_block(world, method, None)

    return act


ACTS: list[tuple[str, str, Prepare]] = [
    ("payment_intents/{id}/authenticate", "payment_intent", _authenticate),
    ("setup_intents/{id}/authenticate", "setup_intent", _authenticate),
    ("payment_intents/{id}/settle", "payment_intent", _settle),
    ("payment_intents/{id}/return", "payment_intent", _return),
    ("charges/{id}/dispute", "charge", _dispute),
    ("disputes/{id}/close", "dispute", _close),
    ("refunds/{id}/fail", "refund", _fail_refund),
    ("payment_methods/{id}/unblock", "payment_method", _unblock),
]
