"""Transaction ids are made from the journal's key, and give it back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import parse_transaction_id, transaction_id

accounts = st.from_regex(r"MA[A-Z0-9]{18}", fullmatch=True)
seqs = st.integers(1, 36**10 - 1)


@given(accounts, seqs)
def test_there_and_back(account, seq):
    made = transaction_id(account, seq)
    assert made.startswith("txn_")
    assert len(made) == 32
    assert parse_transaction_id(made) == (account, seq)


@given(accounts, seqs, seqs)
def test_they_sort_as_the_history_does(account, one, other):
    assert (transaction_id(account, one) < transaction_id(account, other)) == (one < other)


@pytest.mark.parametrize("seq", [0, -1, 36**10])
def test_there_is_no_such_transfer(seq):
    with pytest.raises(ValueError, match="out of range"):
        transaction_id("MA000000000000000001", seq)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "txn_",
        "rchg_0123",
        "txn_" + "a" * 28,
        "txn_" + "0" * 27,
        "txn_" + "0" * 29,
        "txn_" + "0" * 27 + "\u0661",
        "txn_" + "0" * 28 + "\n",
    ],
)
def test_what_is_no_id_is_refused(text):
    with pytest.raises(ValueError, match="not a transaction id"):
        parse_transaction_id(text)
