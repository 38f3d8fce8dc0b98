"""A gate on the wire between the worker and the processor: holds chosen requests or answers until it is told."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import parse_qs

import httpx2
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.ports import HOST, free_ports

_HOP = {"host", "content-length", "connection", "transfer-encoding", "content-encoding"}


@dataclass
class Hold:
    """Requests that match are held: ``before`` they reach the processor, or ``after`` it has acted."""

    method: str
    path: str
    moment: str
    about: str | None = None
    """Only payments that carry this recharge's id."""
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def stop_here(self) -> None:
        self.reached.set()
        await self.released.wait()


class Gate:
    """A proxy in front of the sandbox. It knows which payment carries which recharge's id."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.holds: list[Hold] = []
        self.recharge_of: dict[str, str] = {}
        self.answered: list[tuple[str, str, int]] = []

    def hold(self, method: str, path: str, moment: str, *, about: str | None = None) -> Hold:
        self.holds.append(Hold(method, path, moment, about))
        return self.holds[-1]

    def count(self, method: str, path: str) -> int:
        """Requests that the processor has answered in earnest: with anything but a fault of its own."""
        return len([one for one in self.answered if one[:2] == (method, path) and one[2] < 500])

    def release(self) -> None:
        for hold in self.holds:
            hold.released.set()
        self.holds.clear()

    async def _pass(self, request: Request) -> Response:
        body = await request.body()
        path = request.url.path
        about = self._about(path, body)
        await self._stop(request.method, path, "before", about)
        headers = {name: value for name, value in request.headers.items() if name not in _HOP}
        url = f"{self.target}{path}" + (f"?{request.url.query}" if request.url.query else "")
        answer = await self.http.request(request.method, url, content=body, headers=headers)
        self.answered.append((request.method, path, answer.status_code))
        if answer.is_success and request.method == "POST" and path == "/v1/payment_intents" and about:
            self.recharge_of[answer.json()["id"]] = about
        await self._stop(request.method, path, "after", about)
        kept = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP}
        return Response(answer.content, status_code=answer.status_code, headers=kept)

    def _about(self, path: str, body: bytes) -> str | None:
        given = parse_qs(body.decode()).get("metadata[recharge]")
        if given:
            return given[0]
        intent = re.match(r"/v1/payment_intents/(pi_\w+)", path)
        return self.recharge_of.get(intent[1]) if intent else None

    async def _stop(self, method: str, path: str, moment: str, about: str | None) -> None:
        for hold in self.holds:
            wanted: Callable[[str], object] = re.compile(hold.path).fullmatch
            if (hold.method, hold.moment) == (method, moment) and wanted(path) and hold.about in {None, about}:
                await hold.stop_here()

    async def __aenter__(self) -> Self:
        port = free_ports(1)[0]
        self.url = f"http://{HOST}:{port}"
        app = Starlette(routes=[Route("/{path:path}", self._pass, methods=["GET", "POST", "DELETE"])])
        self._server = uvicorn.Server(uvicorn.Config(app, host=HOST, port=port, log_level="critical", lifespan="off"))
        self._serving = asyncio.create_task(self._server.serve())
        self.http = httpx2.AsyncClient(trust_env=False, timeout=60)
        while not self._server.started:  # noqa: ASYNC110 - uvicorn has a flag, not an event
            await asyncio.sleep(0.01)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.release()
        self._server.should_exit = self._server.force_exit = True
        await self._serving
        await self.http.aclose()
