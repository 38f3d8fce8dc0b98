"""Bank and card numbers never reach us: a request that carries one is refused, and not logged (C1, decision 8)."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import cast

FORBIDDEN_NAMES = frozenset({"number", "account_number", "routing_number", "cvc"})
# Free text that an integrator fills by its own rules, and ids of ours; a Luhn hit there is chance, not a card.
UNTESTED_NAMES = frozenset(
    {
        *("reference", "external_id", "sender_id", "sender_ids", "description"),
        *("account", "subaccount", "auth_id", "auth_token"),
    }
)
SHORTEST, LONGEST = 13, 19
_RUN_OF_DIGITS = re.compile(r"[0-9]+(?:[ -][0-9]+)*", re.ASCII)
_SEPARATOR = re.compile("[ -]")
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def passes_luhn(digits: str) -> bool:
    """Whether ``digits`` ends in the check digit of ISO/IEC 7812."""
    total = 0
    for place, char in enumerate(reversed(digits)):
        value = int(char) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def holds_card_number(text: str) -> bool:
    """Whether 13-19 digits in ``text`` pass Luhn: one group, or neighbours with a space or hyphen between them.

    Every window of neighbours is looked at, so that "apartment 5 4242 4242 4242 4242" does not hide one.
    """
    runs = _RUN_OF_DIGITS.finditer(unicodedata.normalize("NFKC", text))
    return any(_window_passes(run.group()) for run in runs)


def _window_passes(run: str) -> bool:
    """Whether a window of neighbouring groups passes: the Luhn sum of each comes from two running sums."""
    groups = _SEPARATOR.split(run)
    digits = [int(digit) for digit in "".join(groups)]
    if len(digits) < SHORTEST:
        return False
    bounds = list(accumulate((len(group) for group in groups), initial=0))
    # Every second digit is doubled, the last one never: which of the two sums counts is told by where a window ends.
    sums = [
        list(accumulate((_DOUBLED[d] if at % 2 == parity else d for at, d in enumerate(digits)), initial=0))
        for parity in (0, 1)
    ]
    first = 0
    for end in bounds:
        total = sums[end % 2]
        while bounds[first] < end - LONGEST:
            first += 1
        at = first
        while bounds[at] <= end - SHORTEST:
            if (total[end] - total[bounds[at]]) % 10 == 0:
                return True
            at += 1
    return False


def find(body: object, *, test_values: bool) -> str | None:
    """The path of the first forbidden field, or of a value that looks like a card number if ``test_values``."""
    return next(_walk(body, path="", test_values=test_values), None)


def _walk(node: object, *, path: str, test_values: bool) -> Iterator[str]:
    if isinstance(node, Mapping):
        for name, value in cast("Mapping[str, object]", node).items():
            here = f"{path}.{name}" if path else name
            if name.lower() in FORBIDDEN_NAMES:
                yield here
            elif holds_card_number(name):
                yield f"{path}.(a key)" if path else "(a key)"
            yield from _walk(value, path=here, test_values=test_values and name not in UNTESTED_NAMES)
    elif isinstance(node, list):
        for place, value in enumerate(cast("list[object]", node)):
            yield from _walk(value, path=f"{path}[{place}]", test_values=test_values)
    elif test_values and isinstance(node, str | int) and holds_card_number(str(node)):
        yield path
