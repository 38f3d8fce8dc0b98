"""Errors in the form that Plivo's SDKs read, for every path below ``/v1/Account/``."""

from fastapi import Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from rules.problems import Problem

PREFIX = "/v1/Account/"
NOT_OFFERED = "not offered by this service"
#: The SDKs know these statuses and show the error's text with them; every other one loses it.
_KNOWN = frozenset({400, 401, 403, 404, 405, 409, 500})
_CHALLENGE = 'Basic realm="prepay", charset="UTF-8"'


class PlivoError(BaseModel):
    """The answer to every request below ``/v1/Account/`` that fails."""

    api_id: str = Field(description="The id of the request, as in the header X-Request-Id")
    error: str
    objects: list[str] = Field(description="Always empty: the SDKs read an answer to a list before its status")


def answer(request: Request, problem: Problem) -> JSONResponse:
    """The HTTP answer to a request that raised ``problem``: wrong values are 400, conflicts of state 409, outages 500.

    A path that no route serves is said to be not offered.
    """
    text = problem.detail
    if problem.code == "not_found" and "route" not in request.scope:
        text = NOT_OFFERED
    elif problem.param and not text.startswith(problem.param):
        text = f"{problem.param}: {text}"
    status = problem.kind.status
    if status not in _KNOWN:
        status = 400 if status < 500 else 500
    shown = PlivoError(api_id=request.state.request_id, error=text, objects=[])
    return JSONResponse(
        shown.model_dump(), status_code=status, headers={"WWW-Authenticate": _CHALLENGE} if status == 401 else None
    )
