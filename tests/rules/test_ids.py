"""Identifiers: prefixed, of fixed length, in the order of time."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.ids import ACCOUNT_ID, ENTROPY_BYTES, make, make_auth_id

entropies = st.binary(min_size=ENTROPY_BYTES, max_size=ENTROPY_BYTES)
moments = st.datetimes(
    min_value=datetime(2024, 1, 1), max_value=datetime(2999, 1, 1), timezones=st.just(UTC)  # noqa: DTZ001 - zone beside it
)  # fmt: skip
ZEROS, ONES = bytes(ENTROPY_BYTES), b"\xff" * ENTROPY_BYTES


@given(now=moments, entropy=entropies)
def test_an_auth_id_is_20_characters_upper_case_and_digits(now: datetime, entropy: bytes) -> None:
    """F3, for accounts and subaccounts."""
    for prefix in ("MA", "SA"):
        auth_id = make_auth_id(prefix, now=now, entropy=entropy)
        assert len(auth_id) == 20
        assert re.fullmatch(f"{prefix}[0-9A-Z]{{18}}", auth_id)
    assert ACCOUNT_ID.fullmatch(make_auth_id("MA", now=now, entropy=entropy))


@given(now=moments, entropy=entropies)
def test_an_id_is_its_prefix_and_24_characters(now: datetime, entropy: bytes) -> None:
    assert re.fullmatch(r"rchg_[0-9A-HJKMNP-TV-Z]{24}", make("rchg", now=now, entropy=entropy))


@given(now=moments, later=st.timedeltas(min_value=timedelta(milliseconds=2), max_value=timedelta(days=3650)))
def test_later_ids_sort_later_whatever_the_lot(now: datetime, later: timedelta) -> None:
    assert make("txn", now=now, entropy=ONES) < make("txn", now=now + later, entropy=ZEROS)
    assert make_auth_id("MA", now=now, entropy=ONES) < make_auth_id("MA", now=now + later, entropy=ZEROS)


@given(now=moments, one=entropies, other=entropies)
def test_ids_of_one_moment_differ_by_75_bits_of_their_lot(now: datetime, one: bytes, other: bytes) -> None:
    mask = (1 << 75) - 1
    alike = int.from_bytes(one) & mask == int.from_bytes(other) & mask
    assert (make("evt", now=now, entropy=one) == make("evt", now=now, entropy=other)) is alike


def test_time_is_that_of_the_moment_not_of_the_zone() -> None:
    utc = datetime(2026, 11, 21, 15, 0, tzinfo=UTC)
    elsewhere = utc.astimezone(timezone(timedelta(hours=-8)))
    assert make("ntc", now=utc, entropy=ZEROS) == make("ntc", now=elsewhere, entropy=ZEROS)


@pytest.mark.parametrize(
    "text", ["MA", "ma000000000000000000", "MA00000000000000000", "MA0000000000000000000", "SA" + "0" * 18]
)
def test_what_is_no_account_id(text: str) -> None:
    assert ACCOUNT_ID.fullmatch(text) is None
