"""What every route does before its own work: caller first, then query, then body."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from api.access import Access
from api.body import MAX_BYTES, read_json, storable
from api.problems import ProblemDocument
from rules.access import Need
from rules.problems import Problem


class Route(APIRoute):
    """A route under ``/v1``. It must name its Access: one without cannot be made."""

    max_bytes = MAX_BYTES

    @property
    def need(self) -> Need:
        """What the route asks of its caller. Raises TypeError for a route that has no Access."""
        return self.access.need

    @property
    def access(self) -> Access:
        """The Access that the route names. Raises TypeError for a route that has none."""
        for dependency in self.dependant.dependencies:
            if isinstance(dependency.call, Access):
                return dependency.call
        raise TypeError(f"{self.path} has no Depends(Access(...))")

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler behind the checks that all routes share."""
        handle = super().get_route_handler()
        access, max_bytes = self.access, self.max_bytes
        takes_query = bool(self.dependant.query_params)
        takes_body = self.body_field is not None
        reads_body = self.methods != {"GET"}

        async def checked(request: Request) -> Response:
            check_path(request)
            await access.admit(request)
            check_query(request, takes_query=takes_query)
            if reads_body:
                request = await read_json(request, limit=max_bytes)
                if not takes_body:
                    for name in request.fields:
                        raise Problem("invalid_field", "This request takes no fields.", param=name)
            return await handle(request)

        return checked


def check_path(request: Request) -> None:
    """Answer 404 for an identifier that cannot be one. Raises Problem."""
    if not all(value.isascii() and value.isprintable() for value in request.path_params.values()):
        raise Problem("not_found", "There is no such object.")


def check_query(request: Request, *, takes_query: bool) -> None:
    """Refuse parameters of a route that takes none, and any given twice; the route's own model refuses unknown ones."""
    if not request.scope["query_string"]:
        return
    names = [name for name, _ in request.query_params.multi_items()]
    for name, value in request.query_params.multi_items():
        if not takes_query:
            raise Problem("invalid_field", "This request takes no query parameters.", param=name[:80])
        if names.count(name) > 1:
            raise Problem("invalid_field", "The query parameter is given twice.", param=name[:80])
        if not (storable(name) and storable(value)):
            raise Problem("invalid_field", "The query parameter is not text.")


def router(tag: str, *, route_class: type[Route] = Route) -> APIRouter:
    """A router for the routes of one resource, shown in the documentation under ``tag``."""
    problem = {"model": ProblemDocument, "description": "Any error, as a problem document (RFC 9457)"}
    return APIRouter(route_class=route_class, tags=[tag], responses={"default": problem})
