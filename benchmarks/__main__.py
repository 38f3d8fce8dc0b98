"""Run the benchmarks: ``python -m benchmarks`` (or `make bench`)."""

import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console

from benchmarks import batch, crossings, episodes, growth, http, ledger_alone, machine, mailing, report, stack
from benchmarks.bench import Bench, picks, unknown
from benchmarks.figures import Figure
from benchmarks.peers import hordak, pgledger
from benchmarks.progress import Bar
from benchmarks.targets import TARGETS

RESULTS = Path(__file__).parent / "results"
BROKEN = "it broke"
QUICK_SHARE = 0.35  # of a section's time


@dataclass(frozen=True, slots=True)
class Options:
    """What the caller chose."""

    picked: frozenset[str]
    quick: bool
    pgledger_sql: tuple[Path, ...]
    results: Path


@dataclass(frozen=True, slots=True)
class Section:
    """Targets that are measured together."""

    keys: tuple[str, ...]
    seconds: float
    run: Callable[[Bench], Awaitable[None]]


def _sections(options: Options) -> list[Section]:
    return [
        Section(http.KEYS, http.SECONDS, http.run),
        Section(ledger_alone.KEYS, ledger_alone.SECONDS, ledger_alone.run),
        Section(batch.KEYS, batch.SECONDS, batch.run),
        Section(crossings.KEYS, crossings.SECONDS, crossings.run),
        Section(mailing.KEYS, mailing.SECONDS, mailing.run),
        Section(episodes.KEYS, episodes.SECONDS, episodes.run),
        Section(pgledger.KEYS, pgledger.SECONDS, lambda bench: pgledger.run(bench, options.pgledger_sql)),
        Section(hordak.KEYS, hordak.SECONDS, hordak.run),
        Section(growth.KEYS, growth.SECONDS, growth.run),
    ]


async def _run(section: Section, bench: Bench) -> None:
    """Run a section; one that breaks says so in its rows and leaves the others alone."""
    try:
        await section.run(bench)
    except Exception as error:  # noqa: BLE001 - whatever it was, it stands in the table
        there = {figure.key for figure in bench.figures}
        for key in section.keys:
            if key not in there:
                bench.add(Figure(key=key, note=f"{BROKEN}: {type(error).__name__}: {error}"))


async def _measure(options: Options, console: Console) -> bool:
    """Run what was picked, show and keep it; whether nothing broke and the books are whole."""
    sections = [one for one in _sections(options) if any(picks(options.picked, key) for key in one.keys)]
    share = QUICK_SHARE if options.quick else 1
    bar = Bar(console, seconds=sum(section.seconds * share for section in sections))
    at = datetime.now(UTC)
    with tempfile.TemporaryDirectory(prefix="prepay-benchmark-") as name:
        folder = Path(name)
        async with bar.shown(), stack.started(folder) as running:
            described = await machine.description(folder, await running.version())
            bench = Bench(stack=running, bar=bar, picked=options.picked, quick=options.quick)
            for section in sections:
                async with bar.section(seconds=section.seconds * share):
                    await _run(section, bench)
    order = list(TARGETS)
    figures = sorted(bench.figures, key=lambda figure: order.index(figure.key))
    whole = not running.findings
    found = "; ".join(running.findings[:5])
    proof = (
        f"The books after it, {running.transfers:,} transfers: "
        + ("every balance is the sum of its transfers, every chain is whole." if whole else f"NOT WHOLE: {found}")
    )  # fmt: skip
    report.show(console, figures)
    console.print(f"[{'green' if whole else 'red'}]{proof}[/]", highlight=False)
    page = report.keep(options.results, described, figures, at=at, quick=options.quick, proof=proof)
    console.print(f"Kept in {page}", highlight=False)
    return whole and not any(figure.note.startswith(BROKEN) for figure in figures)


def main(
    only: Annotated[str, typer.Option(help="targets to measure, by comma: t1,t9; all when empty")] = "",
    quick: Annotated[bool, typer.Option(help="short rounds and a small journal")] = False,
    pgledger_sql: Annotated[str, typer.Option(help="copies of pgledger's published SQL, in order, by comma")] = "",
    results: Annotated[Path, typer.Option(help="where the results are kept")] = RESULTS,
) -> None:
    """Measure each figure beside its limit. A missed target is no failure; a broken section or book exits 1."""
    console = Console(width=None if Console().is_terminal else 200)
    picked = frozenset(name.strip().lower() for name in only.split(",") if name.strip())
    files = tuple(Path(name.strip()) for name in pgledger_sql.split(",") if name.strip())
    if wrong := [*unknown(picked), *(str(file) for file in files if not file.is_file())]:
        console.print(f"[red]No such target or file: {', '.join(wrong)}. Targets: {', '.join(TARGETS)}.[/]")
        raise typer.Exit(2)
    options = Options(picked=picked, quick=quick, pgledger_sql=files, results=results)
    if not uvloop.run(_measure(options, console)):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
