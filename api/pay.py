"""The customer's link (rule C4): it confirms the same payment on session and goes on to the bank's page."""

from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from api.context import Context, get_context
from api.updates import update
from api.waiting import until
from models.recharge import Recharge
from rules.money import Money
from rules.pay_links import digest
from rules.problems import Problem
from store import recharges

router = APIRouter(include_in_schema=False)
_pages = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(),
    undefined=StrictUndefined,
)
_CSP = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"


@router.get("/pay/{token}")
async def pay(token: str, request: Request) -> Response:
    """Send the customer on to the bank's page, or say how the payment stands."""
    context = get_context(request)
    row = await _of_token(context, token)
    if row is None:
        return _page("unknown", status=404)
    if row.status == "requires_action" and row.action_url is None:
        await _authenticate(context, row)
        row = await _settled(context, row)
    if row.status == "requires_action" and row.action_url is not None:
        return RedirectResponse(row.action_url, status_code=303)
    return _shown(row)


@router.get("/pay/{token}/done")
async def done(token: str, request: Request) -> Response:
    """Where the bank's page leads back to: on to the integrator's page, or a page of our own."""
    context = get_context(request)
    row = await _of_token(context, token)
    if row is None:
        return _page("unknown", status=404)
    await _look(context, row)
    row = await _settled(context, row)
    if row.return_url is not None:
        joined = "&" if "?" in row.return_url else "?"
        return RedirectResponse(f"{row.return_url}{joined}recharge={row.id}&status={row.status}", status_code=303)
    return _shown(row)


async def _of_token(context: Context, token: str) -> Recharge | None:
    if not (token.isascii() and len(token) < 100):
        return None
    async with context.database.transaction() as session:
        return await recharges.by_action_digest(session, digest(token))


async def _authenticate(context: Context, row: Recharge) -> None:
    await update(context, workflow_id=f"recharge/{row.id}", name="authenticate")


async def _look(context: Context, row: Recharge) -> None:
    """A hint to the workflow; the webhook says the same, perhaps later."""
    if row.finished_at is None:
        try:
            await update(context, workflow_id=f"recharge/{row.id}", name="look_now")
        except Problem:
            return


async def _settled(context: Context, row: Recharge) -> Recharge:
    return await until(
        context,
        channel="prepay_recharge",
        record_id=row.id,
        read=lambda session: recharges.get(session, account_id=row.account_id, recharge_id=row.id),
        done=lambda found: found.finished_at is not None or found.action_url is not None,
        seconds=5.0,
    )


def _shown(row: Recharge) -> HTMLResponse:
    return _page(row.status, amount=str(Money.from_cents(row.amount_cents)), failure=row.failure)


def _page(state: str, *, status: int = 200, amount: str = "", failure: dict[str, str] | None = None) -> HTMLResponse:
    message = (failure or {}).get("message")
    html = _pages.get_template("pay.html").render(state=state, amount=amount, message=message)
    return HTMLResponse(html, status_code=status, headers={"Content-Security-Policy": _CSP})
