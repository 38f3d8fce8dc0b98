"""``prepay events …`` and ``prepay webhooks``: what was told to webhook endpoints, and telling it again."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from commands.running import AsJson, database, out, print_json, refuse, run, settings
from models.event import Event
from models.webhook_delivery import WebhookDelivery
from rules.access import Caller
from rules.events import TYPES
from store import audit, webhook_deliveries, webhook_endpoints
from store.paging import Page

app = typer.Typer(no_args_is_help=True, help="Events, as webhook endpoints hear of them.")
#: How the audit log names what was done by this command.
OPERATOR = Caller(kind="operator", id="command-line", name="prepay", scope="admin")
_COLORS = {"pending": "yellow", "delivered": "green", "failed": "red", "enabled": "green", "disabled": "red"}
_DELIVERY = {"endpoint_id", "state", "attempts", "last_status", "last_error", "next_try_at", "delivered_at"}
_ENDPOINT = {"id", "url", "events", "description", "status", "disabled_reason", "created_at"}


@app.command("list")
def list_events(
    kind: Annotated[str | None, typer.Option("--type", help="only this type, such as recharge.failed")] = None,
    account: Annotated[str | None, typer.Option(help="only events of this account, MA…")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="at most so many, the newest")] = 20,
    as_json: AsJson = False,
) -> None:
    """List events, newest first, with the state of each delivery."""
    if kind is not None and kind not in TYPES:
        refuse(f"--type: no event is called {kind}. There are {', '.join(TYPES)}.")
    given = settings()

    async def read() -> list[dict[str, Any]]:
        async with database(given) as opened, opened.transaction() as session:
            found, _ = await webhook_deliveries.page(session, Page(limit=limit), event_type=kind, account_id=account)
            rows = await webhook_deliveries.of_events(session, [event.id for event in found])
        return [_shown(event, rows) for event in found]

    listed = run(read())
    if as_json:
        print_json(listed)
        return
    table = Table("at (UTC)", "event", "type", "account", "deliveries", box=None, padding=(0, 2))
    for event in listed:
        states = ", ".join(_told(row) for row in event["deliveries"]) or "[dim]no endpoint wanted it[/]"
        at = f"{event['created_at']:%Y-%m-%d %H:%M:%S}"
        table.add_row(at, event["id"], event["type"], event["account_id"] or "", states)
    out.print(table, soft_wrap=True)


@app.command("resend")
def resend_event(
    event_id: Annotated[str, typer.Argument(help="the event, evt_…")],
    endpoint: Annotated[str | None, typer.Option(help="one endpoint, whk_…; else all that hear of its type")] = None,
    as_json: AsJson = False,
) -> None:
    """Send an event again, with its first id and content."""
    given = settings()
    now = datetime.now(UTC)

    async def ask() -> list[str]:
        async with database(given) as opened, opened.transaction() as session:
            event = await webhook_deliveries.find_event(session, event_id)
            if event is None:
                raise LookupError(f"there is no event {event_id}")
            sent = await webhook_deliveries.resend(session, event, endpoint_id=endpoint, now=now)
            if not sent:
                raise LookupError(f"there is no enabled endpoint {endpoint or 'that hears of ' + event.type}")
            details = {"endpoints": list(sent)}
            await audit.record(
                session, OPERATOR, "event.resent", now=now, account_id=event.account_id, object_id=event.id,
                details=details,
            )  # fmt: skip
            return list(sent)

    sent = run(ask())
    if as_json:
        print_json({"event": event_id, "endpoints": sent})
    else:
        out.print(f"[green]✓[/] {event_id} goes to {', '.join(sent)}; `prepay events list` shows how it fares.")


def webhooks(as_json: AsJson = False) -> None:
    """List webhook endpoints, newest first."""
    given = settings()

    async def read() -> list[dict[str, Any]]:
        async with database(given) as opened, opened.transaction() as session:
            found, _ = await webhook_endpoints.page(session, Page(limit=100))
        return [row.model_dump(include=_ENDPOINT) for row in found]

    listed = run(read())
    if as_json:
        print_json(listed)
        return
    table = Table("endpoint", "url", "events", "status", box=None, padding=(0, 2))
    for row in listed:
        status = f"[{_COLORS[row['status']]}]{row['status']}[/]"
        why = f" ({row['disabled_reason']})" if row["disabled_reason"] else ""
        table.add_row(row["id"], escape(row["url"]), ", ".join(row["events"]), status + why)
    out.print(table, soft_wrap=True)


def _shown(event: Event, rows: Sequence[WebhookDelivery]) -> dict[str, Any]:
    deliveries = [row.model_dump(include=_DELIVERY) for row in rows if row.event_id == event.id]
    return event.model_dump() | {"deliveries": deliveries}


def _told(row: dict[str, Any]) -> str:
    why = f" ({row['last_error']}, tried {row['attempts']} times)" if row["last_error"] else ""
    return f"{row['endpoint_id']} [{_COLORS[row['state']]}]{row['state']}[/]{why}"
