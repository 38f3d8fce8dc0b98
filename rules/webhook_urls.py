"""Where webhooks may go: public addresses alone, so that nobody reaches our own network through us (SSRF)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

LONGEST = 2048
# One grammar, stricter than any URL library's, so that none can read it in another way: no user, no fragment, no
# backslash, no space, no character outside of ASCII (internationalised names as xn--…).
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<target>[/?][A-Za-z0-9\-._~!$&'()*+,;=:@/?%]*)?",
    re.ASCII,
)
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?", re.ASCII)
_NUMERIC = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*", re.ASCII)
_LOCAL_NAMES = ("localhost", "local", "internal", "intranet", "lan", "home", "corp", "arpa")

#: IANA's special-purpose registry, what was special once, and what clouds answer from: none is a webhook receiver.
_NOT_PUBLIC: tuple[Network, ...] = tuple(
    ip_network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        "168.63.129.16/32",  # Azure's host, by a public address
        # Of 2000::/3, which alone is global unicast: Teredo, benchmarking, ORCHID, documentation, 6to4, AS112.
        *("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"),
    )
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")


class WebhookUrlError(ValueError):
    """The URL is none that webhooks may go to; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A URL in its parts. ``host`` is a name, or an address without brackets."""

    scheme: str
    host: str
    port: int
    path: str
    literal: Address | None

    @property
    def authority(self) -> str:
        """Host and port as the Host header has them."""
        host = f"[{self.host}]" if isinstance(self.literal, IPv6Address) else self.host
        return host if self.port == (443 if self.scheme == "https" else 80) else f"{host}:{self.port}"


def parse(url: str, *, allowed: Sequence[Network] = ()) -> Target:
    """The parts of ``url``. Raises WebhookUrlError for whatever is refused without looking a name up.

    ``allowed`` are networks that an operator opened although they are not public; with any, ``http`` is taken too (what
    is behind the name is looked at when it is sent to).
    """
    found = _URL.fullmatch(url) if len(url) <= LONGEST else None
    if found is None:
        raise WebhookUrlError("must be a URL such as https://platform.example/hooks, without user or fragment")
    scheme, host = found["scheme"], found["host"].strip("[]").lower()
    literal = _literal(host)
    if scheme == "http" and not allowed:
        raise WebhookUrlError("must begin with https://")
    if literal is not None and not reachable(literal, allowed=allowed):
        raise WebhookUrlError("must not lead to an address that is not public")
    if literal is None and not allowed and _is_local(host):
        raise WebhookUrlError("must name a host with its whole domain, and not one of a local network")
    port = int(found["port"] or (443 if scheme == "https" else 80))
    if not (port in {80, 443} or 1024 <= port <= 65535):
        raise WebhookUrlError("must have port 443, or one from 1024 to 65535")
    if port == 80 and scheme == "https":
        raise WebhookUrlError("must have another port for https than 80")
    target = found["target"] or "/"
    path = target if target.startswith("/") else f"/{target}"
    return Target(scheme=scheme, host=host, port=port, path=path, literal=literal)


def reachable(address: Address, *, allowed: Sequence[Network] = ()) -> bool:
    """Whether webhooks may go to this address: public unicast, or in a network that an operator opened."""
    if any(address in network for network in allowed):
        return True
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return False  # loopback, link-local, unique local, multicast, ::a.b.c.d, ::ffff:a.b.c.d, NAT64
    return not any(address in network for network in _NOT_PUBLIC)


def _literal(host: str) -> Address | None:
    """The address that ``host`` is; None for a name. Raises WebhookUrlError for what is neither."""
    if ":" in host:
        try:
            return IPv6Address(host)
        except ValueError:
            raise WebhookUrlError("must not have a malformed address") from None
    labels = host.removesuffix(".").split(".")
    if _NUMERIC.fullmatch(labels[-1]):
        # What resolvers take for an address in decimal, octal or hex, or with fewer parts, is taken in one form alone.
        try:
            return ip_address(host) if len(labels) == 4 else _refused()
        except ValueError:
            return _refused()
    if not all(_LABEL.fullmatch(label) for label in labels):
        raise WebhookUrlError("must name a host")
    return None


def _is_local(host: str) -> bool:
    labels = host.removesuffix(".").split(".")
    return len(labels) < 2 or labels[-1] in _LOCAL_NAMES


def _refused() -> Address:
    raise WebhookUrlError("must write an address as four decimal numbers")
