"""``prepay account …`` and ``prepay payment …``: what is known of one, read from the database."""

from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.table import Table

import ledger
from commands.running import AsJson, database, out, print_json, run, settings
from rules.money import Money
from rules.thresholds import Threshold
from store import accounts, auto_standing, payment_schedules, payment_trail, recharges, retention

account_app = typer.Typer(no_args_is_help=True, help="Accounts.")
payment_app = typer.Typer(no_args_is_help=True, help="Payments.")
_BALANCES = ("available", "posted", "arriving", "provisional", "held", "at_risk")


@account_app.command("show")
def show_account(account_id: Annotated[str, typer.Argument(help="the Auth ID, MA…")], as_json: AsJson = False) -> None:
    """Show an account, its balances, alerts, and how retention clock, auto-recharge and payment schedule stand."""
    given = settings()

    async def read() -> dict[str, Any]:
        async with database(given) as opened, opened.transaction() as session:
            account = await accounts.find(session, account_id)
            book = await ledger.balances(session, account_id)
            watched = (await ledger.watched(session, account_id))[Threshold.ALERT]
            clock = await retention.running_clock(session, account_id)
            if account is None or book is None:
                raise LookupError(f"there is no account {account_id}")
            now = datetime.now(UTC)
            recharging = await auto_standing.standing(session, account, now=now)
            largest = Money.parse(given.max_recharge).cents
            monthly = await payment_schedules.standing(session, account, largest_cents=largest, now=now)
        money = {name: str(Money(getattr(book, name))) for name in _BALANCES}
        shown = ("id", "external_id", "name", "email", "timezone", "status", "status_reason", "created_at")
        return {
            **{name: getattr(account, name) for name in shown},
            **money,
            "alerts": ", ".join(str(Money(micros)) for micros in watched),
            "retention_ends_at": clock.ends_at if clock else None,
            "auto_recharge": recharging.state,
            "auto_recharge_why": recharging.why,
            "next_scheduled_debit_on": monthly.plan.next.debit_on if monthly.plan and monthly.plan.next else None,
            "payment_schedule_why": monthly.why,
        }

    _print(run(read()), as_json=as_json)


@payment_app.command("show")
def show_payment(
    recharge_id: Annotated[str, typer.Argument(help="the recharge, rchg_…")], as_json: AsJson = False
) -> None:
    """Show everything known of a payment: attempts, events, ledger lines, notices, its workflow."""
    given = settings()

    async def read() -> tuple[dict[str, Any], list[dict[str, Any]]]:
        async with database(given) as opened, opened.transaction() as session:
            return await payment_trail.of(session, recharge_id)

    row, steps = run(read())
    ui = str(given.temporal_ui_url).rstrip("/")
    workflow = quote(
        recharges.workflow_of(kind=row["kind"], account_id=row["account_id"], recharge_id=recharge_id), safe=""
    )
    row["workflow"] = f"{ui}/namespaces/{quote(given.temporal_namespace, safe='')}/workflows/{workflow}"
    if as_json:
        print_json({**row, "steps": steps})
        return
    _print(row, as_json=False)
    table = Table("at (UTC)", "", "what", "detail", box=None, padding=(0, 2))
    for step in steps:
        table.add_row(f"{step['at']:%Y-%m-%d %H:%M:%S}", step["kind"], step["what"], step["detail"])
    out.print(table)


def _print(row: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(row)
        return
    table = Table(show_header=False, box=None, padding=(0, 2))
    for name, value in row.items():
        table.add_row(f"[bold]{name}[/]", "" if value is None else str(value))
    out.print(table, soft_wrap=True)
