"""Stripe's documented test cards, test bank accounts and microdeposit answers: https://docs.stripe.com/testing."""

from dataclasses import dataclass, replace
from typing import Literal

from sandbox.stripe.failures import TOKENIZED_NUMBER, Failure, card, returned


@dataclass(frozen=True, slots=True)
class CardBehaviour:
    """How a test card behaves.

    Attributes:
        decline: the issuer's answer to every charge; None pays.
        attaches: False for cards that are already declined when they are saved.
        authentication: whether 3-D Secure is asked for never, on each payment, or until the card was set up with it.
        aftermath: what follows a payment that succeeded.
    """

    number: str
    brand: str = "visa"
    funding: str = "credit"
    decline: Failure | None = None
    attaches: bool = True
    authentication: Literal["never", "always", "until_set_up"] = "never"
    aftermath: Literal["dispute", "inquiry", "refund_pending", "refund_fails"] | None = None


@dataclass(frozen=True, slots=True)
class BankBehaviour:
    """How a test bank account behaves: the return of its debits, or its refusal when confirmed."""

    number: str
    failure: Failure | None = None
    refusal: Failure | None = None
    microdeposits: bool = True
    disputes: bool = False
    settles: bool = True


_DECLINES = {
    "": CardBehaviour("4000000000000002", decline=card("generic_decline", network="05", advice="try_again_later")),
    "InsufficientFunds": CardBehaviour(
        "4000000000009995", decline=card("insufficient_funds", network="51", advice="try_again_later")
    ),
    "LostCard": CardBehaviour("4000000000009987", decline=card("lost_card", network="41", advice="do_not_try_again")),
    "StolenCard": CardBehaviour(
        "4000000000009979", decline=card("stolen_card", network="43", advice="do_not_try_again")
    ),
    "ExpiredCard": CardBehaviour(
        "4000000000000069", decline=card("expired_card", network="54", advice="confirm_card_data")
    ),
    "IncorrectCvc": CardBehaviour(
        "4000000000000127", decline=card("incorrect_cvc", network="N7", advice="confirm_card_data")
    ),
    "ProcessingError": CardBehaviour("4000000000000119", decline=card("processing_error", advice="try_again_later")),
    "VelocityLimitExceeded": CardBehaviour(
        "4000000000006975", decline=card("card_velocity_exceeded", network="61", advice="try_again_later")
    ),
    "Fraudulent": CardBehaviour("4100000000000019", decline=replace(card("fraudulent"), radar=True)),
}
_GENERIC = _DECLINES[""].decline
CARD_TOKENS: dict[str, CardBehaviour] = {
    "pm_card_visa": CardBehaviour("4242424242424242"),
    "pm_card_us": CardBehaviour("4242424242424242"),
    "pm_card_visa_debit": CardBehaviour("4000056655665556", funding="debit"),
    "pm_card_mastercard": CardBehaviour("5555555555554444", "mastercard"),
    "pm_card_mastercard_debit": CardBehaviour("5200828282828210", "mastercard", "debit"),
    "pm_card_mastercard_prepaid": CardBehaviour("5105105105105100", "mastercard", "prepaid"),
    "pm_card_amex": CardBehaviour("378282246310005", "amex"),
    "pm_card_discover": CardBehaviour("6011111111111117", "discover"),
    "pm_card_diners": CardBehaviour("3056930009020004", "diners"),
    "pm_card_jcb": CardBehaviour("3566002020360505", "jcb"),
    "pm_card_unionpay": CardBehaviour("6200000000000005", "unionpay"),
    "pm_card_bypassPending": CardBehaviour("4000000000000077"),
    "pm_card_chargeCustomerFail": CardBehaviour("4000000000000341", decline=_GENERIC),
    "pm_card_authenticationRequired": CardBehaviour("4000002760003184", authentication="always"),
    "pm_card_authenticationRequiredOnSetup": CardBehaviour("4000002500003155", authentication="until_set_up"),
    "pm_card_authenticationRequiredSetupForOffSession": CardBehaviour("4000003800000446"),
    "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds": CardBehaviour(
        "4000008260003178", authentication="always", decline=_DECLINES["InsufficientFunds"].decline
    ),
    "pm_card_threeDSecure2Required": CardBehaviour("4000000000003220", authentication="always"),
    "pm_card_threeDSecureRequired": CardBehaviour("4000000000003063", authentication="always"),
    "pm_card_threeDSecureRequiredChargeDeclined": CardBehaviour(
        "4000008400001629", authentication="always", decline=_GENERIC
    ),
    "pm_card_threeDSecureOptional": CardBehaviour("4000000000003055"),
    "pm_card_createDispute": CardBehaviour("4000000000000259", aftermath="dispute"),
    "pm_card_createDisputeInquiry": CardBehaviour("4000000000001976", aftermath="inquiry"),
    "pm_card_pendingRefund": CardBehaviour("4000000000007726", aftermath="refund_pending"),
    "pm_card_refundFail": CardBehaviour("4000000000005126", aftermath="refund_fails"),
    "pm_card_radarBlock": replace(_DECLINES["Fraudulent"], attaches=False),
} | {
    f"pm_card_{brand}chargeDeclined{kind}": replace(test_card, attaches=False)
    for kind, test_card in _DECLINES.items()
    for brand in ("", "visa_")
}
CARDS: dict[str, CardBehaviour] = {test_card.number: test_card for test_card in CARD_TOKENS.values()}

_RADAR = Failure(
    "bank_account_declined", "The payment was blocked as too risky.", decline_code="fraudulent", radar=True
)
_WEEKLY = Failure(
    "charge_exceeds_source_limit", "This payment would exceed the weekly payment volume limit of the bank account."
)
_CURRENCY = Failure("payment_method_currency_mismatch", "The bank account does not accept payments in this currency.")
BANK_TOKENS: dict[str, BankBehaviour] = {
    "pm_usBankAccount_success": BankBehaviour("000123456789"),
    "pm_usBankAccount_accountClosed": BankBehaviour("000111111113", failure=returned("R02")),
    "pm_usBankAccount_noAccount": BankBehaviour("000111111116", failure=returned("R03")),
    "pm_usBankAccount_insufficientFunds": BankBehaviour("000222222227", failure=returned("R01")),
    "pm_usBankAccount_debitNotAuthorized": BankBehaviour("000333333335", failure=returned("R10")),
    "pm_usBankAccount_invalidCurrency": BankBehaviour("000444444440", failure=_CURRENCY),
    "pm_usBankAccount_failMicrodeposits": BankBehaviour("000666666661", microdeposits=False),
    "pm_usBankAccount_dispute": BankBehaviour("000555555559", disputes=True),
    "pm_usBankAccount_processing": BankBehaviour("000000000009", settles=False),
    "pm_usBankAccount_riskLevelHighest": BankBehaviour("000000004954", refusal=_RADAR),
    "pm_usBankAccount_weeklyLimitExceeded": BankBehaviour("000777777771", refusal=_WEEKLY),
    "pm_usBankAccount_tokenizedNumberDeactivated": BankBehaviour("000888888885", failure=TOKENIZED_NUMBER),
}
BANK_ACCOUNTS: dict[str, BankBehaviour] = {account.number: account for account in BANK_TOKENS.values()}
ROUTING_NUMBER = "110000000"
BANK_NAME = "STRIPE TEST BANK"

MicrodepositAnswer = Literal["verified", "attempts_exceeded", "timeout", "mismatch"]
_CODES: dict[str, MicrodepositAnswer] = {"SM11AA": "verified", "SM33CC": "attempts_exceeded", "SM44DD": "timeout"}
_AMOUNTS: dict[tuple[int, ...], MicrodepositAnswer] = {
    (32, 45): "verified",
    (10, 11): "attempts_exceeded",
    (40, 41): "timeout",
}


def card_of(number: str) -> CardBehaviour:
    """The behaviour of a card number; numbers that Stripe does not document pay."""
    return CARDS.get(number) or CardBehaviour(number, brand=_brand(number))


def bank_account_of(number: str) -> BankBehaviour:
    """The behaviour of an account number; numbers that Stripe does not document pay."""
    return BANK_ACCOUNTS.get(number) or BankBehaviour(number)


def code_answer(code: str) -> MicrodepositAnswer:
    """What a descriptor code does."""
    return _CODES.get(code.upper(), "mismatch")


def amounts_answer(amounts: list[int]) -> MicrodepositAnswer:
    """What two microdeposit amounts do, in either order."""
    return _AMOUNTS.get(tuple(sorted(amounts)), "mismatch")


def _brand(number: str) -> str:
    prefixes = {
        "4": "visa",
        "5": "mastercard",
        "2": "mastercard",
        "34": "amex",
        "37": "amex",
        "6": "discover",
        "3": "diners",
    }
    found = [brand for prefix, brand in sorted(prefixes.items(), reverse=True) if number.startswith(prefix)]
    return found[0] if found else "unknown"
