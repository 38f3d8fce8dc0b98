"""What is watched of a balance (requirement H4): the kinds of threshold, as the database numbers them."""

from enum import IntEnum


class Threshold(IntEnum):
    """Why an amount is watched."""

    ALERT = 1
    """A balance alert (A1, A3)."""
    ZERO = 2
    """Nothing is left (B1); told on the way up as well."""
    MINIMUM = 3
    """The minimum of auto-recharge (D2)."""
    STEP = 4
    """A share of that minimum (D6)."""
    BUDGET = 5
    """A subaccount's monthly budget (F7): counted by the budget's own row, not watched by an amount."""


#: Available is zero or less when it is below one millionth of a dollar.
ZERO_BELOW = 1
