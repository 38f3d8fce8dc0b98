"""The ``prepay`` command for operators and for developers."""

import asyncio
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn
from rich.table import Table

import ledger
import worker as work
from activities.reconciling import Report
from activities.reconciling import reconcile as compare_books
from api.__main__ import main as serve
from gateways.processor import ProcessorOutageError
from migrations.run import upgrade
from rules.access import Scope
from rules.mandate_text import CURRENT
from rules.money import Money
from settings import DEVELOPMENT_OPERATOR_KEY, Settings
from store import operators
from store.database import Database, DatabaseUnavailableError
from workflows.cluster import ClusterError, cluster_of, leave, prepare

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Prepay: prepaid balances, cards and US bank debit.",
)
DataDir = Annotated[Path, typer.Option(help="where data and logs of the local stack live")]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]
HOME = Path(".prepay")
out = Console()
_ME = (sys.executable, "-m", "cli")


def _local() -> Any:
    try:
        from sandbox import local  # noqa: PLC0415 - the sandbox is not installed in production
    except ModuleNotFoundError as missing:
        raise _refusal(
            f"The local stack is not installed here (no module {missing.name}): run it from a clone, with `make dev`."
        ) from None
    return local


def _ports(local: Any) -> Any:
    try:
        return local.ports(os.environ)
    except local.StackError as error:
        raise _refusal(str(error)) from None


def _pace() -> float:
    given = os.environ.get("PREPAY_SANDBOX_DAY_SECONDS") or "10"
    try:
        return float(given)
    except ValueError:
        raise _refusal(f"PREPAY_SANDBOX_DAY_SECONDS must be a number of seconds, not {given!r}.") from None


def _refusal(why: str) -> typer.Exit:
    Console(stderr=True).print(f"[red]{why}[/]", highlight=False)
    return typer.Exit(2)


def _application(local: Any) -> Any:
    return local.Application(
        migrate=(*_ME, "migrate"),
        api=(*_ME, "api"),
        worker=(*_ME, "worker"),
        proofs=((*_ME, "verify"), (*_ME, "reconcile")),
        operator_key=DEVELOPMENT_OPERATOR_KEY,
        mandate_text_version=CURRENT,
    )


@app.command()
def dev(data_dir: DataDir = HOME) -> None:
    """Run the whole stack in the foreground until Ctrl-C."""
    local = _local()
    ports, pace = _ports(local), _pace()
    raise typer.Exit(asyncio.run(local.dev(_application(local), data_dir=data_dir, ports=ports, day_seconds=pace)))


@app.command()
def demo(data_dir: DataDir = HOME) -> None:
    """Run the whole stack, tell the story of one customer, prove the books, stop."""
    local = _local()
    ports = _ports(local)
    raise typer.Exit(asyncio.run(local.demo(_application(local), data_dir=data_dir, ports=ports)))


@app.command()
def api() -> None:
    """Serve the HTTP API."""
    serve()


@app.command()
def worker() -> None:
    """Run a worker: workflows, activities and hand-offs."""
    work.main()


@app.command()
def migrate() -> None:
    """Bring the database to the newest schema; make Temporal's namespace and search attributes."""
    settings = Settings()

    async def run() -> None:
        app_role = settings.database_url.get_secret_value().split("://", 1)[1].split(":", 1)[0].split("@", 1)[0]
        await upgrade(settings.database_owner_url.get_secret_value(), app_role=app_role)
        out.print("Database: newest schema, rights set.")
        await prepare(cluster_of(settings))
        out.print(f"Temporal: namespace {settings.temporal_namespace} with its search attributes.")

    _run(run())


@app.command()
def verify(as_json: AsJson = False) -> None:
    """Prove the ledger: balances are the sums of their transfers, the chains are whole. Exits 1 on a finding."""
    settings = Settings()

    async def run() -> list[ledger.Finding]:
        async with Database(settings.database_url.get_secret_value(), pool_size=1) as database:
            with _progress() as progress:
                task = progress.add_task("Verifying")
                async with database.transaction() as session:
                    return await ledger.verify(
                        session,
                        lambda name, done, count: progress.update(
                            task, description=f"Verifying: {name}", completed=done, total=count
                        ),
                    )

    findings = _run(run())
    if as_json:
        sys.stdout.write(json.dumps([asdict(one) for one in findings]) + "\n")
    elif findings:
        table = Table("check", "account", "finding", title="The ledger is not whole")
        for one in findings:
            table.add_row(one.check, one.account_id or "", one.detail)
        out.print(table)
    else:
        out.print("[green]✓[/] Ledger: every balance is the sum of its transfers, every chain is whole.")
    raise typer.Exit(1 if findings else 0)


@app.command()
def reconcile(as_json: AsJson = False) -> None:
    """Compare ledger and processor item by item, in both directions. Reads only. Exits 1 on a difference."""
    settings = Settings()

    async def run() -> Report:
        processor = work.processor_of(settings)
        async with Database(settings.database_url.get_secret_value(), pool_size=1) as database:
            with _progress() as progress:
                task = progress.add_task("Reconciling", total=None)
                return await compare_books(
                    database,
                    processor,
                    tell=lambda what, count: progress.update(task, description=f"Reconciling: {count} {what}"),
                )

    report = _run(run())
    if as_json:
        sys.stdout.write(json.dumps(asdict(report)) + "\n")
    elif report.found:
        table = Table("recharge", "payment", "difference", "what to do", title="Ledger and processor differ")
        for one in report.found:
            table.add_row(one.recharge_id, one.payment_intent, one.difference.what, one.difference.fix)
        out.print(table)
    else:
        out.print(
            f"[green]✓[/] Processor: {report.recharges} recharges, {report.payments} payments, "
            f"${Money.from_cents(report.credited_cents)} credited, no difference."
        )
    raise typer.Exit(1 if report.found else 0)


@app.command()
def operator_key(
    name: Annotated[str, typer.Argument(help="who or what will use it")],
    scope: Annotated[Scope, typer.Option(help="what it may do")] = "admin",
) -> None:
    """Make an operator key, the first one of an installation for example. It is shown this once."""
    settings = Settings()

    async def run() -> str:
        pepper = settings.token_pepper.get_secret_value()
        url = settings.database_url.get_secret_value()
        async with Database(url, pool_size=1) as database, database.transaction() as session:
            _, secret = await operators.create_operator_key(
                session, name=name, scope=scope, pepper=pepper, now=work.utc_now()
            )
        return secret

    out.print(_run(run()))


def _progress() -> Progress:
    return Progress(SpinnerColumn(), TextColumn("{task.description}"), console=Console(stderr=True), transient=True)


def _run(work_: Any) -> Any:
    """Run to the end; an outage is one line that says what is not reached, never a stack trace."""
    try:
        return asyncio.run(work_)
    except (DatabaseUnavailableError, ProcessorOutageError, ClusterError, RuntimeError, OSError) as error:
        Console(stderr=True).print(f"[red]{type(error).__name__}:[/] {error}", highlight=False)
        raise typer.Exit(2) from None


def main() -> None:
    """Entry point of ``prepay``."""
    try:
        app(prog_name="prepay")
    except ValidationError as error:
        for one in error.errors(include_url=False, include_input=False):
            name = "".join(f"PREPAY_{part}: ".upper() for part in one["loc"])
            Console(stderr=True).print(f"[red]{name}{one['msg'].removeprefix('Value error, ')}[/]", highlight=False)
        leave(2)
    except SystemExit as done:
        leave(done.code if isinstance(done.code, int) else bool(done.code))


if __name__ == "__main__":
    main()
