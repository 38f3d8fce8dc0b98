"""A webhook endpoint of the test's own: checks signatures with Stripe's SDK and keeps what arrives."""

import asyncio
from contextlib import asynccontextmanager
from typing import Any

import stripe
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.stripe.protocol import Listener


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
    listener = Listener(app, host="127.0.0.1", port=0)
    receiver.url = f"{await listener.start()}/hook"
    try:
        yield receiver
    finally:
        await listener.stop()
