"""Errors as RFC 9457 problem documents, whatever raised them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from rules.problems import KINDS, Problem
from store.database import DatabaseUnavailableError

MEDIA_TYPE = "application/problem+json"
_LONGEST_NAME = 80
_CODES = {404: "not_found", 405: "method_not_allowed", 413: "body_too_large", 415: "unsupported_media_type"}
_SOURCES = {"body", "query", "path", "header"}
Dialect = Callable[[Request, Problem], JSONResponse]
"""Errors in the form of another API."""


class FieldProblem(BaseModel):
    """One field that breaks a rule."""

    param: str | None
    code: str
    message: str


class ProblemDocument(BaseModel):
    """The answer to every request that fails (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    param: str | None
    request_id: str
    doc_url: str
    errors: list[FieldProblem] | None = None


def document(request: Request, problem: Problem, *, errors: Sequence[FieldProblem] = ()) -> dict[str, Any]:
    """The problem document of ``problem``; its ``extra`` members come last."""
    doc_url = f"{request.app.state.context.public_url}/docs/errors/{problem.code}"
    body = {
        "type": doc_url,
        "title": problem.kind.title,
        "status": problem.kind.status,
        "detail": problem.detail,
        "code": problem.code,
        "param": problem.param,
        "request_id": request.state.request_id,
        "doc_url": doc_url,
    }
    if errors:
        body["errors"] = [error.model_dump() for error in errors]
    return body | problem.extra


def answer(request: Request, problem: Problem, *, errors: Sequence[FieldProblem] = ()) -> JSONResponse:
    """The HTTP answer to a request that raised ``problem``, in the dialect of its path."""
    request.state.code = problem.code
    dialects: Mapping[str, Dialect] = request.app.state.dialects
    path: str = request.scope["path"]
    speak = next((dialect for prefix, dialect in dialects.items() if path.startswith(prefix)), None)
    if speak is not None:
        response = speak(request, problem)
    else:
        content = document(request, problem, errors=errors)
        response = JSONResponse(content, status_code=problem.kind.status, media_type=MEDIA_TYPE)
        if problem.kind.status == 401:
            response.headers["WWW-Authenticate"] = 'Bearer realm="prepay", Basic realm="prepay", charset="UTF-8"'
    if problem.retry_after_seconds is not None:
        response.headers["Retry-After"] = str(problem.retry_after_seconds)
    return response


def install(app: FastAPI, *, dialects: Mapping[str, Dialect]) -> None:
    """Answer every error of ``app`` with a problem document, but in another form below the prefixes of ``dialects``."""
    app.state.dialects = dialects

    async def known(request: Request, error: Exception) -> JSONResponse:
        response = answer_to(request, error)
        assert response is not None  # noqa: S101 - the kinds registered below are those that it knows
        return response

    for kind in (Problem, DatabaseUnavailableError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, known)


def answer_to(request: Request, error: Exception) -> JSONResponse | None:
    """The answer to a request that ended in ``error``; None for a fault of ours."""
    match error:
        case Problem():
            return answer(request, error)
        case DatabaseUnavailableError():
            detail = "The database cannot be reached. Nothing was committed."
            return answer(request, Problem("unavailable", detail, retry_after_seconds=2))
        case RequestValidationError():
            return _invalid(request, error)
        case HTTPException():
            code = _CODES.get(error.status_code, "invalid_request" if error.status_code < 500 else "internal_error")
            response = answer(request, Problem(code, KINDS[code].cause))
            response.headers.update(error.headers or {})
            return response
        case _:
            return None


def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
    found: list[dict[str, Any]] = list(error.errors())
    errors = [field_problem(item) for item in found]
    first = errors[0]
    extra: dict[str, Any] = {} if first.code == "invalid_field" else found[0].get("ctx", {})
    detail = f"{first.param}: {first.message}" if first.param else first.message
    return answer(request, Problem(first.code, detail, param=first.param, **extra), errors=errors)


def field_problem(item: dict[str, Any]) -> FieldProblem:
    """What pydantic found, without the value that it found; a validator of ours names a code of ours."""
    place = [part for index, part in enumerate(item["loc"]) if index or part not in _SOURCES]
    param = ""
    for part in place:
        param += f"[{part}]" if isinstance(part, int) else f"{'.' if param else ''}{str(part)[:_LONGEST_NAME]}"
    code = item["type"] if item["type"] in KINDS else "invalid_field"
    message: str = {"missing": "is required", "extra_forbidden": "is not a field here"}.get(item["type"]) or item["msg"]
    return FieldProblem(param=param or None, code=code, message=message)
