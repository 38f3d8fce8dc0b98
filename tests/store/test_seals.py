"""Sealed values: they open with their key and in their record alone."""

import base64

import pytest

from store.seals import Seal, SealBrokenError

KEY = base64.b64encode(b"k" * 32).decode()
PARTS = ("MA1", "bank_1", "1")


@pytest.fixture
def seal():
    return Seal(KEY)


def test_what_is_sealed_opens_again(seal):
    sealed = seal.seal("SM11AA", *PARTS)
    assert b"SM11AA" not in sealed
    assert seal.open(sealed, *PARTS) == "SM11AA"


def test_the_same_value_is_never_sealed_alike(seal):
    assert seal.seal("SM11AA", *PARTS) != seal.seal("SM11AA", *PARTS)


@pytest.mark.parametrize("parts", [("MA1", "bank_1", "2"), ("MA2", "bank_1", "1"), ("MA1", "bank_1")])
def test_it_does_not_open_in_another_record(seal, parts):
    with pytest.raises(SealBrokenError):
        seal.open(seal.seal("SM11AA", *PARTS), *parts)


def test_it_does_not_open_with_another_key_or_when_it_was_changed(seal):
    sealed = seal.seal("SM11AA", *PARTS)
    other = Seal(base64.b64encode(b"o" * 32).decode())
    broken = (b"", b"\x01", sealed[:-1], sealed + b"x", b"\x02" + sealed[1:], bytes([*sealed[:-1], sealed[-1] ^ 1]))
    with pytest.raises(SealBrokenError):
        other.open(sealed, *PARTS)
    for one in broken:
        with pytest.raises(SealBrokenError):
            seal.open(one, *PARTS)


def test_a_digest_tells_equal_values_of_one_record_and_nothing_else(seal):
    digest = seal.digest("SM11AA", "MA1", "bank_1")
    assert digest == Seal(KEY).digest("SM11AA", "MA1", "bank_1")
    assert digest != seal.digest("SM11AB", "MA1", "bank_1")
    assert digest != seal.digest("SM11AA", "MA1", "bank_2")
    assert digest != Seal(base64.b64encode(b"o" * 32).decode()).digest("SM11AA", "MA1", "bank_1")


@pytest.mark.parametrize("key", ["", "short", base64.b64encode(b"k" * 31).decode(), "ä" * 44, "k" * 44 + "="])
def test_another_key_than_32_bytes_is_refused(key):
    with pytest.raises(ValueError, match="32 bytes"):
        Seal(key)
