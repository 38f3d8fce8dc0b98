"""Around every request: an id, a log line, metrics, headers, and an answer even where the code below fails."""

import time

import structlog
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import problems
from api.context import Context
from api.metrics import Metrics
from rules.problems import Problem
from store.ids import new_id
from telemetry import logs

log = structlog.get_logger("api")
requests = logs.Requests("api")
METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


class Envelope:
    """ASGI middleware around everything that answers."""

    def __init__(self, app: ASGIApp, *, context: Context, metrics: Metrics) -> None:
        self.app = app
        self.context = context
        self.metrics = metrics
        secure = context.public_url.startswith("https://")
        headers = HEADERS | ({"Strict-Transport-Security": "max-age=31536000"} if secure else {})
        self.headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        request.state.request_id = request_id = new_id("req", self.context.now())
        logs.request_id.set(request_id)
        status = 0
        started_at = time.perf_counter()

        async def send_in_envelope(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own = message["headers"]
                given = {name for name, _ in own}  # a page's own policy stands
                own.append((b"x-request-id", request_id.encode()))
                own.extend([header for header in self.headers if header[0] not in given])
            await send(message)

        try:
            await self.app(scope, receive, send_in_envelope)
        except Exception as error:  # the last line: no stack trace may leave
            log.exception("request_failed", exc_info=error)
            if status:
                raise
            detail = f"Something failed inside; it is logged as {request_id}."
            await problems.answer(request, Problem("internal_error", detail))(scope, receive, send_in_envelope)
        finally:
            self._tell(request, status=status, seconds=time.perf_counter() - started_at)

    def _tell(self, request: Request, *, status: int, seconds: float) -> None:
        route = getattr(request.scope.get("route"), "path", "(no route)")
        method = request.method if request.method in METHODS else "OTHER"
        self.metrics.request(method=method, route=route, status=status, seconds=seconds)
        caller = getattr(request.state, "caller", None)
        requests.told(
            method=method,
            route=route,
            status=status,
            code=getattr(request.state, "code", None),
            actor=None if caller is None else f"{caller.kind}:{caller.id}",
            milliseconds=round(seconds * 1000),
        )
