"""docs/webhooks.md lists every type of event and every error of a delivery, as the code has them."""

import re
from pathlib import Path

import pytest

from rules.events import TYPES
from rules.webhooks import ERRORS, WAITS

PAGE = Path(__file__).parents[2] / "docs" / "webhooks.md"


def events() -> str:
    rows = ["| type | what it means | `data` |", "|---|---|---|"]
    for name, kind in TYPES.items():
        carried = [f"`{one}`" for one in sorted(kind.needs)] + [f"`{one}`?" for one in sorted(kind.may)]
        rows.append(f"| `{name}` | {kind.means} | {', '.join(carried)} |")
    return "\n".join(rows)


def errors() -> str:
    return "\n".join(
        ["| `last_error` | meaning |", "|---|---|", *(f"| `{name}` | {means} |" for name, means in ERRORS.items())]
    )


@pytest.mark.parametrize(("name", "table"), [("events", events()), ("errors", errors())])
def test_the_page_is_in_step(name: str, table: str) -> None:
    page = PAGE.read_text(encoding="utf-8")
    (there,) = re.findall(f"<!-- {name} -->\n(.*?)\n?<!-- /{name} -->", page, flags=re.DOTALL)
    assert there == table, f"put this between the two marks of {PAGE.name}:\n{table}"


def test_the_schedule_on_the_page_is_that_of_the_code() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert "5 seconds, 5 minutes, 30 minutes, 2, 5, 10, 14, 20 and 24 hours" in page
    assert [wait.total_seconds() for wait in WAITS[:4]] == [0, 5, 300, 1800]
    assert [wait.total_seconds() / 3600 for wait in WAITS[4:]] == [2, 5, 10, 14, 20, 24]
