"""C4, E10 and D8: why a debit failed, in plain words, and what trying again takes."""

import pytest

from rules.declines import (
    ACH_BLOCKS_BANK,
    ACH_ENDS_MANDATE,
    ACH_PRESENT_AGAIN,
    ACH_RETURNS,
    RATE_LIMITED,
    Decline,
    explain,
    may_present_again,
)

# Nacha's return reason codes that Stripe names, in our words.
RETURNS = {
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


@pytest.mark.parametrize("code", RETURNS)
def test_each_return_in_plain_words(code: str) -> None:
    decline = explain(code="payment_method_provider_decline", network_decline_code=code)
    assert decline.code == code
    assert decline.message == f"The bank returned the debit: {RETURNS[code]} ({code})."
    assert decline.retry == ("later" if code in {"R01", "R09"} else "other_method")


def test_no_return_is_missing_here() -> None:
    assert set(RETURNS) == set(ACH_RETURNS)


def test_a_return_that_we_do_not_know_is_not_presented_again() -> None:
    assert explain(code=None, network_decline_code="R99") == Decline(
        "R99", "The bank returned the debit: no reason that we know (R99).", "other_method"
    )


def test_a_return_decides_over_the_codes_beside_it_and_the_advice() -> None:
    decline = explain(
        code="insufficient_funds",
        decline_code="generic_decline",
        network_decline_code="R10",
        advice_code="try_again_later",
    )
    assert (decline.code, decline.retry) == ("R10", "other_method")


def test_what_each_return_ends() -> None:
    """D8: only R01 and R09 may be presented again; each other one ends at most one thing."""
    assert {"R01", "R09"} == ACH_PRESENT_AGAIN
    assert {"R05", "R07", "R10", "R11", "R29", "R51"} == ACH_ENDS_MANDATE
    assert {"R02", "R03", "R04", "R16", "R20"} == ACH_BLOCKS_BANK
    assert not ACH_PRESENT_AGAIN & (ACH_ENDS_MANDATE | ACH_BLOCKS_BANK)
    assert not ACH_ENDS_MANDATE & ACH_BLOCKS_BANK


@pytest.mark.parametrize(
    ("code", "decline_code", "message", "retry"),
    [
        ("card_declined", "insufficient_funds", "Insufficient funds.", "later"),
        ("card_declined", "generic_decline", "The card's bank declined without giving a reason.", "later"),
        ("card_declined", "do_not_honor", "The card's bank declined without giving a reason.", "later"),
        ("card_declined", "processing_error", "The card's bank could not process the payment.", "later"),
        ("card_declined", "lost_card", "The card was reported lost.", "other_method"),
        ("card_declined", "stolen_card", "The card was reported stolen.", "other_method"),
        ("card_declined", "fraudulent", "The payment was declined as a fraud risk.", "other_method"),
        ("expired_card", "expired_card", "The card has expired.", "other_method"),
        ("expired_card", None, "The card has expired.", "other_method"),
        ("incorrect_cvc", "incorrect_cvc", "The card's security code is wrong.", "other_method"),
        ("bank_account_unusable", None, "The bank account cannot be debited.", "other_method"),
        ("method_removed", None, "The payment method was removed before it could be charged.", "other_method"),
        ("authentication_required", None, "The bank wants the customer to confirm this payment.", "with_customer"),
        ("payment_intent_authentication_failure", None, "The customer's bank did not confirm the payment.",
         "with_customer"),
        ("action_expired", None, "The customer did not confirm the payment within 24 hours.", "with_customer"),
    ],
)  # fmt: skip
def test_a_decline_says_what_it_is(code: str, decline_code: str | None, message: str, retry: str) -> None:
    assert explain(code=code, decline_code=decline_code) == Decline(decline_code or code, message, retry)


def test_a_code_without_words_falls_back_to_the_wider_one() -> None:
    assert explain(code="card_declined", decline_code="brand_new").message == "The card was declined."
    assert explain(code="brand_new").message == "The payment was declined (brand_new)."
    assert explain(code=None) == Decline("unknown", "The payment was declined (unknown).", "later")


@pytest.mark.parametrize("advice", ["do_not_try_again", "confirm_card_data"])
def test_the_issuers_no_comes_before_our_table(advice: str) -> None:
    """D6: never against the issuer's advice."""
    assert explain(code="card_declined", decline_code="insufficient_funds").retry == "later"
    assert explain(code="card_declined", decline_code="insufficient_funds", advice_code=advice).retry == "other_method"


def test_the_issuers_yes_comes_before_our_table() -> None:
    assert explain(code="card_declined", decline_code="transaction_not_allowed").retry == "other_method"
    assert (
        explain(code="card_declined", decline_code="transaction_not_allowed", advice_code="try_again_later").retry
        == "later"
    )


@pytest.mark.parametrize("advice", [None, "try_again_later", "do_not_try_again"])
def test_only_the_customer_can_finish_what_wants_the_customer(advice: str | None) -> None:
    assert explain(code="authentication_required", advice_code=advice).retry == "with_customer"


@pytest.mark.parametrize("code", ["R1", "R011", "r01", "X01", "05", ""])
def test_a_card_networks_code_is_no_return(code: str) -> None:
    assert explain(code="card_declined", decline_code="do_not_honor", network_decline_code=code).code == "do_not_honor"


@pytest.mark.parametrize("decline_code", [None, "generic_decline", "card_decline_rate_limit_exceeded"])
def test_too_many_declines_are_told_as_such_whatever_stands_beside(decline_code: str | None) -> None:
    """D6: the card rests for 24 hours, so it has to be known."""
    decline = explain(code=RATE_LIMITED, decline_code=decline_code)
    assert (decline.code, decline.retry) == (RATE_LIMITED, "later")
    assert decline.message == "The card was declined too often and is not asked again for 24 hours."


def test_which_bank_failures_may_be_presented_again() -> None:
    """D8: R01 and R09, which the processor calls insufficient funds where it gives no return code."""
    named = {*ACH_RETURNS, "insufficient_funds", "unknown", "bank_account_closed", "debit_not_authorized", "R99"}
    assert {code for code in named if may_present_again(code)} == {"R01", "R09", "insufficient_funds"}
