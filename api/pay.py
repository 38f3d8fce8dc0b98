"""The customer's link (rule C4): it confirms the same payment on session and goes on to the bank's page."""

from contextlib import suppress
from pathlib import Path
from urllib.parse import urlencode, urlsplit, urlunsplit

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from api.context import Context, get_context
from api.handing import wake_its_run
from api.updates import update
from api.waiting import until
from models.recharge import Recharge
from rules.money import Money
from rules.pay_links import digest
from rules.problems import Problem
from store import attempts, recharges
from store.database import DatabaseUnavailableError

log = structlog.get_logger("api")
router = APIRouter(include_in_schema=False)
_pages = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(),
    undefined=StrictUndefined,
)
_CSP = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"


_LOOK_EVERY_SECONDS = 10
_RETRY_AFTER_SECONDS = 5


@router.get("/pay/{token}")
async def pay(token: str, request: Request) -> Response:
    """Send the customer on to the bank's page, or say how the payment stands."""
    context = get_context(request)
    try:
        row = await _of_token(context, token)
        if row is None:
            return _page("unknown", status=404)
        if row.status == "requires_action" and row.action_url is None and not _is_late(context, row):
            await _authenticate(context, row)
            row = await _settled(context, row)
    except (Problem, DatabaseUnavailableError) as error:
        return _busy(error)
    if row.status == "requires_action" and row.action_url is not None and not _is_late(context, row):
        return RedirectResponse(row.action_url, status_code=303)
    return _shown(context, row)


@router.get("/pay/{token}/done")
async def done(token: str, request: Request) -> Response:
    """Where the bank's page leads back to: on to the integrator's page, or a page of our own."""
    context = get_context(request)
    try:
        row = await _of_token(context, token)
        if row is None:
            return _page("unknown", status=404)
        # What has been decided is being booked: the customer is not sent back to the bank's page meanwhile.
        told = request.query_params.get("redirect_status", "")
        decided = await _look(context, row, told=told) not in {None, "requires_action", "processing"}
        row = await _settled(context, row, decided=decided)
    except DatabaseUnavailableError as error:
        return _busy(error)
    if row.return_url is not None:
        return RedirectResponse(_with_outcome(row.return_url, row), status_code=303)
    return _shown(context, row, link=f"{context.public_url}/pay/{token}")


async def _of_token(context: Context, token: str) -> Recharge | None:
    if not (token.isascii() and len(token) < 100):
        return None
    async with context.database.transaction() as session:
        return await recharges.by_action_digest(session, digest(token))


async def _authenticate(context: Context, row: Recharge) -> None:
    """Confirm with the customer at hand. One id for one confirm: a second tab, or a second click, joins the first.

    A try without the customer in between (the back-up, a balance step) may need them once more, under another id.
    """
    async with context.database.transaction() as session:
        asked_by = await attempts.newest_off_session(session, row)
    state = await update(
        context, workflow_id=recharges.workflow_id(row), name="authenticate", argument=recharges.concerns(row),
        update_id=f"pay/{row.id}/{asked_by}",
    )  # fmt: skip
    if state is None:
        await wake_its_run(context, row)


async def _look(context: Context, row: Recharge, *, told: str) -> str | None:
    """How the payment stands, None when nobody says. The webhook says the same, perhaps later.

    The look of one moment is one update, however often the page is loaded: a workflow takes some thousands, not more.
    What the bank's page has ``told`` us, that the customer has decided, is worth a look of its own.
    """
    if row.finished_at is None:
        moment = int(context.now().timestamp()) // _LOOK_EVERY_SECONDS
        word = told if told in {"succeeded", "failed", "pending"} else "none"
        with suppress(Problem):
            return await update(
                context, workflow_id=recharges.workflow_id(row), name="look_now", argument=recharges.concerns(row),
                update_id=f"look/{row.id}/{word}/{moment}",
            )  # fmt: skip
    return None


async def _settled(context: Context, row: Recharge, *, decided: bool = False) -> Recharge:
    return await until(
        context,
        channel="prepay_recharge",
        record_id=row.id,
        read=lambda session: recharges.get(session, account_id=row.account_id, recharge_id=row.id),
        done=lambda found: found.finished_at is not None or (found.action_url is not None and not decided),
        seconds=5.0,
    )


def _is_late(context: Context, row: Recharge) -> bool:
    """Whether the 24 hours are over, though the workflow has not canceled the payment yet (rule C4)."""
    return row.action_expires_at is not None and row.action_expires_at <= context.now()


def _with_outcome(return_url: str, row: Recharge) -> str:
    """The integrator's address with the recharge and its status in its query."""
    parts = urlsplit(return_url)
    told = urlencode({"recharge": row.id, "status": row.status})
    return urlunsplit(parts._replace(query=f"{parts.query}&{told}" if parts.query else told))


def _shown(context: Context, row: Recharge, *, link: str = "") -> HTMLResponse:
    state = "expired" if row.status == "requires_action" and _is_late(context, row) else row.status
    return _page(state, amount=str(Money.from_cents(row.amount_cents)), failure=row.failure, link=link)


def _busy(error: Exception) -> HTMLResponse:
    log.warning("pay_page_busy", error=type(error).__name__)
    answer = _page("busy", status=503)
    answer.headers["Retry-After"] = str(_RETRY_AFTER_SECONDS)
    return answer


def _page(
    state: str, *, status: int = 200, amount: str = "", failure: dict[str, str] | None = None, link: str = ""
) -> HTMLResponse:
    message = (failure or {}).get("message")
    html = _pages.get_template("pay.html").render(state=state, amount=amount, message=message, link=link)
    return HTMLResponse(html, status_code=status, headers={"Content-Security-Policy": _CSP})
