"""Why a debit failed, in plain words, and whether trying the same method again makes sense.

Classified by ``network_decline_code`` for ACH returns (R01 …), then ``decline_code``, then ``code``; the issuer's
advice comes before any table (docs.stripe.com/declines; Nacha return reason codes; Stripe's Smart Retries list).
"""

import re
from dataclasses import dataclass
from typing import Literal

Retry = Literal["later", "other_method", "with_customer"]
_RETURN_CODE = re.compile(r"R[0-9]{2}", re.ASCII)

ACH_RETURNS: dict[str, str] = {
    "R01": "insufficient funds in the bank account",
    "R02": "the bank account is closed",
    "R03": "the bank found no such account",
    "R04": "the account number is not valid",
    "R05": "the debit of a consumer account was not authorized",
    "R07": "the customer revoked the authorization",
    "R08": "the customer stopped the payment at the bank",
    "R09": "the funds in the bank account are not collected yet",
    "R10": "the customer told the bank that the debit was not authorized",
    "R11": "the debit was not made as authorized",
    "R15": "the account holder has died",
    "R16": "the bank account is frozen",
    "R20": "the account does not take debits",
    "R29": "the company told the bank that the debit was not authorized",
    "R31": "the bank returned the debit by permission",
    "R51": "the debit is not eligible or was not authorized",
}
# Returns that are an answer to this debit alone: the same debit may be presented again (Nacha 2.12.4).
ACH_PRESENT_AGAIN = frozenset({"R01", "R09"})
# Returns that end the authorisation, and returns that end the use of the account (requirement D8).
ACH_ENDS_MANDATE = frozenset({"R05", "R07", "R10", "R11", "R29", "R51"})
ACH_BLOCKS_BANK = frozenset({"R02", "R03", "R04", "R16", "R20"})

_WORDS: dict[str, str] = {
    "account_closed": "the bank account is closed",
    "authentication_required": "the bank wants the customer to confirm this payment",
    "bank_account_closed": "the bank account is closed",
    "bank_account_frozen": "the bank account is frozen",
    "bank_account_invalid_details": "the bank account's details are not valid",
    "bank_account_restricted": "the bank account does not take debits",
    "bank_account_unusable": "the bank account cannot be debited",
    "card_declined": "the card was declined",
    "card_decline_rate_limit_exceeded": "the card was declined too often and is not asked again for 24 hours",
    "card_velocity_exceeded": "the card has reached its limit",
    "debit_not_authorized": "the debit was not authorized",
    "do_not_honor": "the card's bank declined without giving a reason",
    "expired_card": "the card has expired",
    "fraudulent": "the payment was declined as a fraud risk",
    "generic_decline": "the card's bank declined without giving a reason",
    "incorrect_cvc": "the card's security code is wrong",
    "incorrect_number": "the card's number is wrong",
    "insufficient_funds": "insufficient funds",
    "lost_card": "the card was reported lost",
    "method_blocked": "the bank account is blocked",
    "method_not_verified": "the bank account is not verified",
    "method_removed": "the payment method was removed before it could be charged",
    "method_without_mandate": "the authorization to debit the bank account has ended",
    "no_account": "the bank found no such account",
    "payment_altered": "the payment was changed at the processor and was stopped",
    "payment_intent_mandate_invalid": "the authorization to debit the bank account has ended",
    "payment_intent_authentication_failure": "the customer's bank did not confirm the payment",
    "pickup_card": "the card was reported lost or stolen",
    "processing_error": "the card's bank could not process the payment",
    "recipient_deceased": "the account holder has died",
    "refer_to_customer": "the customer stopped the payment at the bank",
    "stolen_card": "the card was reported stolen",
    "charge_exceeds_transaction_limit": "the amount is above what may be debited at once",
    "charge_exceeds_source_limit": "the amount is above what may be debited from this account",
    "charge_exceeds_weekly_limit": "the amount is above what may be debited in a week",
    "action_expired": "the customer did not confirm the payment within 24 hours",
}
_NEVER_AGAIN = frozenset(
    {
        "lost_card", "stolen_card", "pickup_card", "incorrect_number", "revocation_of_authorization",
        "revocation_of_all_authorizations", "highest_risk_level", "transaction_not_allowed", "expired_card",
        "incorrect_cvc", "invalid_cvc", "invalid_number", "invalid_expiry_month", "invalid_expiry_year", "fraudulent",
        "account_closed", "bank_account_closed", "bank_account_frozen", "bank_account_invalid_details",
        "bank_account_restricted", "bank_account_unusable", "debit_not_authorized", "no_account",
        "recipient_deceased", "refer_to_customer", "method_removed", "method_blocked",
        "method_not_verified", "method_without_mandate", "payment_intent_mandate_invalid",
    }
)  # fmt: skip
#: The processor takes no further try of this card: too many were declined. It is asked again after 24 hours (D6).
RATE_LIMITED = "card_decline_rate_limit_exceeded"
_WITH_CUSTOMER = frozenset({"authentication_required", "payment_intent_authentication_failure", "action_expired"})


@dataclass(frozen=True, slots=True)
class Decline:
    """A failure as shown: its ``code``, a sentence, and what trying again takes."""

    code: str
    message: str
    retry: Retry


def explain(
    *,
    code: str | None,
    decline_code: str | None = None,
    network_decline_code: str | None = None,
    advice_code: str | None = None,
) -> Decline:
    """The decline behind the processor's words; an unknown one may be tried again later, unless it is an ACH return."""
    if code == RATE_LIMITED:
        decline_code = RATE_LIMITED
    returned = network_decline_code or ""
    if _RETURN_CODE.fullmatch(returned):
        words = ACH_RETURNS.get(returned, "no reason that we know")
        again: Retry = "later" if returned in ACH_PRESENT_AGAIN else "other_method"
        return Decline(returned, f"The bank returned the debit: {words} ({returned}).", again)
    name = decline_code or code or "unknown"
    words = _WORDS.get(name) or _WORDS.get(code or "") or f"the payment was declined ({name})"
    return Decline(name, f"{words[0].upper()}{words[1:]}.", _retry(name, advice_code))


def may_present_again(code: str) -> bool:
    """Whether a bank debit that failed with this ``Decline.code`` may be sent again, as it is (rule D8).

    The processor calls R01 and R09 ``insufficient_funds`` where it does not tell the return code.
    """
    return code in ACH_PRESENT_AGAIN or code == "insufficient_funds"


def _retry(name: str, advice_code: str | None) -> Retry:
    if name in _WITH_CUSTOMER:
        return "with_customer"
    if advice_code == "try_again_later":
        return "later"
    if advice_code in {"do_not_try_again", "confirm_card_data"} or name in _NEVER_AGAIN:
        return "other_method"
    return "later"
