"""How much one automatic recharge charges (rule D3)."""

from dataclasses import dataclass

from rules.money import MICROS_PER_CENT


@dataclass(frozen=True, slots=True)
class Size:
    """``cents``: ``times`` the recharge amount. ``enough``: it brings T above the minimum."""

    cents: int
    times: int
    enough: bool


def size(*, total_micros: int, minimum_micros: int, amount_cents: int, cap_cents: int) -> Size | None:
    """The smallest multiple of the amount that brings T above the minimum, else the largest up to ``cap_cents``.

    None where even one amount is above the cap. Raises ValueError when nothing is wanted (T is above the minimum) or
    the amount is not positive.
    """
    if amount_cents <= 0:
        raise ValueError("the amount must be positive")
    if total_micros > minimum_micros:
        raise ValueError("the balance is above the minimum")
    wanted = (minimum_micros - total_micros) // (amount_cents * MICROS_PER_CENT) + 1
    times = min(wanted, cap_cents // amount_cents)
    return Size(times * amount_cents, times, enough=times == wanted) if times > 0 else None


def cap_cents(*, max_recharge_cents: int, mandate_cents: int | None) -> int:
    """The most that one recharge may be: the deployment's bound, and a bank mandate's (None for a card)."""
    return max_recharge_cents if mandate_cents is None else min(max_recharge_cents, mandate_cents)
