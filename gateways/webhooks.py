"""Webhooks to endpoints that strangers named: to public addresses alone, pinned, briefly, and nothing is followed."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

import httpx
import structlog

from rules.webhook_urls import Address, Network, Target, WebhookUrlError, parse, reachable
from rules.webhooks import failure_of

log = structlog.get_logger(__name__)
TIMEOUT_SECONDS = 10.0
#: What is read of an answer, for courtesy: its status decides.
MOST_BYTES = 4096
_TASTE_SECONDS = 1.0
_HEADERS = {"Content-Type": "application/json", "User-Agent": "Prepay-Webhooks/1", "Accept": "*/*"}
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the HTTP ``status``, None without one; ``error`` of rules/webhooks.py, None when it was taken."""

    status: int | None
    error: str | None


class WebhookSender:
    """Sends webhooks. ``allowed`` are networks that are reached although they are not public, and by plain HTTP too."""

    def __init__(
        self,
        *,
        allowed: Sequence[Network] = (),
        tls: ssl.SSLContext | None = None,
        resolve: Resolve | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._allowed = tuple(allowed)
        self._tls = tls or httpx.create_ssl_context()
        self._resolve = resolve or _resolve
        self._timeout_seconds = timeout_seconds

    async def send(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """POST ``body``. Whatever goes wrong out there is an answer, never an exception."""
        deadline = asyncio.get_running_loop().time() + self._timeout_seconds
        try:
            target = parse(url, allowed=self._allowed)
            async with asyncio.timeout_at(deadline):
                addresses = await self._addresses(target)
            return await self._post(target, addresses, body, headers, deadline)
        except WebhookUrlError:
            return Answer(None, "refused_address")
        except (TimeoutError, httpx.TimeoutException):
            return Answer(None, "timeout")
        except (socket.gaierror, UnicodeError):
            return Answer(None, "unresolved")
        except (httpx.HTTPError, OSError) as error:
            return Answer(None, "tls" if _is_tls(error) else "connection")

    async def _addresses(self, target: Target) -> list[Address]:
        """Where the name leads, looked up once. Raises WebhookUrlError if any of it is not to be reached."""
        if target.literal is not None:
            found = [target.literal]
        else:
            found = [ip_address(text) for text in await self._resolve(target.host, target.port)]
        for address in found:
            plain = target.scheme == "http" and not any(address in network for network in self._allowed)
            if plain or not reachable(address, allowed=self._allowed):
                log.warning("webhook_address_refused", host=target.host, address=str(address))
                raise WebhookUrlError(f"{target.host} leads to {address}")
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "no address")
        return found

    async def _post(
        self, target: Target, addresses: Sequence[Address], body: bytes, headers: Mapping[str, str], deadline: float
    ) -> Answer:
        """To the first of the checked addresses that takes the connection."""
        for address in addresses[:-1]:
            with suppress(httpx.ConnectError):
                return await self._post_to(address, target, body, headers, deadline)
        return await self._post_to(addresses[-1], target, body, headers, deadline)

    async def _post_to(
        self, address: Address, target: Target, body: bytes, headers: Mapping[str, str], deadline: float
    ) -> Answer:
        """The connection goes to ``address`` itself; the name is in the Host header and is what TLS verifies."""
        host = f"[{address}]" if isinstance(address, IPv6Address) else str(address)
        async with httpx.AsyncClient(
            verify=self._tls, trust_env=False, follow_redirects=False, timeout=self._timeout_seconds
        ) as client:
            request = client.build_request(
                "POST",
                f"{target.scheme}://{host}:{target.port}{target.path}",
                content=body,
                headers={**_HEADERS, **headers, "Host": target.authority},
                extensions={} if target.literal is not None else {"sni_hostname": target.host},
            )
            async with asyncio.timeout_at(deadline):
                response = await client.send(request, stream=True)
            try:
                with suppress(TimeoutError, httpx.HTTPError):
                    async with asyncio.timeout(_TASTE_SECONDS):
                        await _taste(response)
            finally:
                await response.aclose()
            return Answer(response.status_code, failure_of(response.status_code))


async def _taste(response: httpx.Response) -> None:
    read = 0
    async for part in response.aiter_raw():
        read += len(part)
        if read >= MOST_BYTES:
            return


async def _resolve(host: str, port: int) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _is_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False
