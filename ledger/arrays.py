"""Arrays of text as PostgreSQL reads them from one text: the driver takes four times as long to send each by itself."""

from collections.abc import Sequence
from typing import cast


def array_literal(texts: Sequence[str | None]) -> str:
    """The array as a literal, for a parameter ``$n::text::text[]``; None is NULL."""
    if None not in texts:
        joined = '","'.join(cast("Sequence[str]", texts))
        if "\\" not in joined and joined.count('"') == 2 * (len(texts) - 1):  # hardly any has to be looked through
            return f'{{"{joined}"}}'
    return "{" + ",".join(map(_element, texts)) + "}"


def _element(text: str | None) -> str:
    if text is None:
        return "NULL"
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
