"""The ``prepay`` command for operators and for developers; each group of commands lives in ``commands/``."""

import sys

import typer
from pydantic import ValidationError

from commands import books, doctor, events, notices, records, sandbox, setup, stack
from commands.running import wrong_settings
from workflows.cluster import leave

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Prepay: prepaid balances, cards and US bank debit.",
)
app.command()(stack.dev)
app.command()(stack.demo)


@app.command()
def api() -> None:
    """Serve the HTTP API."""
    from api.__main__ import main as serve  # noqa: PLC0415 - only the process that serves loads it

    serve()


@app.command()
def worker() -> None:
    """Run a worker: workflows, activities and hand-offs."""
    from worker import main as work  # noqa: PLC0415 - only the process that works loads it

    work()


app.command()(setup.migrate)
app.command()(setup.operator_key)
app.command()(books.verify)
app.command()(books.reconcile)
app.command()(doctor.doctor)
app.command()(notices.notices)
app.add_typer(records.account_app, name="account")
app.add_typer(records.payment_app, name="payment")
app.add_typer(events.app, name="events")
app.command()(events.webhooks)
app.add_typer(sandbox.app, name="sandbox")


def main() -> None:
    """Entry point of ``prepay``."""
    try:
        app(prog_name="prepay")
    except ValidationError as error:  # of the settings: api and worker read them themselves
        sys.stderr.write(wrong_settings(error) + "\n")
        leave(2)
    except SystemExit as done:
        leave(done.code if isinstance(done.code, int) else bool(done.code))


if __name__ == "__main__":
    main()
