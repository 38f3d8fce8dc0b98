"""What every command does: read the settings, run to the end, say an outage in one line."""

import asyncio
import json
import sys
from collections.abc import Coroutine
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from temporalio.service import RPCError

from gateways.processor import ProcessorOutageError, ProcessorRefusedError
from settings import Settings
from store.database import Database, DatabaseUnavailableError
from workflows.cluster import ClusterError

T = TypeVar("T")
AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]
out = Console()
err = Console(stderr=True)
_OUTAGES = (
    DatabaseUnavailableError,
    ProcessorOutageError,
    ProcessorRefusedError,
    ClusterError,
    RPCError,
    RuntimeError,
    LookupError,
    OSError,
)


def settings() -> Settings:
    """The settings of the environment; exits with what is wrong with them, never with their values."""
    try:
        return Settings()
    except ValidationError as error:
        refuse(wrong_settings(error))


def wrong_settings(error: ValidationError) -> str:
    """What is wrong with which setting, a line for each, never with a value."""
    return "\n".join(
        "".join(f"PREPAY_{part}: ".upper() for part in one["loc"]) + one["msg"].removeprefix("Value error, ")
        for one in error.errors(include_url=False, include_input=False)
    )


def refuse(why: str) -> NoReturn:
    """Exit with 2 and one message."""
    err.print(f"[red]{why}[/]", highlight=False)
    raise typer.Exit(2)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end; an outage is one line that says what is not reached."""
    try:
        return asyncio.run(work)
    except _OUTAGES as error:
        refuse(f"{type(error).__name__}: {error}")


def database(given: Settings) -> Database:
    """A single connection of the application's role."""
    return Database(given.database_url.get_secret_value(), pool_size=1, command_seconds=None)


def progress() -> Progress:
    """A bar on standard error, which goes when the work is done."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, console=err, transient=True)


def print_json(value: object) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(value, default=str) + "\n")
