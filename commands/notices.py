"""``prepay notices``: what was told about an account, to whom, and what became of each copy."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from commands.running import AsJson, database, out, print_json, refuse, run, settings
from models.notice import Notice, NoticeRecipient
from rules.money import Money
from rules.notice_kinds import KINDS
from store import accounts
from store import notices as rows
from store.paging import Page

STATES = ("pending", "sent", "failed", "superseded")
Kind = Annotated[str | None, typer.Option(help="only this kind, such as balance_alert")]
State = Annotated[str | None, typer.Option(help=f"only notices that are {', '.join(STATES)}")]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="at most so many, the newest")]
_COLORS = {"pending": "yellow", "sent": "green", "failed": "red", "superseded": "dim"}


def notices(
    account_id: Annotated[str, typer.Argument(help="the Auth ID, MA…")],
    kind: Kind = None,
    state: State = None,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """List an account's notices, newest first, with the state of each recipient's copy."""
    if kind is not None and kind not in KINDS:
        refuse(f"--kind: no notice is called {kind}. There are {', '.join(sorted(KINDS))}.")
    if state is not None and state not in STATES:
        refuse(f"--state: {state} is none of {', '.join(STATES)}.")
    given = settings()

    async def read() -> list[dict[str, Any]]:
        async with database(given) as opened, opened.transaction() as session:
            if await accounts.find(session, account_id) is None:
                raise LookupError(f"there is no account {account_id}")
            found, _ = await rows.page(session, Page(limit=limit), account_id=account_id, kind=kind, state=state)
            recipients = await rows.recipients(session, [one.id for one in found])
        return [_shown(one, [row for row in recipients if row.notice_id == one.id]) for one in found]

    listed = run(read())
    if as_json:
        print_json(listed)
        return
    if not listed:
        out.print("No notices.")
        return
    table = Table("at (UTC)", "kind", "about", "state", "recipients", box=None, padding=(0, 2, 0, 0))
    for one in listed:
        color = _COLORS[one["state"]]
        reason = f"\n{one['superseded_reason']}" if one["superseded_reason"] else ""
        table.add_row(
            f"{one['at']:%Y-%m-%d %H:%M:%S}",
            one["kind"],
            _about(one),
            f"[{color}]{one['state']}[/]{reason}",
            "\n".join(_copy(copy) for copy in one["recipients"]) or one["audience"],
        )
    out.print(table)


def _shown(notice: Notice, recipients: Sequence[NoticeRecipient]) -> dict[str, Any]:
    threshold, balance = notice.facts.get("threshold_micros"), notice.facts.get("balance_micros")
    fields = ("id", "kind", "cause", "audience", "state", "superseded_reason")
    return {
        **{name: getattr(notice, name) for name in fields},
        "at": notice.created_at,
        "threshold": None if threshold is None else str(Money(threshold)),
        "balance": None if balance is None else str(Money(balance)),
        "recipients": [row.model_dump(exclude={"notice_id", "created_at"}) for row in recipients],
    }


def _about(one: dict[str, Any]) -> str:
    """What makes this notice another than the next of its kind."""
    if one["threshold"] is not None:
        return f"below ${one['threshold']}, ${one['balance']} left"
    return escape(one["cause"])


def _copy(copy: dict[str, Any]) -> str:
    color = _COLORS[copy["state"]]
    when = f" {copy['sent_at']:%H:%M:%S}" if copy["sent_at"] else ""
    trouble = f", {copy['tries']} tries: {copy['last_error']}" if copy["last_error"] and not copy["sent_at"] else ""
    return f"{escape(copy['email'])} [{color}]{copy['state']}[/]{when}{escape(trouble)}"
