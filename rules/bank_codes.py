"""What a customer reads off the bank statement: a 6-character code, or two amounts (requirements E3, E5)."""

import re
from dataclasses import dataclass
from typing import Literal, Self

MicrodepositType = Literal["descriptor_code", "amounts"]
PREFIX = "SM"
LARGEST_DEPOSIT_CENTS = 99
_CODE = re.compile(r"(?:SM)?([0-9A-Z]{4})", re.ASCII)


class MalformedEntryError(ValueError):
    """What was entered cannot be a code, or cannot be two deposits; nothing is tried with it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One try: the code or the two amounts in cents, as the processor wants them."""

    code: str | None = None
    amounts: tuple[int, int] | None = None

    @classmethod
    def of_code(cls, text: str) -> Self:
        """From ``SM11AA``, ``sm11aa`` or `` 11AA ``. Raises MalformedEntryError for anything else."""
        stripped = text.strip()
        found = _CODE.fullmatch(stripped.upper()) if stripped.isascii() else None
        if found is None:
            raise MalformedEntryError("the 6-character code is SM and four letters or digits")
        return cls(code=PREFIX + found.group(1))

    @classmethod
    def of_amounts(cls, cents: list[int]) -> Self:
        """From two whole amounts in cents, each below a dollar. Raises MalformedEntryError for anything else."""
        if len(cents) != 2 or not all(1 <= one <= LARGEST_DEPOSIT_CENTS for one in cents):
            raise MalformedEntryError(f"two amounts in cents are asked for, each from 1 to {LARGEST_DEPOSIT_CENTS}")
        return cls(amounts=(cents[0], cents[1]))

    @classmethod
    def of_text(cls, text: str) -> Self:
        """The entry whose ``text`` this is."""
        if text.startswith(PREFIX):
            return cls(code=text)
        first, second = text.split(",")
        return cls(amounts=(int(first), int(second)))

    @property
    def kind(self) -> MicrodepositType:
        """Which kind of deposit it answers."""
        return "descriptor_code" if self.code is not None else "amounts"

    @property
    def text(self) -> str:
        """``SM11AA`` or ``32,45``: what is sealed."""
        return self.code if self.code is not None else ",".join(str(one) for one in self.amounts or ())
