"""Documentation that the API serves itself: its description, a page to read it, and a page for each error.

Pages hold all they need: no script, no font and no style comes from elsewhere.
"""

import base64
import re
from hashlib import sha256
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from api.context import get_context
from api.description import describe
from api.reference import sections
from rules.problems import KINDS, Problem

router = APIRouter(include_in_schema=False)
_TEMPLATES = Path(__file__).parent / "templates"
_STYLE = (_TEMPLATES / "docs.css").read_text()
_CSP = (
    f"default-src 'none'; style-src 'sha256-{base64.b64encode(sha256(_STYLE.encode()).digest()).decode()}';"
    " frame-ancestors 'none'; base-uri 'none'"
)
_TICKS = re.compile("``?([^`]+)``?")


def _ticks(text: str) -> Markup:
    """Text with `code` in backquotes, as HTML."""
    return Markup(_TICKS.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped just before


_pages = Environment(
    loader=FileSystemLoader(_TEMPLATES), autoescape=select_autoescape(), undefined=StrictUndefined, trim_blocks=True
)
_pages.filters["ticks"] = _ticks


@router.get("/")
async def root() -> RedirectResponse:
    """Lead a visitor to the documentation."""
    return RedirectResponse("/docs")


@router.get("/openapi.json")
async def openapi(request: Request) -> JSONResponse:
    """The OpenAPI document."""
    return JSONResponse(_described(request))


@router.get("/docs")
async def reference(request: Request) -> HTMLResponse:
    """Every route, for reading."""
    document = _described(request)
    base_url = get_context(request).public_url
    return _page("docs.html", document=document["info"], sections=sections(document, base_url=base_url))


@router.get("/docs/errors")
async def errors() -> HTMLResponse:
    """Every error code."""
    return _page("errors.html", kinds=KINDS)


@router.get("/docs/errors/{code}")
async def error(code: str) -> HTMLResponse:
    """One error code: what it means and what to do. This is the ``doc_url`` of a problem document."""
    if code not in KINDS:
        raise Problem("not_found", "There is no such error code.")
    return _page("error.html", code=code, kind=KINDS[code])


def errors_as_markdown() -> str:
    """``docs/errors.md``: the same in one file."""
    return _pages.get_template("errors.md").render(kinds=KINDS)


def _described(request: Request) -> dict[str, Any]:
    state = request.app.state
    if not hasattr(state, "description"):
        state.description = describe(request.app)
    description: dict[str, Any] = state.description
    return description


def _page(template: str, **values: Any) -> HTMLResponse:
    text = _pages.get_template(template).render(style=_STYLE, **values)
    return HTMLResponse(text, headers={"Content-Security-Policy": _CSP})
