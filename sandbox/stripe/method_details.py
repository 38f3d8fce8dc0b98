"""The part of a payment method that tells of its card or bank account."""

import hashlib
from typing import Any

from sandbox.stripe.errors import StripeError, invalid
from sandbox.stripe.failures import card as decline
from sandbox.stripe.storage import Object
from sandbox.stripe.test_values import BANK_NAME, BANK_TOKENS, CARD_TOKENS, ROUTING_NUMBER, card_of
from sandbox.stripe.world import World

Details = tuple[Object, Object]


def by_token(world: World, token: str) -> tuple[str, Object, Object]:
    """Type, details and hidden facts of a fresh payment method for a test token."""
    if token in CARD_TOKENS:
        behaviour = CARD_TOKENS[token]
        year = world.moment.year + 1
        details, hidden = card(world, {"number": behaviour.number, "exp_month": 12, "exp_year": year, "cvc": "314"})
        return "card", details, hidden
    number = BANK_TOKENS[token].number
    details, hidden = bank_account(world, {"account_number": number, "routing_number": ROUTING_NUMBER}, within="")
    return "us_bank_account", details, hidden


def card(world: World, given: dict[str, Any]) -> Details:
    """A card from its number or from a ``tok_`` test token; wrong numbers and dates are the 402 they are at Stripe."""
    if "token" in given:
        token = "pm_card_" + str(given["token"]).removeprefix("tok_")
        if token not in CARD_TOKENS:
            raise invalid(f"No such token: '{given['token']}'", param="card[token]", code="resource_missing")
        _, details, hidden = by_token(world, token)
        return details, hidden
    for name in ("number", "exp_month", "exp_year"):
        if name not in given:
            raise invalid(f"Missing required param: card[{name}].", param=f"card[{name}]", code="parameter_missing")
    number = str(given["number"]).replace(" ", "").replace("-", "")
    if not luhn(number):
        raise _declined("incorrect_number", "card[number]")
    year = given["exp_year"] + (2000 if given["exp_year"] < 100 else 0)
    now = world.moment
    if not now.year <= year <= now.year + 50:
        raise StripeError(
            "Your card's expiration year is invalid.",
            status=402,
            type="card_error",
            code="invalid_expiry_year",
            param="card[exp_year]",
        )
    if (year, given["exp_month"]) < (now.year, now.month):
        raise StripeError(
            "Your card's expiration month is invalid.",
            status=402,
            type="card_error",
            code="invalid_expiry_month",
            param="card[exp_month]",
        )
    behaviour = card_of(number)
    details: Object = {
        "brand": behaviour.brand,
        "checks": {
            "address_line1_check": None,
            "address_postal_code_check": None,
            "cvc_check": "unchecked" if "cvc" in given else None,
        },
        "country": "US",
        "display_brand": behaviour.brand,
        "exp_month": given["exp_month"],
        "exp_year": year,
        "fingerprint": fingerprint(world, number),
        "funding": behaviour.funding,
        "generated_from": None,
        "last4": number[-4:],
        "networks": {"available": [behaviour.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }
    return details, {"number": number}


def bank_account(world: World, given: dict[str, Any], *, within: str) -> Details:
    """A US bank account; numbers that cannot be one are refused as Stripe does."""
    for name in ("account_number", "routing_number"):
        if name not in given:
            full = f"{within}[{name}]"
            raise invalid(f"Missing required param: {full}.", param=full, code="parameter_missing")
    number, routing = str(given["account_number"]), str(given["routing_number"])
    if not (number.isascii() and number.isdigit() and 4 <= len(number) <= 17):
        raise invalid(
            "The bank account number is invalid.", param=f"{within}[account_number]", code="account_number_invalid"
        )
    if not routing_number_is_valid(routing):
        raise invalid(
            "The routing number is invalid.", param=f"{within}[routing_number]", code="routing_number_invalid"
        )
    details: Object = {
        "account_holder_type": given.get("account_holder_type", "individual"),
        "account_type": given.get("account_type", "checking"),
        "bank_name": BANK_NAME,
        "financial_connections_account": None,
        "fingerprint": fingerprint(world, f"{routing}/{number}"),
        "last4": number[-4:],
        "networks": {"preferred": "ach", "supported": ["ach"]},
        "routing_number": routing,
        "status_details": {},
    }
    return details, {"number": number, "verified": False}


def fingerprint(world: World, number: str) -> str:
    """16 characters that are the same for the same number in this account."""
    return hashlib.sha256(f"{world.account}:{number}".encode()).hexdigest()[:16]


def luhn(number: str) -> bool:
    """Whether a card number's check digit is right."""
    if not (number.isascii() and number.isdigit() and 12 <= len(number) <= 19):
        return False
    digits = [int(digit) for digit in reversed(number)]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def routing_number_is_valid(number: str) -> bool:
    """Whether an ABA routing number has nine digits and the right checksum."""
    if not (number.isascii() and number.isdigit() and len(number) == 9):
        return False
    weights = (3, 7, 1) * 3
    return sum(int(digit) * weight for digit, weight in zip(number, weights, strict=True)) % 10 == 0


def _declined(decline_code: str, param: str) -> StripeError:
    failure = decline(decline_code)
    return StripeError(failure.message, status=402, type="card_error", code=failure.code, param=param)
