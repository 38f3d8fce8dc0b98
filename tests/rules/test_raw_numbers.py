"""C1 and decision 8: bank and card numbers are found wherever a request hides them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.raw_numbers import find, holds_card_number, passes_luhn

VISA = "4242424242424242"


def with_check_digit(digits: str) -> str:
    """ISO/IEC 7812: the one digit that makes the number pass, found by trying all ten with the sum written out."""
    for check in "0123456789":
        number = digits + check
        doubled = [str(2 * int(char)) for char in number[-2::-2]]
        if (sum(int(char) for char in number[::-2]) + sum(int(char) for word in doubled for char in word)) % 10 == 0:
            return number
    raise AssertionError(digits)


@given(digits=st.text("0123456789", min_size=12, max_size=18))
def test_every_number_has_one_check_digit(digits: str) -> None:
    right = with_check_digit(digits)
    assert passes_luhn(right)
    assert [digit for digit in "0123456789" if passes_luhn(digits + digit)] == [right[-1]]


@given(digits=st.text("0123456789", min_size=12, max_size=18), separator=st.sampled_from(["", " ", "-"]))
def test_a_number_is_found_in_any_grouping(digits: str, separator: str) -> None:
    number = with_check_digit(digits)
    shown = separator.join(number[n : n + 4] for n in range(0, len(number), 4))
    assert holds_card_number(shown)
    assert holds_card_number(f"card {shown}, thank you")


@pytest.mark.parametrize(
    "text",
    [
        "4242424242424241",
        "424242424242",
        "42424242424242424242",
        "pm_card_visa",
        "",
        "2026-11-21T15:00:00Z",
        "4242.4242.4242.4242",
    ],
    ids=["wrong check digit", "12 digits", "20 digits", "token", "nothing", "moment", "points between"],
)
def test_what_is_no_card_number(text: str) -> None:
    assert not holds_card_number(text)


@pytest.mark.parametrize("number", [VISA, "378282246310005", "30569309025904", "6011111111111117", "4222222222222"])
def test_numbers_of_each_length(number: str) -> None:
    assert holds_card_number(number)


@pytest.mark.parametrize(
    "name", ["number", "account_number", "routing_number", "cvc", "Number", "CVC", "Account_Number"]
)
@pytest.mark.parametrize("test_values", [False, True])
def test_a_field_of_that_name_is_found_at_any_depth(name: str, test_values: bool) -> None:
    assert find({name: "1"}, test_values=test_values) == name
    assert find({"a": [{"b": {name: None}}]}, test_values=test_values) == f"a[0].b.{name}"


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"payment_method": VISA}, "payment_method"),
        ({"payment_method": int(VISA)}, "payment_method"),
        ({"mandate": {"user_agent": f"x {VISA}"}}, "mandate.user_agent"),
        ({"emails": ["a@b.example", "4242 4242 4242 4242"]}, "emails[1]"),
        ([VISA], "[0]"),
        (VISA, ""),
    ],
)
def test_a_value_is_found_where_values_are_tested(body: object, path: str) -> None:
    assert find(body, test_values=True) == path
    assert find(body, test_values=False) is None


@pytest.mark.parametrize("test_values", [False, True])
def test_a_number_as_a_key_is_found_and_not_repeated(test_values: bool) -> None:
    assert find({"metadata": {VISA: "x"}}, test_values=test_values) == "metadata.(a key)"
    assert find({VISA: "x"}, test_values=test_values) == "(a key)"


@pytest.mark.parametrize("name", ["reference", "external_id", "sender_id", "sender_ids", "description"])
def test_free_text_is_never_tested(name: str) -> None:
    assert find({name: VISA}, test_values=True) is None
    assert find({name: [VISA]}, test_values=True) is None
    assert find({name: {"number": "1"}}, test_values=True) == f"{name}.number"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(0, 99_999) | st.text("abc ", max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1, max_size=4), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(body=json_values)
def test_a_clean_body_passes(body: object) -> None:
    assert find(body, test_values=True) is None
    assert find({"wrapped": [body, {"cvc": body}]}, test_values=True) == "wrapped[1].cvc"


@pytest.mark.parametrize(
    "text",
    [
        f"apartment 5 {VISA}",
        f"{VISA} 12 27 123",
        f"1 {VISA}",
        f"2026-11-24 {VISA}",
        f"x{VISA}x",
        " ".join(VISA),
        "\uff14\uff12\uff14\uff12" * 4,
        "4242\u00a04242\u00a04242\u00a04242",
    ],
)
def test_neighbours_and_other_digits_hide_no_number(text: str) -> None:
    assert holds_card_number(text)


@pytest.mark.parametrize("text", ["1" * 1_000_000, "1 " * 500_000, "1-" * 500_000, "1" * 12 + " 1" * 400_000])
def test_a_megabyte_of_digits_is_looked_through(text: str) -> None:
    """Each place is looked at a bounded number of times: a square of them would outlast the suite."""
    assert not holds_card_number(text)
