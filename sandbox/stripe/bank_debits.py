"""Paying by US bank account (ACH): submitted now, answered four business days later, disputed for long after."""

from datetime import UTC, datetime, time
from typing import Any

from rules.business_days import add_business_days, eastern
from rules.settlement import expected_on, submission_date
from sandbox.stripe import attempts, charges, disputes, failures, faults, mandates, microdeposits, refunds
from sandbox.stripe.due import when_due
from sandbox.stripe.errors import StripeError, refused
from sandbox.stripe.failures import Failure
from sandbox.stripe.storage import Object, dig
from sandbox.stripe.test_values import bank_account_of
from sandbox.stripe.world import HIDDEN, World, public

ANSWER_AT = time(9, 0)
UNUSABLE = "The bank account can no longer be used: an earlier debit was returned. Collect another payment method."
_NO_MANDATE = (
    "This PaymentIntent requires a mandate, but no existing mandate was found. Collect mandate acceptance from the "
    "customer and retry, providing acceptance data in the mandate_data parameter."
)


def pay(world: World, intent: Object, method: Object, params: dict[str, Any], *, base_url: str) -> None:
    """Confirm with a bank account: processing, or first the verification of one that is not verified."""
    if intent["capture_method"] == "manual":
        raise refused("us_bank_account payments cannot be captured manually.", param="capture_method")
    blocked = dig(method, "us_bank_account", "status_details", "blocked")
    if blocked:
        failure = Failure("bank_account_unusable", UNUSABLE, network_decline_code=blocked["network_code"])
        raise _refuse(world, intent, method, failure)
    behaviour = bank_account_of(method[HIDDEN]["number"])
    if behaviour.refusal is not None:
        raise _refuse(world, intent, method, behaviour.refusal)
    if not method[HIDDEN]["verified"]:
        _verify_first(world, intent, method, params, base_url=base_url)
        return
    mandate = _mandate(world, intent, method, params)
    submit(world, intent, method, mandate)


def submit(world: World, intent: Object, method: Object, mandate: str | None) -> None:
    """Send the debit to the bank."""
    submitted = submission_date(world.moment)
    bank: Object = {"expected_debit_date": add_business_days(submitted, 1).isoformat()}
    if mandate is not None:
        bank["mandate"] = mandate
    charge = charges.create(world, intent, method, bank=bank)
    charge |= {"captured": True, "amount_captured": charge["amount"]}
    world.save(charge)
    intent |= {"status": "processing", "next_action": None, "last_payment_error": None}
    intent[HIDDEN]["submitted_at"] = world.moment.timestamp()
    world.save(intent)
    attempts.keep_or_spend(world, intent, method)
    world.emit("payment_intent.processing", intent)
    world.emit("charge.pending", charge)
    planned = faults.decline(world.store, method)
    if planned is not None:
        intent[HIDDEN]["planned_failure"] = planned.network_decline_code or "R01"
        world.save(intent)
    if bank_account_of(method[HIDDEN]["number"]).settles:
        world.schedule(eastern(expected_on(world.moment).on, ANSWER_AT), "payment_intent.answer", intent["id"])


@when_due("payment_intent.answer")
def answer(world: World, identifier: str) -> None:
    """The bank's answer: by the test account, or by the return that was asked for."""
    intent = world.get("payment_intent", identifier)
    if intent["status"] != "processing":
        return
    method = world.get("payment_method", intent["payment_method"])
    planned = intent[HIDDEN].pop("planned_failure", None)
    failure = failures.returned(planned) if planned else bank_account_of(method[HIDDEN]["number"]).failure
    if failure is None:
        settle(world, intent)
    else:
        come_back(world, intent, failure)


def settle(world: World, intent: Object) -> None:
    """The debit succeeded."""
    charge = world.get("charge", intent["latest_charge"])
    method = world.get("payment_method", intent["payment_method"])
    world.unschedule(intent["id"])
    charges.succeed(world, charge)
    intent |= {"status": "succeeded", "amount_received": charge["amount"]}
    world.save(intent)
    world.emit("payment_intent.succeeded", intent)
    refunds.resume(world, charge)
    if bank_account_of(method[HIDDEN]["number"]).disputes:
        disputes.open_dispute(world, charge, reason="debit_not_authorized", status="lost")


def come_back(world: World, intent: Object, failure: Failure) -> None:
    """The debit failed before success: charge and intent fail, the account may be blocked."""
    charge = world.get("charge", intent["latest_charge"])
    method = world.get("payment_method", intent["payment_method"])
    world.unschedule(intent["id"])
    charge |= {"captured": False, "amount_captured": 0}
    attempts.failed(world, intent, charge, method, failure)
    refunds.resume(world, charge)
    block(world, method, failure)


def come_back_late(world: World, intent: Object, code: str) -> None:
    """A return after success arrives as a lost dispute; the intent stays succeeded."""
    charge = world.get("charge", intent["latest_charge"])
    if charge["disputed"]:
        raise refused("This payment is disputed already: the bank returns it once.")
    disputes.open_dispute(world, charge, reason=failures.dispute_reason(code), status="lost")
    block(world, world.get("payment_method", charge["payment_method"]), failures.returned(code))


def block(world: World, method: Object, failure: Failure) -> None:
    """Block the account everywhere its customer saved it, and end its mandates; insufficient funds do neither."""
    if failure.network_decline_code not in {None, "R01", "R09"}:
        mandates.end_all(world, method)
    blocked = failures.block_of(failure)
    if blocked is None:
        return
    fingerprint = method["us_bank_account"]["fingerprint"]
    saved = [method]
    if method["customer"]:
        saved = world.store.find("payment_method", customer=method["customer"], type="us_bank_account")
    for one in saved:
        if one["us_bank_account"]["fingerprint"] == fingerprint:
            set_block(world, one, blocked)
            mandates.end_all(world, one)


def set_block(world: World, method: Object, blocked: Object | None) -> None:
    """Block or unblock one saved method, and tell so."""
    before = {"us_bank_account": {"status_details": method["us_bank_account"]["status_details"]}}
    method["us_bank_account"]["status_details"] = {"blocked": blocked} if blocked else {}
    world.save(method)
    world.emit("payment_method.automatically_updated", method, previous=before)


def can_cancel(world: World, intent: Object) -> bool:
    """Whether a processing debit can still be stopped: on its banking day before the cut-off, or if it never ends."""
    if intent["status"] != "processing":
        return False
    method = world.get("payment_method", intent["payment_method"])
    submitted = datetime.fromtimestamp(intent[HIDDEN]["submitted_at"], UTC)
    same_day = submission_date(submitted) == submission_date(world.moment)
    return same_day or not bank_account_of(method[HIDDEN]["number"]).settles


def stop(world: World, intent: Object) -> None:
    """Take back a debit that was not sent yet."""
    world.unschedule(intent["id"])
    charge = world.get("charge", intent["latest_charge"])
    charge |= {"captured": False, "amount_captured": 0}
    charges.fail(world, charge, Failure("payment_method_customer_decline", "The payment was canceled."))
    refunds.resume(world, charge)


def _verified(world: World, intent: Object, method: Object) -> None:
    mandate = intent[HIDDEN].get("mandate")
    mandates.set_status(world, mandate, "active")
    submit(world, intent, method, mandate)


def _unverified(world: World, intent: Object, method: Object, error: Object) -> None:
    del method
    mandates.set_status(world, intent[HIDDEN].get("mandate"), "inactive")
    attempts.give_up(world, intent, error)


MICRODEPOSITS = microdeposits.Outcome(verified=_verified, failed=_unverified)


@when_due("payment_intent.microdeposits_expire")
def expire(world: World, identifier: str) -> None:
    """Ten days are over."""
    intent = world.get("payment_intent", identifier)
    method = world.get("payment_method", intent["payment_method"])
    _unverified(world, intent, method, microdeposits.failure(method, *microdeposits.TIMEOUT))


def _verify_first(world: World, intent: Object, method: Object, params: dict[str, Any], *, base_url: str) -> None:
    if method[HIDDEN].get("verification_failed"):
        raise refused(
            "Verification of this bank account failed in the past; it can no longer be used.",
            code="payment_method_bank_account_blocked",
        )
    mandate = _mandate(world, intent, method, params, active=False)
    behaviour = bank_account_of(method[HIDDEN]["number"])
    if not behaviour.microdeposits:
        code, message = microdeposits.NOT_SENT
        _unverified(world, intent, method, microdeposits.failure(method, code, message))
        raise StripeError(message, code=code, keeps=True, details={"payment_intent": public(intent)})
    intent[HIDDEN]["mandate"] = mandate
    action = microdeposits.next_action(world, intent, base_url=base_url)
    intent |= {"status": "requires_action", "next_action": action, "last_payment_error": None}
    world.save(intent)
    world.emit("payment_intent.requires_action", intent)


def _mandate(
    world: World, intent: Object, method: Object, params: dict[str, Any], *, active: bool = True
) -> str | None:
    if params.get("mandate"):
        named = world.get("mandate", params["mandate"], param="mandate")
        if named["status"] != "active" or named["payment_method"] != method["id"]:
            message = "The provided mandate is invalid and can not be used for the payment intent."
            raise refused(message, code="payment_intent_mandate_invalid", param="mandate")
        return named["id"]
    if params.get("mandate_data"):
        saved = bool(intent["setup_future_usage"])
        once = None if saved else {"amount": intent["amount"], "currency": intent["currency"]}
        return mandates.create(world, method, params["mandate_data"], single_use=once, active=active)["id"]
    known = mandates.active_of(world, method)
    if known is None:
        raise refused(_NO_MANDATE, code="payment_intent_mandate_invalid", param="mandate_data")
    return known["id"]


def _refuse(world: World, intent: Object, method: Object, failure: Failure) -> StripeError:
    charge = charges.create(world, intent, method)
    attempts.failed(world, intent, charge, method, failure)
    return attempts.refusal(intent, method, failure)
