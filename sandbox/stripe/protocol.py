"""uvicorn's HTTP protocol, with a way to cut the connection instead of answering."""

from typing import Any, cast

from starlette.requests import Request
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_ABORT = "prepay.abort"


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
