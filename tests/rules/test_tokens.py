"""API tokens: 256 bits in 43 letters and digits, kept as a keyed digest."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.tokens import digest, encode, encode_operator, matches


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_a_token_keeps_every_bit(first, second):
    assert re.fullmatch(r"[0-9A-Za-z]{43}", encode(first))
    assert (encode(first) == encode(second)) == (first == second)
    assert encode_operator(first) == "op_" + encode(first)


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_less_or_more_entropy_is_refused(size):
    with pytest.raises(ValueError, match="32 bytes"):
        encode(bytes(size))


def test_extreme_entropy_fits():
    assert encode(bytes(32)) == "0" * 43
    assert len(encode(b"\xff" * 32)) == 43


def test_a_digest_depends_on_token_and_pepper():
    token = encode(bytes(range(32)))
    assert digest(token, pepper="p") != digest(token, pepper="q")
    stored = [digest("another", pepper="p"), digest(token, pepper="p")]
    assert matches(token, stored, pepper="p")
    assert not matches(token, stored, pepper="q")
    assert not matches(token + "x", stored, pepper="p")
    assert not matches(token, [], pepper="p")
    assert not matches("", [""], pepper="p")
