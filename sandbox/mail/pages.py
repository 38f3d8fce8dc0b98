"""The inbox: JSON for programs, pages for people."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, HTTPException, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader

from sandbox.mail.messages import Mailbox, Message
from sandbox.mail.smtp import smtp_server

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, trim_blocks=True, lstrip_blocks=True
)
_PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; form-action 'self'"
# A mail is shown as a mail program shows it: no script, nothing fetched.
_MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self';"
    " sandbox allow-popups allow-popups-to-escape-sandbox"
)


def inbox(mailbox: Mailbox, *, smtp_port: int) -> FastAPI:
    """The application, which listens for SMTP as long as it runs."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        async with smtp_server(mailbox, smtp_port):
            yield

    app = FastAPI(title="Prepay mail sink", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(_for_programs(mailbox))
    app.include_router(_for_people(mailbox, smtp_port))
    return app


def _for_programs(mailbox: Mailbox) -> APIRouter:
    router = APIRouter(prefix="/messages")

    @router.get("")
    def index() -> list[dict[str, Any]]:
        return [message.as_json() for message in mailbox.all()]

    @router.delete("", status_code=204)
    def clear() -> None:
        mailbox.clear()

    @router.get("/{identity}")
    def show(identity: str) -> dict[str, Any]:
        return _found(mailbox, identity).as_json()

    _ = (index, clear, show)  # registered by their decorators
    return router


def _for_people(mailbox: Mailbox, smtp_port: int) -> APIRouter:
    router = APIRouter()

    @router.get("/")
    def index() -> HTMLResponse:
        return _page("inbox.html", messages=mailbox.all(), smtp_port=smtp_port)

    @router.post("/empty")
    def clear() -> Response:
        mailbox.clear()
        return Response(status_code=303, headers={"Location": "/"})

    @router.get("/mails/{identity}")
    def show(identity: str) -> HTMLResponse:
        return _page("mail.html", message=_found(mailbox, identity))

    @router.get("/mails/{identity}/html")
    def show_body(identity: str) -> HTMLResponse:
        html = _found(mailbox, identity).body("html") or ""
        return HTMLResponse(f'<base target="_blank">{html}', headers={"Content-Security-Policy": _MAIL_POLICY})

    @router.get("/mails/{identity}/raw")
    def show_raw(identity: str) -> Response:
        return Response(_found(mailbox, identity).raw, media_type="text/plain; charset=utf-8")

    _ = (index, clear, show, show_body, show_raw)  # registered by their decorators
    return router


def _found(mailbox: Mailbox, identity: str) -> Message:
    message = mailbox.get(identity)
    if message is None:
        raise HTTPException(404, "no such mail")
    return message


def _page(template: str, **values: object) -> HTMLResponse:
    text = _TEMPLATES.get_template(template).render(**values)
    return HTMLResponse(text, headers={"Content-Security-Policy": _PAGE_POLICY})
