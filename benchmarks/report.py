"""The table on the screen, and the files that keep it."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from benchmarks.figures import Figure

_COLORS = {"met": "green", "missed": "red", "not measured": "yellow"}
_HEADS = ("#", "what", "measured", "beside", "limit", "ratio (rounds)", "target", "")


def number(value: float) -> str:
    """Three digits or whole: 0.274, 12.3, 24,107."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def cells(figure: Figure) -> tuple[str, ...]:
    """One row."""
    target = figure.target
    if not figure.measured:
        return (figure.key, target.what, "-", target.limit, "-", "-", target.text, figure.verdict)
    low, high = (target.shown(ratio) for ratio in (min(figure.ratios), max(figure.ratios)))
    return (
        figure.key,
        target.what,
        number(median(figure.values)),
        target.limit,
        number(median(figure.limits)),
        f"{target.shown(figure.ratio)} ({low} to {high})",
        target.text,
        figure.verdict,
    )


def show(console: Console, figures: Sequence[Figure]) -> None:
    """Print the table and the notes."""
    table = Table(*_HEADS, title="Each figure beside its limit in the same run; rates are per second")
    for figure in figures:
        *row, verdict = cells(figure)
        table.add_row(*row, f"[{_COLORS[verdict]}]{verdict}[/]")
    console.print(table)
    for figure in figures:
        if figure.note:
            console.print(f"{figure.key}: {figure.note}", highlight=False)


def markdown(machine: Mapping[str, str], figures: Sequence[Figure], *, at: datetime, quick: bool, proof: str) -> str:
    """The page that is kept."""
    lines = [f"# Benchmarks, {at:%Y-%m-%d %H:%M} UTC", ""]
    if quick:
        lines += ["A quick run: short rounds, a small journal. Its figures scatter.", ""]
    lines += [f"- {name}: {value}" for name, value in machine.items()]
    lines += ["", proof, "", "| " + " | ".join(_HEADS) + " |", "|" + " --- |" * len(_HEADS)]
    lines += ["| " + " | ".join(cells(figure)) + " |" for figure in figures]
    notes = [f"- {figure.key}: {figure.note}" for figure in figures if figure.note]
    lines += ["", *notes, ""] if notes else [""]
    return "\n".join(lines)


def keep(
    folder: Path,
    machine: Mapping[str, str],
    figures: Sequence[Figure],
    *,
    at: datetime,
    quick: bool,
    proof: str,
) -> Path:
    """Write the page and the numbers of every round; gives the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / f"{at:%Y-%m-%d-%H%M}{'-quick' if quick else ''}.md"
    page.write_text(markdown(machine, figures, at=at, quick=quick, proof=proof))
    told = {
        "at": at.isoformat(timespec="seconds"),
        "quick": quick,
        "machine": dict(machine),
        "proof": proof,
        "figures": [figure.as_json() for figure in figures],
    }
    page.with_suffix(".json").write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    return page
