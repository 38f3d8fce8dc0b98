"""D7: why auto-recharge is paused, in words for its owner."""

import pytest

from rules.episode_words import paused

END = "Nothing is left to try: nothing is recharged by itself until you act."


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ("insufficient_funds", "Insufficient funds."),
        ("R01", "The bank returned the debit: insufficient funds in the bank account (R01)."),
        ("R02", "The bank returned the debit: the bank account is closed (R02)."),
        ("action_expired", "The payment had to be confirmed with the bank, and the time for it is over."),
        ("payment_not_created", "The payment could not be started."),
    ],
)
def test_a_pause_in_words(reason: str, sentence: str) -> None:
    assert paused(reason) == f"{sentence} {END}"


def test_a_recharge_that_somebody_canceled() -> None:
    assert paused(None) == "The recharge was canceled. Nothing is recharged by itself until you act."
