"""H2 and the door's decimal strings: integers of millionths, nothing lost, nothing strange taken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.money import LIMIT_MICROS, MICROS_PER_CENT, MICROS_PER_DOLLAR, Money, MoneyError

amounts = st.integers(min_value=-LIMIT_MICROS + 1, max_value=LIMIT_MICROS - 1)


@given(micros=amounts)
def test_what_is_shown_is_read_back(micros: int) -> None:
    assert Money.parse(str(Money(micros)), signed=True) == Money(micros)


@given(micros=amounts)
def test_it_is_shown_as_dollars_with_two_to_six_places(micros: int) -> None:
    whole, places = str(Money(micros)).removeprefix("-").split(".")
    assert 2 <= len(places) <= 6
    assert len(places) == 2 or not places.endswith("0")
    assert int(whole) * MICROS_PER_DOLLAR + int(places.ljust(6, "0")) == abs(micros)


@given(whole=st.integers(min_value=0, max_value=10**12 - 1), places=st.text("0123456789", min_size=1, max_size=6))
def test_six_places_are_exact(whole: int, places: str) -> None:
    micros = whole * MICROS_PER_DOLLAR + int(places) * 10 ** (6 - len(places))
    assert Money.parse(f"{whole}.{places}").micros == micros
    assert Money.parse(f"-{whole}.{places}", signed=True).micros == -micros


@given(cents=st.integers(min_value=-(10**9), max_value=10**9))
def test_cents_go_both_ways(cents: int) -> None:
    assert Money.from_cents(cents).cents == cents


@given(
    cents=st.integers(min_value=-(10**9), max_value=10**9), rest=st.integers(min_value=1, max_value=MICROS_PER_CENT - 1)
)
def test_parts_of_a_cent_are_no_payment(cents: int, rest: int) -> None:
    with pytest.raises(MoneyError, match="whole cents"):
        _ = Money(cents * MICROS_PER_CENT + rest).cents


@given(one=amounts, other=amounts)
def test_order_is_that_of_the_integers(one: int, other: int) -> None:
    assert (Money(one) < Money(other)) is (one < other)
    assert (Money(one) == Money(other)) is (one == other)


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("25", 25_000_000),
        ("25.00", 25_000_000),
        ("0.0055", 5_500),
        ("0.000001", 1),
        ("0", 0),
        ("999999999999.999999", LIMIT_MICROS - 1),
    ],
)
def test_taken(text: str, micros: int) -> None:
    assert Money.parse(text).micros == micros


REFUSED = {
    "exponent": "1e3",
    "capital exponent": "1E3",
    "exponent of nothing": "25.00e0",
    "plus": "+25.00",
    "two signs": "--1",
    "space before": " 25.00",
    "space after": "25.00 ",
    "line end after": "25.00\n",
    "space inside": "2 5",
    "thousands": "1,000.00",
    "underscore": "1_000",
    "decimal comma": "25,00",
    "currency sign": "$25.00",
    "currency": "25.00 USD",
    "seven places": "0.0000001",
    "seven places of zeros": "1.0000000",
    "leading zero": "025.00",
    "two zeros": "00",
    "no whole part": ".50",
    "no places": "25.",
    "two points": "1.2.3",
    "empty": "",
    "words": "ten",
    "not a number": "NaN",
    "infinity": "Infinity",
    "hexadecimal": "0x19",
    "thirteen digits": "1000000000000",
    "Arabic-Indic digits": "\u0662\u0665.\u0660\u0660",
    "full-width digits": "\uff12\uff15",
    "superscript": "2\u00b2",
    "minus of typography": "\u22125",
    "NUL": "25\x00",
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("signed", [False, True])
def test_refused(text: str, signed: bool) -> None:
    with pytest.raises(MoneyError, match="decimal string of dollars"):
        Money.parse(text, signed=signed)


def test_a_minus_is_taken_only_where_amounts_may_be_negative() -> None:
    assert Money.parse("-1.50", signed=True) == Money(-1_500_000)
    with pytest.raises(MoneyError, match="must not be negative"):
        Money.parse("-1.50")


@given(text=st.text(max_size=12))
def test_whatever_is_sent_is_an_amount_or_refused(text: str) -> None:
    try:
        money = Money.parse(text, signed=True)
    except MoneyError:
        return
    assert text.isascii()
    assert -LIMIT_MICROS < money.micros < LIMIT_MICROS
