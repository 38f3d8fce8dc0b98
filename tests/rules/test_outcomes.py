"""What a confirm came to: every status that Stripe gives a PaymentIntent, before and after an attempt."""

from dataclasses import fields
from datetime import date

import pytest

from rules.outcomes import FINAL, Outcome, State, state_of


@pytest.mark.parametrize("attempted", [False, True])
@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("succeeded", State.SUCCEEDED),
        ("canceled", State.CANCELED),
        ("processing", State.PROCESSING),
        ("requires_capture", State.PROCESSING),
        ("requires_action", State.REQUIRES_ACTION),
    ],
)
def test_a_plain_status_is_taken_at_its_word(status: str, state: State, attempted: bool) -> None:
    assert state_of(status=status, failure_code=None, attempted=attempted) is state
    assert state_of(status=status, failure_code="card_declined", attempted=attempted) is state


@pytest.mark.parametrize("status", ["requires_payment_method", "requires_confirmation"])
@pytest.mark.parametrize("code", [None, "card_declined", "authentication_required"])
def test_nothing_is_declined_before_an_attempt(status: str, code: str | None) -> None:
    assert state_of(status=status, failure_code=code, attempted=False) is State.UNCONFIRMED


@pytest.mark.parametrize(
    ("code", "state"),
    [
        (None, State.DECLINED),
        ("card_declined", State.DECLINED),
        ("expired_card", State.DECLINED),
        ("authentication_required", State.REQUIRES_ACTION),
    ],
)
def test_after_an_attempt_only_a_missing_authentication_waits_for_the_customer(code: str | None, state: State) -> None:
    """C4: off session it ends that confirm, and the customer gets a link."""
    assert state_of(status="requires_payment_method", failure_code=code, attempted=True) is state


def test_only_success_and_cancel_are_final() -> None:
    assert {state for state in State if Outcome(state, attempt=1).final} == FINAL == {State.SUCCEEDED, State.CANCELED}


def test_nothing_personal_fits_into_an_outcome() -> None:
    """I5: it stands in Temporal's history, so it has room for ids, dates and enumerations alone."""
    assert {field.name for field in fields(Outcome)} == {"state", "attempt", "charge", "failure_code", "expected_on"}
    whole = Outcome(State.PROCESSING, attempt=2, charge="ch_1", failure_code="R01", expected_on=date(2026, 11, 30))
    assert whole == Outcome(State.PROCESSING, 2, "ch_1", "R01", date(2026, 11, 30))
