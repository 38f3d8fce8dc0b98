"""H5: ledger against processor, each way in which one payment can differ, and what to do about it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.reconciliation import Ours, Theirs, compare

OPEN = ("requires_payment_method", "requires_confirmation", "requires_action", "processing")
STATUSES = (*OPEN, "succeeded", "canceled")
PAID = Theirs(status="succeeded", amount_cents=2500, charge="ch_1")


def ours(status: str = "succeeded", *, credited: int = 2500, by: str | None = "ch_1", amount: int = 2500) -> Ours:
    return Ours(status=status, amount_cents=amount, credited_cents=credited, credited_by=by if credited else None)


def theirs(status: str, *, amount: int = 2500) -> Theirs:
    return Theirs(status=status, amount_cents=amount, charge="ch_1" if status == "succeeded" else None)


AGREE = (
    [("processing", status, 0) for status in OPEN]
    + [("requires_action", status, 0) for status in OPEN]
    + [("succeeded", "succeeded", 2500), ("returned", "succeeded", 2500)]
    + [("failed", "canceled", 0), ("canceled", "canceled", 0)]
)


@pytest.mark.parametrize(("mine", "other", "credited"), AGREE)
def test_both_sides_agree(mine: str, other: str, credited: int) -> None:
    assert compare(ours(mine, credited=credited), theirs(other)) is None


@given(
    mine=st.sampled_from(["processing", "requires_action", "succeeded", "returned", "failed", "canceled"]),
    other=st.sampled_from(STATUSES),
    credited=st.sampled_from([0, 1, 2499, 2500, 2501, 5000]),
    amount=st.sampled_from([2500, 2501]),
    by=st.sampled_from(["ch_1", "ch_2"]),
)
def test_nothing_else_agrees(mine: str, other: str, credited: int, amount: int, by: str) -> None:
    """Whatever is not on the list above is a difference, with words and a way out."""
    found = compare(ours(mine, credited=credited, by=by), theirs(other, amount=amount))
    agrees = (mine, other, credited) in AGREE and amount == 2500 and (by == "ch_1" or not credited)
    assert (found is None) is agrees
    assert found is None or (found.what and found.fix)


@pytest.mark.parametrize(
    ("mine", "other", "what"),
    [
        (ours(amount=2600), PAID, "we hold 2600 cents, the processor 2500"),
        (ours("processing", credited=0), PAID, "paid and not credited"),
        (ours(), theirs("processing"), "credited, but the processor says processing"),
        (ours(credited=2400), PAID, "credited 2400 of 2500 cents"),
        (ours(credited=5000), PAID, "credited 5000 of 2500 cents"),
        (ours(by="ch_2"), PAID, "credited for ch_2, paid by ch_1"),
        (ours("processing", credited=0), theirs("canceled"), "we say processing, the processor says canceled"),
        (ours("failed", credited=0), theirs("processing"), "we say failed, the processor says processing"),
        (ours("failed"), PAID, "we say failed, the processor says succeeded"),
        (ours(), None, "the processor does not have this payment"),
        (None, PAID, "the processor has a payment with an id of ours that we do not know"),
    ],
)
def test_each_difference_in_words(mine: Ours | None, other: Theirs | None, what: str) -> None:
    found = compare(mine, other)
    assert found is not None
    assert found.what == what


def test_a_payment_not_made_yet_is_no_difference_unless_it_was_credited() -> None:
    assert compare(ours("processing", credited=0), None, never_created=True) is None
    assert compare(ours(), None, never_created=True) is not None


def test_an_unknown_payment_is_canceled_unless_it_took_money() -> None:
    unpaid, paid = compare(None, theirs("processing")), compare(None, PAID)
    assert unpaid is not None
    assert unpaid.fix == "cancel it at the processor"
    assert paid is not None
    assert paid.fix.startswith("restore the record from a backup")
