"""HTTP on a socket: uvicorn's protocol on an asyncio listener, with a way to cut a connection instead of answering."""

import asyncio
import socket
from typing import Any, cast

import uvicorn
from starlette.requests import Request
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

_ABORT = "prepay.abort"
_GRACE = 2.0
_KEEP_ALIVE = 75


class CuttableProtocol(HttpToolsProtocol):
    """Tells the application, in the scope, how to abort its connection."""

    def on_message_begin(self) -> None:
        """A request begins: its scope was just made."""
        super().on_message_begin()
        scope = cast("dict[str, Any]", self.scope)
        scope["extensions"] = {_ABORT: self.transport.abort}


async def cut(request: Request) -> None:
    """Abort the connection and wait until the server has noticed."""
    request.scope["extensions"][_ABORT]()
    while (await request.receive())["type"] != "http.disconnect":
        pass


class Listener:
    """An application served on a port. It leaves signals alone and, unlike ``uvicorn.Server``, never polls."""

    def __init__(self, app: ASGIApp, *, host: str, port: int) -> None:
        # Clients close idle connections after seconds; a server that did so first would break a request now and then.
        self._config = uvicorn.Config(
            app, ws="none", lifespan="off", access_log=False, log_level="warning", timeout_keep_alive=_KEEP_ALIVE
        )
        self._state = ServerState()
        self._address = (host, port)

    async def start(self) -> str:
        """Listen; the URL. Raises OSError when the port is taken."""
        self._config.load()
        family = socket.AF_INET6 if ":" in self._address[0] else socket.AF_INET
        self._server = await asyncio.get_running_loop().create_server(
            lambda: CuttableProtocol(config=self._config, server_state=self._state, app_state={}),
            *self._address,
            family=family,
            backlog=2048,
            reuse_address=True,
        )
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def stop(self) -> None:
        """Take no more requests and finish those under way, for two seconds at most."""
        self._server.close()
        for connection in list(self._state.connections):
            connection.shutdown()
        if self._state.tasks:
            await asyncio.wait(self._state.tasks, timeout=_GRACE)
        for connection in list(self._state.connections):
            transport = cast("CuttableProtocol", connection).transport
            transport.abort()
        await self._server.wait_closed()
