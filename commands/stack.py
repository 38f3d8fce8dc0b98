"""``prepay dev`` and ``prepay demo``: the whole stack on one machine."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from commands.running import refuse
from rules.mandate_text import CURRENT
from settings import DEVELOPMENT_OPERATOR_KEY

DataDir = Annotated[Path, typer.Option(help="where data and logs of the local stack live")]
HOME = Path(".prepay")
_ME = (sys.executable, "-m", "cli")


def dev(data_dir: DataDir = HOME) -> None:
    """Run the whole stack in the foreground until Ctrl-C."""
    local, ports = _local()
    pace = _pace()
    raise typer.Exit(asyncio.run(local.dev(_application(local), data_dir=data_dir, ports=ports, day_seconds=pace)))


def demo(data_dir: DataDir = HOME) -> None:
    """Run the whole stack, tell the story of one customer, prove the books, stop."""
    local, ports = _local()
    raise typer.Exit(asyncio.run(local.demo(_application(local), data_dir=data_dir, ports=ports)))


def _local() -> tuple[Any, Any]:
    """The local stack and its ports."""
    try:
        from sandbox import local  # noqa: PLC0415 - the sandbox is not installed in production
    except ModuleNotFoundError as missing:
        refuse(
            f"The local stack is not installed here (no module {missing.name}): run it from a clone, with `make dev`."
        )
    try:
        return local, local.ports(os.environ)
    except local.StackError as error:
        refuse(str(error))


def _pace() -> float:
    given = os.environ.get("PREPAY_SANDBOX_DAY_SECONDS") or "10"
    try:
        pace = float(given)
    except ValueError:
        pace = -1
    if not 0 <= pace < 1_000_000:
        refuse(f"PREPAY_SANDBOX_DAY_SECONDS must be a number of seconds, 0 or more, not {given!r}.")
    return pace


def _application(local: Any) -> Any:
    return local.Application(
        migrate=(*_ME, "migrate"),
        api=(sys.executable, "-m", "api"),
        worker=(sys.executable, "-m", "worker"),
        proofs=((*_ME, "verify"), (*_ME, "reconcile")),
        operator_key=DEVELOPMENT_OPERATOR_KEY,
        mandate_text_version=CURRENT,
    )
