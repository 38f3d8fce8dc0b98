"""A webhook endpoint of the test's own: checks signatures with Stripe's SDK and keeps what arrives."""

import asyncio
from contextlib import asynccontextmanager
from typing import Any

import stripe
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.stripe.server import _listen, _Uvicorn


class Receiver:
    """What arrived, in order; ``answers`` are the statuses of the next deliveries, then 200."""

    def __init__(self) -> None:
        self.url = ""
        self.secret = ""
        self.events: list[dict[str, Any]] = []
        self.answers: list[int] = []
        self.refused = 0
        self._arrived = asyncio.Condition()

    @property
    def types(self) -> list[str]:
        return [event["type"] for event in self.events]

    @property
    def ids(self) -> list[str]:
        return [event["id"] for event in self.events]

    async def receive(self, request: Request) -> Response:
        body = await request.body()
        event = stripe.Webhook.construct_event(body, request.headers["stripe-signature"], self.secret)
        status = self.answers.pop(0) if self.answers else 200
        async with self._arrived:
            if status < 300:
                self.events.append(event.to_dict())
            else:
                self.refused += 1
            self._arrived.notify_all()
        return Response(status_code=status)

    async def wait(self, count: int) -> None:
        """Until so many deliveries were accepted."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: len(self.events) >= count)

    async def wait_for(self, kind: str) -> dict[str, Any]:
        """Until an event of this type was accepted."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: kind in self.types)
        return next(event for event in self.events if event["type"] == kind)


@asynccontextmanager
async def receiving():
    """A receiver on a free port."""
    receiver = Receiver()
    app = Starlette(routes=[Route("/hook", receiver.receive, methods=["POST"])])
    socket = _listen("127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{socket.getsockname()[1]}/hook"
    server = _Uvicorn(uvicorn.Config(app, lifespan="off", log_level="warning", ws="none"))
    serving = asyncio.create_task(server.serve(sockets=[socket]))
    try:
        yield receiver
    finally:
        server.should_exit = True
        await serving
        socket.close()
