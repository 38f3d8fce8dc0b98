"""Microdeposits: how a bank account is verified, for setup intents and payment intents alike.

Limits and answers: https://docs.stripe.com/payments/ach-direct-debit/set-up-payment, "microdeposit verification".
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from rules.business_days import add_business_days, eastern
from rules.settlement import submission_date
from sandbox.stripe.clock import NOON
from sandbox.stripe.errors import StripeError, invalid, refused
from sandbox.stripe.storage import Object
from sandbox.stripe.test_values import amounts_answer, code_answer
from sandbox.stripe.world import HIDDEN, World, public

EXPIRY = timedelta(days=10)
LIMITS = {"descriptor_code": 10, "amounts": 3}
_CODE = re.compile(r"SM[0-9A-Za-z]{4}", re.IGNORECASE)
_PREFIX = "payment_method_microdeposit_"
TIMEOUT = (
    _PREFIX + "verification_timeout",
    "Microdeposit verification timed out. The deposits must be verified within 10 days.",
)
NOT_SENT = (
    _PREFIX + "failed",
    "Microdeposits failed to be deposited into the customer's account. Check the account and routing numbers.",
)
_EXCEEDED = (
    _PREFIX + "verification_attempts_exceeded",
    "You have exceeded the number of allowed verification attempts. This bank account can no longer be verified.",
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the intent does after its bank account was verified, or can no longer be."""

    verified: Callable[[World, Object, Object], None]
    failed: Callable[[World, Object, Object, Object], None]


def next_action(world: World, intent: Object, *, base_url: str) -> Object:
    """The ``next_action`` of an intent that waits for its deposits, which are also sent hereby; expiry is set."""
    kind = world.store.fact("microdeposit_type", "descriptor_code")
    intent[HIDDEN] |= {"microdeposit_failures": 0}
    arrival = eastern(add_business_days(submission_date(world.moment), 1), NOON)
    world.schedule(world.moment + EXPIRY, f"{intent['object']}.microdeposits_expire", intent["id"])
    return {
        "type": "verify_with_microdeposits",
        "verify_with_microdeposits": {
            "arrival_date": int(arrival.timestamp()),
            "hosted_verification_url": f"{base_url}/_sandbox/microdeposits/{intent['id']}",
            "microdeposit_type": kind,
        },
    }


def verify(world: World, intent: Object, params: dict[str, Any], outcome: Outcome) -> None:
    """Judge a code or two amounts: the intent goes on, stays, or ends its wait; raises Stripe's error."""
    action = intent["next_action"]
    if intent["status"] != "requires_action" or action["type"] != "verify_with_microdeposits":
        raise _not_waiting(world, intent)
    kind = action["verify_with_microdeposits"]["microdeposit_type"]
    answer = _answer(params, kind)
    method = world.get("payment_method", intent["payment_method"])
    if answer == "verified":
        method[HIDDEN]["verified"] = True
        world.save(method)
        world.unschedule(intent["id"])
        outcome.verified(world, intent, method)
        return
    code, message = TIMEOUT if answer == "timeout" else _EXCEEDED
    if answer == "mismatch":
        intent[HIDDEN]["microdeposit_failures"] += 1
        left = LIMITS[kind] - intent[HIDDEN]["microdeposit_failures"]
        world.save(intent)
        if left > 0:
            raise _mismatch(intent, kind, left)
    if code == _EXCEEDED[0]:
        method[HIDDEN]["verification_failed"] = True
        world.save(method)
    world.unschedule(intent["id"])
    outcome.failed(world, intent, method, failure(method, code, message))
    raise StripeError(message, code=code, keeps=True, details={intent["object"]: public(intent)})


def failure(method: Object, code: str, message: str) -> Object:
    """A ``last_setup_error`` or ``last_payment_error`` about microdeposits."""
    return {"code": code, "message": message, "payment_method": public(method), "type": "invalid_request_error"}


def _answer(params: dict[str, Any], kind: str) -> str:
    code, amounts = params.get("descriptor_code"), params.get("amounts")
    if (code is None) == (amounts is None):
        raise invalid("You must provide exactly one of these parameters: amounts, descriptor_code.")
    if code is not None:
        if kind != "descriptor_code":
            raise invalid("This bank account is verified by amounts.", param="descriptor_code")
        if not _CODE.fullmatch(code):
            raise invalid("A descriptor code has six characters and starts with SM.", param="descriptor_code")
        return code_answer(code)
    if kind != "amounts":
        raise invalid("This bank account is verified by a descriptor code.", param="amounts")
    if len(amounts or []) != 2:
        message = "You must provide exactly two microdeposit amounts."
        raise invalid(message, param="amounts", code=_PREFIX + "verification_amounts_invalid")
    return amounts_answer(amounts or [])


def _mismatch(intent: Object, kind: str, left: int) -> StripeError:
    what = "descriptor code does" if kind == "descriptor_code" else "amounts do"
    noun = "attempt" if left == 1 else "attempts"
    return StripeError(
        f"The {what} not match what was sent to the bank account. You have {left} verification {noun} remaining.",
        code=f"{_PREFIX}verification_{kind}_mismatch",
        keeps=True,
        details={intent["object"]: public(intent)},
    )


def _not_waiting(world: World, intent: Object) -> StripeError:
    method = world.store.get(intent["payment_method"] or "")
    if method is not None and method[HIDDEN].get("verified"):
        code, message = "payment_method_bank_account_already_verified", "This bank account has already been verified."
    else:
        code, message = "intent_invalid_state", "This intent does not wait for the verification of microdeposits."
    return refused(message, code=code, details={intent["object"]: public(intent)})
