"""docs/operations.md lists every setting with its default and meaning, as `settings.py` has them."""

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError
from pydantic_core import PydanticUndefined

from settings import Settings

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"


def table() -> str:
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = field.default
        shown = "" if default is None or isinstance(default, SecretStr) else f"`{default}`"
        rows.append(f"| `PREPAY_{name.upper()}` | {shown} | {field.description} |")
    return "\n".join(rows)


def test_the_page_is_in_step() -> None:
    page = PAGE.read_text(encoding="utf-8")
    there = page.split("<!-- settings -->\n")[1].split("\n<!-- /settings -->")[0]
    assert there == table(), f"put this between the two marks of {PAGE.name}:\n{table()}"


def test_every_setting_has_a_default_and_says_what_it_is() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []
    assert [name for name, field in Settings.model_fields.items() if field.default is PydanticUndefined] == []


@pytest.mark.parametrize("name", ["PREPAY_TOKEN_PEPPER", "PREPAY_SEAL_KEY"])
def test_production_refuses_what_everybody_knows(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREPAY_ENVIRONMENT", "production")
    for own in {"PREPAY_TOKEN_PEPPER", "PREPAY_SEAL_KEY"} - {name}:
        monkeypatch.setenv(own, "a-secret-of-its-own-with-many-characters")
    monkeypatch.delenv(name, raising=False)
    with pytest.raises(ValidationError, match=f"{name} still has its development value") as refused:
        Settings()
    assert "a-secret-of-its-own" not in str(refused.value)


@pytest.mark.parametrize("text", ["1h", "15m, 2d", "1h,1d,3d,30d"])
def test_a_retry_ladder_is_one_to_four_spans(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREPAY_RETRY_LADDER", text)
    assert Settings().retry_ladder == text


@pytest.mark.parametrize("text", ["soon", "1h,", "1h;1d", "0h", "1h,1h,1h,1h,1h"])
def test_another_retry_ladder_is_refused_at_the_start(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREPAY_RETRY_LADDER", text)
    with pytest.raises(ValidationError, match="retry_ladder"):
        Settings()
