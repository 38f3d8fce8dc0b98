"""A wire that can be cut: a TCP proxy between one of our processes and a server it needs."""

import asyncio
import socket
import struct
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Literal, Self

from sandbox.ports import HOST, free_ports

CHUNK = 1 << 16
_RESET = struct.pack("ii", 1, 0)
Mode = Literal["pass", "swallow", "refuse", "slow"]


class Wire:
    """Passes bytes on, and on demand

    - swallows them, old connections and new ones (a network that lost its way; they arrive when it passes again),
    - refuses: every connection is reset and none is accepted (the server is down),
    - is slow: each chunk takes ``delay`` seconds.
    """

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self.port = free_ports(1)[0]
        self.address = f"{HOST}:{self.port}"
        self.delay = 0.0
        self.accepted = 0
        self._passing = asyncio.Event()
        self._passing.set()
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def set(self, mode: Mode, *, delay: float = 0.0) -> None:
        self.delay = delay
        if mode == "swallow":
            self._passing.clear()
        else:
            self._passing.set()
        if mode == "refuse":
            await self._close()
        elif self._server is None:
            self._server = await asyncio.start_server(self._carry, HOST, self.port, backlog=512)

    async def cut(self) -> None:
        """Reset every connection there is; new ones are taken."""
        for connection in list(self._connections):
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Self]:
        await self.set("pass")
        try:
            yield self
        finally:
            await self._close()

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        await self.cut()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        there: asyncio.StreamWriter | None = None
        try:
            await self._passing.wait()
            answers, there = await asyncio.open_connection(*self._target)
            await self._both(self._pump(reader, there), self._pump(answers, writer))
        except OSError:
            pass
        except asyncio.CancelledError:
            _reset(writer)  # what closes below would be a good-bye
        finally:
            self._connections.discard(task)
            for end in (writer, there):
                if end is not None:
                    end.close()
                    with suppress(OSError):
                        await end.wait_closed()

    @staticmethod
    async def _both(*pumps: object) -> None:
        tasks = [asyncio.ensure_future(pump) for pump in pumps]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(CHUNK):
            if self.delay:
                await asyncio.sleep(self.delay)
            await self._passing.wait()
            writer.write(chunk)
            await writer.drain()
        with suppress(OSError):
            writer.write_eof()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST, as the kernel does for a process that was killed with bytes unread."""
    sock: socket.socket = writer.get_extra_info("socket")
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
