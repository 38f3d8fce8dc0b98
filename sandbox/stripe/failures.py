"""Why a payment fails: card declines and ACH returns, in the words of Stripe's error and outcome objects.

Sources: https://docs.stripe.com/declines/codes, https://docs.stripe.com/declines/network-codes and the ACH pages
of https://docs.stripe.com/payments/ach-direct-debit.
"""

from dataclasses import dataclass
from typing import Any

from sandbox.stripe.errors import StripeError


@dataclass(frozen=True, slots=True)
class Failure:
    """One way to fail: Stripe's code, the message, and what the issuer or the network said."""

    code: str
    message: str
    decline_code: str | None = None
    network_decline_code: str | None = None
    advice_code: str | None = None
    radar: bool = False

    def members(self) -> dict[str, Any]:
        """The members of an error object that tell this failure."""
        told = {
            "code": self.code,
            "decline_code": self.decline_code,
            "message": self.message,
            "network_decline_code": self.network_decline_code,
            "advice_code": self.advice_code,
        }
        return {name: value for name, value in told.items() if value is not None}

    def outcome(self) -> dict[str, Any]:
        """The ``outcome`` of the charge that failed this way."""
        return {
            "advice_code": self.advice_code,
            "network_advice_code": None,
            "network_decline_code": self.network_decline_code,
            "network_status": "not_sent_to_network" if self.radar else "declined_by_network",
            "reason": "highest_risk_level" if self.radar else (self.decline_code or self.code),
            "risk_level": "highest" if self.radar else "normal",
            "risk_score": 92 if self.radar else 24,
            "seller_message": "Stripe blocked this payment as too risky." if self.radar else self.message,
            "type": "blocked" if self.radar else "issuer_declined",
        }


def declined(failure: Failure, **details: Any) -> StripeError:
    """The 402 that tells a failure; what the attempt left behind stays."""
    members = {name: value for name, value in failure.members().items() if name not in {"code", "message"}}
    return StripeError(
        failure.message,
        status=402,
        type="card_error",
        code=failure.code,
        details={**members, **details},
        keeps=True,
    )


APPROVED: dict[str, Any] = {
    "advice_code": None,
    "network_advice_code": None,
    "network_decline_code": None,
    "network_status": "approved_by_network",
    "reason": None,
    "risk_level": "normal",
    "risk_score": 24,
    "seller_message": "Payment complete.",
    "type": "authorized",
}


def card(decline_code: str, *, network: str | None = None, advice: str | None = None) -> Failure:
    """A decline by a card's issuer; ``code`` follows from the decline code as at Stripe."""
    own = {"expired_card", "incorrect_cvc", "processing_error", "authentication_required", "incorrect_number"}
    said = {
        "authentication_required": "Your card was declined. This transaction requires authentication.",
        "card_velocity_exceeded": "Your card was declined for making repeated attempts too frequently or exceeding its "
        "amount limit.",
        "expired_card": "Your card has expired.",
        "incorrect_cvc": "Your card's security code is incorrect.",
        "incorrect_number": "Your card number is incorrect.",
        "insufficient_funds": "Your card has insufficient funds.",
        "processing_error": "An error occurred while processing your card. Try again in a little bit.",
    }
    return Failure(
        code=decline_code if decline_code in own else "card_declined",
        message=said.get(decline_code, "Your card was declined."),
        decline_code=decline_code,
        network_decline_code=network,
        advice_code=advice,
    )


AUTHENTICATION_REQUIRED = card("authentication_required", network="65", advice="confirm_card_data")

_FUNDS = (
    "insufficient_funds",
    "insufficient_funds",
    "The customer's account has insufficient funds to cover this payment.",
)
_INVALID = ("no_account", "bank_account_invalid_details", "The customer's bank account could not be located.")
_DENIED = (
    "debit_not_authorized",
    "debit_not_authorized",
    "The customer has notified their bank that this payment was unauthorized.",
)
_RETURNS = {
    "R01": _FUNDS,
    "R09": _FUNDS,
    "R02": ("account_closed", "bank_account_closed", "The customer's bank account has been closed."),
    "R03": _INVALID,
    "R04": _INVALID,
    "R05": _DENIED,
    "R07": _DENIED,
    "R08": ("refer_to_customer", "debit_not_authorized", "The customer has stopped this payment at their bank."),
    "R10": _DENIED,
    "R11": _DENIED,
    "R29": _DENIED,
    "R51": _DENIED,
    "R15": ("bank_account_unusable", "recipient_deceased", "The holder of the bank account has died."),
    "R16": ("bank_account_restricted", "bank_account_frozen", "The customer's bank account has been frozen."),
    "R20": ("bank_account_restricted", "bank_account_restricted", "The customer's bank account does not allow debits."),
}
_UNKNOWN = ("bank_account_declined", None, "The customer's bank has declined this payment.")
TOKENIZED_NUMBER = Failure(
    "bank_account_unusable",
    "The tokenized account number has been deactivated.",
    decline_code="bank_account_unusable",
)


def returned(code: str) -> Failure:
    """The failure of a debit that came back with a Nacha return code (R01 to R85)."""
    word, decline_code, message = _RETURNS.get(code, _UNKNOWN)
    return Failure(code=word, message=message, decline_code=decline_code, network_decline_code=code)


def block_of(failure: Failure) -> dict[str, Any] | None:
    """How a failed debit blocks its bank account (``status_details.blocked``); insufficient funds never do."""
    if failure is TOKENIZED_NUMBER or failure == TOKENIZED_NUMBER:
        return {"network_code": None, "reason": "tokenized_account_number_deactivated"}
    blocking = {"R02", "R03", "R04", "R05", "R07", "R08", "R10", "R11", "R16", "R20", "R29", "R31"}
    if failure.network_decline_code not in blocking:
        return None
    return {"network_code": failure.network_decline_code, "reason": failure.decline_code or "bank_account_unusable"}


def dispute_reason(code: str) -> str:
    """The reason of the dispute as which a return after success arrives."""
    decline_code = returned(code).decline_code
    words = {
        "insufficient_funds": "insufficient_funds",
        "bank_account_closed": "incorrect_account_details",
        "bank_account_invalid_details": "incorrect_account_details",
        "debit_not_authorized": "debit_not_authorized",
    }
    return words.get(decline_code or "", "bank_cannot_process")
