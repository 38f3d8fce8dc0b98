"""Every text of the repository: no address of one machine or registry, nothing left unfinished, no dead link."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KEPT = {".ci", ".github"}
DERIVED = {"__pycache__", "dist", "build"}
# Written apart, so that this file does not hold them itself.
FORBIDDEN = {
    "a path of one machine": r"(?<![\w.])/(?:wor" + r"k|far" + r"m|hom" + r"e/\w+|Use" + r"rs/\w+|ro" + r"ot)/",
    "a registry's host": "files[.]pythonhosted|pypi[.]org|registry[.]npmjs|--(?:extra-)?index-" + "url",
    "something unfinished": r"\b(?:TOD" + r"O|FIX" + r"ME|XX" + r"X)\b",
}
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def texts() -> Iterator[Path]:
    """Files that a commit would hold: all but what .gitignore names."""
    for folder, folders, files in os.walk(ROOT):
        folders[:] = sorted(
            name for name in folders if name in KEPT or (not name.startswith(".") and name not in DERIVED)
        )
        yield from (Path(folder, name) for name in sorted(files))


def read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


@pytest.mark.parametrize("what", FORBIDDEN)
def test_texts_are_clean(what: str) -> None:
    pattern = re.compile(FORBIDDEN[what])
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in texts()
        for number, line in enumerate((read(path) or "").splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("a path of one machine", "see /ho" + "me/someone/notes"),
        ("a path of one machine", "cp /ro" + "ot/.profile ."),
        ("a registry's host", "https://files." + "pythonhosted.org/x.whl"),
        ("something unfinished", "# TO" + "DO: later"),
    ],
)
def test_an_unclean_text_would_be_found(what: str, line: str) -> None:
    assert re.search(FORBIDDEN[what], line)


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub names them."""
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in HEADING.findall(text)}


def test_links_between_pages_lead_somewhere() -> None:
    dead: list[str] = []
    for page in (path for path in texts() if path.suffix == ".md"):
        for groups in LINK.findall(page.read_text(encoding="utf-8")):
            target, _, anchor = (groups[0] or groups[1]).partition("#")
            if ":" in target:
                continue
            there = page if not target else (page.parent / target).resolve()
            known = there.exists() and (not anchor or anchor in anchors(there.read_text(encoding="utf-8")))
            if not known:
                dead.append(f"{page.relative_to(ROOT)}: {target}#{anchor}")
    assert dead == []


def test_every_page_of_docs_is_on_the_map() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")} - {"index.md"}
    assert {page for page in pages if f"({page})" not in index and f"({page}#" not in index} == set()
