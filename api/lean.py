"""Routes that are called millions of times a day: the same checks, without FastAPI's injection, which costs more."""

import inspect
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from api.body import MAX_BATCH_BYTES, read_spending
from api.context import get_context
from api.problems import answer_to
from api.routing import Route, check_path, check_query


class LeanRoute(Route):
    """Gives its endpoint what it names: ``body``, ``context``, ``caller``, ``request``, and parameters of the path.

    FastAPI reads the same signature for the documentation. The endpoint answers with a Response.
    """

    async def respond(self, request: Request) -> Response:
        """The answer, of errors too; what is raised is a fault of ours."""
        try:
            return await self._handle(request)
        except Exception as error:
            if (response := answer_to(request, error)) is None:
                raise
            return response

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The endpoint behind the checks that all routes share."""
        access, max_bytes, endpoint = self.access, self.max_bytes, self.endpoint
        parameters = inspect.signature(endpoint).parameters
        shape: type[BaseModel] = parameters["body"].annotation
        takes_caller, takes_request = "caller" in parameters, "request" in parameters
        in_path = [name for name in parameters if name in self.param_convertors]

        async def handle(request: Request) -> Response:
            check_path(request)
            await access.admit(request)
            check_query(request, takes_query=False)
            try:
                body = shape.model_validate(await read_spending(request, limit=max_bytes))
            except ValidationError as error:
                found = error.errors(include_url=False, include_input=False)
                raise RequestValidationError([{**item, "loc": ("body", *item["loc"])} for item in found]) from None
            given = {name: request.path_params[name] for name in in_path}
            if takes_caller:
                given["caller"] = request.state.caller
            if takes_request:
                given["request"] = request
            response: Response = await endpoint(body=body, context=get_context(request), **given)
            return response

        self._handle = handle
        return handle


class LeanBatchRoute(LeanRoute):
    """One that takes many things in one body."""

    max_bytes = MAX_BATCH_BYTES


class LeanRoutes:
    """An ASGI application of lean routes alone."""

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self._routes = [route for route in routes if isinstance(route, LeanRoute)]

    def serves(self, scope: Scope) -> bool:
        """Whether one of them is asked for; ``scope`` is then told which, with its parameters of the path."""
        if scope["type"] != "http" or scope["method"] != "POST":
            return False
        for route in self._routes:
            match = route.path_regex.match(scope["path"])
            if match is not None:
                scope["path_params"] = match.groupdict()
                scope["route"] = route
                return True
        return False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route: LeanRoute = scope["route"]
        response = await route.respond(Request(scope, receive))
        await response(scope, receive, send)
