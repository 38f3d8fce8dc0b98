"""Whether a part answers."""

import asyncio
import http.client

from sandbox.ports import HOST


async def http_ok(port: int, path: str = "/") -> bool:
    """Whether GET on the port of loopback answers with a status below 400 within 2 s."""
    return await asyncio.to_thread(_get, port, path)


def _get(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status < 400
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
