"""``prepay doctor``: every setting, and whether each part that the installation needs is there and right."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import date
from typing import Literal

import typer
from pydantic import SecretStr
from rich.table import Table
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.service import RPCError

from commands.running import AsJson, database, out, print_json, run, settings
from migrations.run import is_current
from rules.business_days import is_business_day
from settings import Settings
from store import deployment
from worker import processor_of
from workflows.cluster import cluster_of, commands, connect, missing_attributes

State = Literal["ok", "warning", "failed"]
SECONDS = 10.0
_MARKS = {"ok": "[green]✓[/]", "warning": "[yellow]![/]", "failed": "[red]✗[/]"}


@dataclass(frozen=True, slots=True)
class Finding:
    """How one part is, and what to do about it."""

    part: str
    state: State
    detail: str


def doctor(as_json: AsJson = False) -> None:
    """Show every setting and check every part. Exits 1 when something has failed."""
    given = settings()
    findings = run(_examine(given))
    shown = _settings(given)
    if as_json:
        print_json({"settings": shown, "findings": [asdict(one) for one in findings]})
    else:
        table = Table("setting", "value", "from", box=None, padding=(0, 2))
        for one in shown:
            table.add_row(one["name"], one["value"], one["from"])
        out.print(table)
        out.print()
        for finding in findings:
            out.print(f"{_MARKS[finding.state]} [bold]{finding.part}[/]: {finding.detail}", highlight=False)
    raise typer.Exit(1 if any(one.state == "failed" for one in findings) else 0)


def _settings(given: Settings) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = []
    for name, field in Settings.model_fields.items():
        value = getattr(given, name)
        secret = isinstance(value, SecretStr)
        shown = ("(set)" if value.get_secret_value() else "(empty)") if secret else "" if value is None else str(value)
        variable = f"PREPAY_{name.upper()}"
        source = "environment" if os.environ.get(variable) else "default"
        rows.append({"name": variable, "value": shown, "from": source, "meaning": field.description or ""})
    return rows


async def _examine(given: Settings) -> list[Finding]:
    checks: dict[str, Callable[[Settings], Awaitable[Finding]]] = {
        "Postgres": _postgres,
        "Temporal": _temporal,
        "Workers": _workers,
        "Processor": _processor,
        "Webhooks": _webhooks,
        "Mail": _mail,
        "Calendar": _calendar,
    }
    findings: list[Finding] = []
    for part, check in checks.items():
        try:
            findings.append(await asyncio.wait_for(check(given), SECONDS))
        except Exception as error:  # noqa: BLE001 - whatever a part fails with is what the doctor reports
            findings.append(Finding(part, "failed", f"{type(error).__name__}: {str(error)[:200]}"))
    return findings


async def _postgres(given: Settings) -> Finding:
    async with database(given) as opened, opened.transaction() as session:
        await deployment.read(session)
    if not await is_current(given.database_url.get_secret_value()):
        return Finding("Postgres", "failed", "reached, but the schema is not the newest: run `prepay migrate`")
    return Finding("Postgres", "ok", "reached, newest schema")


async def _temporal(given: Settings) -> Finding:
    client = await connect(cluster_of(given))
    try:
        missing = await missing_attributes(client, given.temporal_namespace)
    except RPCError as error:
        by_hand = "; ".join(commands(given.temporal_namespace))
        return Finding("Temporal", "warning", f"search attributes cannot be listed here ({error}). By hand: {by_hand}")
    if missing:
        by_hand = "; ".join(commands(given.temporal_namespace))
        return Finding(
            "Temporal",
            "failed",
            f"search attributes missing: {', '.join(missing)}. Run `prepay migrate`, or on Temporal Cloud: {by_hand}",
        )
    return Finding("Temporal", "ok", f"namespace {given.temporal_namespace} with its search attributes")


async def _workers(given: Settings) -> Finding:
    client = await connect(cluster_of(given))
    answer = await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=given.temporal_namespace,
            task_queue=TaskQueue(name=given.task_queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        )
    )
    count = len(answer.pollers)
    if count == 0:
        return Finding("Workers", "failed", f"nobody polls task queue {given.task_queue}: start `prepay worker`")
    return Finding("Workers", "ok", f"{count} seen on task queue {given.task_queue} in the last minutes")


async def _processor(given: Settings) -> Finding:
    found = await processor_of(given).account()
    mode = "live" if found.livemode else "test"
    what = "the sandbox" if given.uses_sandbox else "Stripe"
    async with database(given) as opened, opened.transaction() as session:
        owner = await deployment.read(session)
    if owner is not None and (owner.processor_account, owner.livemode) != (found.id, found.livemode):
        return Finding(
            "Processor", "failed", f"this database belongs to {owner.processor_account}, the key to {found.id}"
        )
    return Finding("Processor", "ok", f"{what}, account {found.id}, {mode} mode")


async def _webhooks(given: Settings) -> Finding:
    if not given.stripe_webhook_secret.get_secret_value():
        return Finding(
            "Webhooks",
            "warning",
            "PREPAY_STRIPE_WEBHOOK_SECRET is not set here: the API refuses all; the poller is slower",
        )
    return Finding("Webhooks", "ok", f"secret set; the endpoint is {str(given.public_url).rstrip('/')}/webhooks/stripe")


async def _mail(given: Settings) -> Finding:
    reader, writer = await asyncio.open_connection(given.smtp_host, given.smtp_port)
    greeting = (await reader.readline()).decode(errors="replace").strip()
    writer.close()
    state: State = "ok" if greeting.startswith("220") or given.smtp_tls == "tls" else "failed"
    return Finding("Mail", state, f"{given.smtp_host}:{given.smtp_port} answers {greeting[:60]}")


async def _calendar(_: Settings) -> Finding:
    if is_business_day(date(2027, 12, 24)) and not is_business_day(date(2027, 7, 5)):
        return Finding("Calendar", "ok", "Federal Reserve Banks: open on the Friday before a Saturday's holiday")
    return Finding("Calendar", "failed", "`holidays` has another calendar than the Federal Reserve Banks'")
