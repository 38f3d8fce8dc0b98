"""Bank and card numbers never reach us: a request that carries one is refused, and not logged (C1, decision 8)."""

import re
from collections.abc import Iterator, Mapping
from typing import cast

FORBIDDEN_NAMES = frozenset({"number", "account_number", "routing_number", "cvc"})
# Free text that an integrator fills by its own rules; a Luhn hit there is chance, not a card.
UNTESTED_NAMES = frozenset({"reference", "external_id", "sender_id", "sender_ids", "description"})
_RUN_OF_DIGITS = re.compile(r"(?<![0-9])[0-9](?:[ -]?[0-9]){12,18}(?![0-9])", re.ASCII)


def passes_luhn(digits: str) -> bool:
    """Whether ``digits`` ends in the check digit of ISO/IEC 7812."""
    total = 0
    for place, char in enumerate(reversed(digits)):
        value = int(char) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def holds_card_number(text: str) -> bool:
    """Whether 13-19 digits in ``text`` (spaces and hyphens between them allowed) pass Luhn."""
    return any(passes_luhn(re.sub("[ -]", "", run.group())) for run in _RUN_OF_DIGITS.finditer(text))


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
