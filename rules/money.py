"""Money: integers of one millionth of a US dollar; payments are whole cents; decimal strings at the door."""

import re
from dataclasses import dataclass

MICROS_PER_DOLLAR = 1_000_000
MICROS_PER_CENT = 10_000
CURRENCY = "usd"
LIMIT_MICROS = 10**12 * MICROS_PER_DOLLAR  # far above any balance, far below a bigint
_DECIMAL = re.compile(r"(-?)(0|[1-9][0-9]{0,11})(?:\.([0-9]{1,6}))?", re.ASCII)


class MoneyError(ValueError):
    """A decimal string is not an amount that we take; the message says which rule it breaks."""


@dataclass(frozen=True, slots=True, order=True)
class Money:
    """An amount of US dollars, kept as an integer of millionths (``micros``)."""

    micros: int

    @classmethod
    def from_cents(cls, cents: int) -> "Money":
        """The amount of ``cents`` whole cents."""
        return cls(cents * MICROS_PER_CENT)

    @classmethod
    def parse(cls, text: str, *, signed: bool = False) -> "Money":
        """Read a decimal string of dollars with up to six places; a leading ``-`` only when ``signed``.

        Raises MoneyError for anything else: exponents, ``+``, spaces, non-ASCII digits, leading zeros.
        """
        match = _DECIMAL.fullmatch(text)
        if match is None:
            raise MoneyError('must be a decimal string of dollars with up to six places, such as "25.00"')
        sign, whole, places = match.groups()
        if sign and not signed:
            raise MoneyError("must not be negative")
        micros = int(whole + (places or "").ljust(6, "0"))
        return cls(-micros if sign else micros)

    @property
    def cents(self) -> int:
        """Whole cents. Raises MoneyError if the amount has parts of a cent."""
        cents, rest = divmod(self.micros, MICROS_PER_CENT)
        if rest:
            raise MoneyError("must be whole cents")
        return cents

    def __str__(self) -> str:
        whole, rest = divmod(abs(self.micros), MICROS_PER_DOLLAR)
        places = f"{rest:06d}".rstrip("0").ljust(2, "0")
        return f"{'-' if self.micros < 0 else ''}{whole}.{places}"
