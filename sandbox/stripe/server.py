"""The sandbox as a server, in a process of its own or inside a test."""

import asyncio
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.stripe import due
from sandbox.stripe.api import Api, encode
from sandbox.stripe.clock import Clock, after_business_days
from sandbox.stripe.control import Control
from sandbox.stripe.idempotency import Keys
from sandbox.stripe.pages import Pages
from sandbox.stripe.protocol import Listener, cut
from sandbox.stripe.storage import Store
from sandbox.stripe.webhooks import Webhooks
from sandbox.stripe.world import World

METHODS = ["GET", "POST", "DELETE", "PUT", "PATCH"]
LONGEST_WAIT = 0.2


class Server:
    """The sandbox on a port; an asynchronous context manager.

    Args:
        data_dir: where its state is kept over restarts and kills; None keeps it in memory.
        host: the address to listen on.
        port: the port; 0 takes a free one.
        day_seconds: how many seconds a business day takes; 0 and the clock stands still.

    Raises:
        OSError: the port is taken. sqlite3.OperationalError: another sandbox uses the data.
    """

    def __init__(
        self, *, data_dir: Path | None = None, host: str = "127.0.0.1", port: int = 0, day_seconds: float = 0
    ) -> None:
        self._address = (host, port)
        self._store = Store(data_dir)
        self._world = World(self._store, Clock(day_seconds=day_seconds))
        self._keys = Keys(self._store)
        self._changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.url = ""

    async def start(self) -> None:
        """Listen; returns when requests are answered."""
        # The calendar takes a third of a second to load: now, not in the first debit.
        after_business_days(self._world.clock.read(), 5)
        self._webhooks = Webhooks(self._store)
        self._api = Api(self._world, self._keys, self._webhooks)
        self._listener = Listener(self._application(), host=self._address[0], port=self._address[1])
        try:
            self.url = await self._listener.start()
        except OSError:
            self._store.close()
            raise
        self._tasks = [asyncio.create_task(self._webhooks.run()), asyncio.create_task(self._tick())]

    async def stop(self) -> None:
        """Finish the requests under way and close."""
        await self._listener.stop()
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        self._store.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del kind, error, trace
        await self.stop()

    def _application(self) -> Starlette:
        control = Control(self._world, self._keys, self._webhooks, self._wake)
        pages = Pages(self._world, self._wake)
        api = Route("/{path:path}", self._answer, methods=METHODS)
        return Starlette(routes=[*control.routes(), *pages.routes(), api])

    async def _answer(self, request: Request) -> Response:
        reply = await self._api.answer(request)
        self._wake()
        if reply.cut:
            await cut(request)
        return Response(encode(reply.body), reply.status, reply.headers, media_type="application/json")

    def _wake(self) -> None:
        self._changed.set()
        self._webhooks.wake()

    async def _tick(self) -> None:
        """Do what falls due while the clock runs."""
        while True:
            self._changed.clear()
            if due.catch_up(self._world):
                self._webhooks.wake()
            running = self._world.clock.day_seconds > 0
            following = due.next_moment(self._world)
            left = None if following is None else self._world.clock.wall_seconds_until(following)
            pause = None if not running else min(LONGEST_WAIT, left if left is not None else LONGEST_WAIT)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._changed.wait()
