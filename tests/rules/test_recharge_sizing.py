"""D3: one charge that brings T above the minimum, or as much of it as is allowed."""

import random

import pytest

from rules.mandate_text import amount_rule, largest_cents
from rules.recharge_sizing import Size, cap_cents, size

DOLLAR = 1_000_000


@pytest.mark.parametrize(
    ("total", "minimum", "amount", "cap", "expected"),
    [
        (20 * DOLLAR, 20 * DOLLAR, 25_00, 10_000_00, Size(25_00, 1, enough=True)),
        (10 * DOLLAR, 20 * DOLLAR, 25_00, 10_000_00, Size(25_00, 1, enough=True)),
        # T + amount is the minimum exactly: not above it.
        (0, 25 * DOLLAR, 25_00, 10_000_00, Size(50_00, 2, enough=True)),
        (1, 25 * DOLLAR, 25_00, 10_000_00, Size(25_00, 1, enough=True)),
        (-1, 25 * DOLLAR, 25_00, 10_000_00, Size(50_00, 2, enough=True)),
        (-500 * DOLLAR, 20 * DOLLAR, 25_00, 10_000_00, Size(525_00, 21, enough=True)),
        (-500 * DOLLAR, 20 * DOLLAR, 25_00, 110_00, Size(100_00, 4, enough=False)),
        (0, 20 * DOLLAR, 25_00, 25_00, Size(25_00, 1, enough=True)),
        (0, 20 * DOLLAR, 25_00, 24_99, None),
        (0, 0, 25_00, 10_000_00, Size(25_00, 1, enough=True)),
    ],
)
def test_sizes(total: int, minimum: int, amount: int, cap: int, expected: Size | None) -> None:
    assert size(total_micros=total, minimum_micros=minimum, amount_cents=amount, cap_cents=cap) == expected


@pytest.mark.parametrize("seed", range(20))
def test_the_smallest_multiple_that_does_and_never_above_the_cap(seed: int) -> None:
    picked = random.Random(seed)
    for _ in range(200):
        minimum = picked.randrange(0, 1_000 * DOLLAR)
        total = picked.randrange(-2_000 * DOLLAR, minimum + 1)
        amount, cap = picked.randrange(25_00, 500_00), picked.randrange(25_00, 3_000_00)
        found = size(total_micros=total, minimum_micros=minimum, amount_cents=amount, cap_cents=cap)
        does = [n for n in range(1, cap // amount + 1) if total + n * amount * 10_000 > minimum]
        if amount > cap:
            assert found is None
        elif does:
            assert found == Size(does[0] * amount, does[0], enough=True)
        else:
            assert found == Size(cap // amount * amount, cap // amount, enough=False)


def test_nothing_is_sized_where_nothing_is_wanted() -> None:
    with pytest.raises(ValueError, match="above the minimum"):
        size(total_micros=20 * DOLLAR + 1, minimum_micros=20 * DOLLAR, amount_cents=25_00, cap_cents=100_00)
    with pytest.raises(ValueError, match="must be positive"):
        size(total_micros=0, minimum_micros=0, amount_cents=0, cap_cents=100_00)


def test_the_cap() -> None:
    assert cap_cents(max_recharge_cents=10_000_00, mandate_cents=None) == 10_000_00
    assert cap_cents(max_recharge_cents=10_000_00, mandate_cents=500_00) == 500_00
    assert cap_cents(max_recharge_cents=10_000_00, mandate_cents=20_000_00) == 10_000_00


@pytest.mark.parametrize("cents", [1, 99, 25_00, 999_99, 1_000_00, 10_000_00, 1_234_567_89])
def test_the_largest_debit_is_read_from_the_rule_that_was_accepted(cents: int) -> None:
    assert largest_cents(amount_rule(largest_cents=cents)) == cents


@pytest.mark.parametrize("rule", ["", "the amount that I choose", "never more than $25", "never more than 25.00."])
def test_a_rule_that_bounds_nothing_is_refused(rule: str) -> None:
    with pytest.raises(ValueError, match="names no largest debit"):
        largest_cents(rule)
