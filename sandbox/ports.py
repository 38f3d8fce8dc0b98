"""The ports of the local stack, all on 127.0.0.1, and who holds one that is taken."""

import random
import socket
from dataclasses import asdict, dataclass, fields
from typing import Self

import psutil

from sandbox.part import MARK, StackError

HOST = "127.0.0.1"
#: Below the ranges from which Linux and macOS take ports for outgoing connections.
_FREE_RANGE = range(20_000, 32_000)


class PortTakenError(StackError):
    """A port is held by another program; the message names the port, the holder and the setting to change."""


def port_setting(name: str) -> str:
    """The environment variable that sets the port of this name."""
    return f"PREPAY_{name.upper()}_PORT"


@dataclass(frozen=True, kw_only=True)
class Ports:
    """One port for each thing that listens."""

    api: int = 8000
    temporal: int = 7233
    temporal_ui: int = 8233
    stripe: int = 12111
    smtp: int = 1025
    inbox: int = 8025
    postgres: int = 5433
    metrics: int = 9464

    @classmethod
    def free(cls) -> Self:
        """Choose ports that nobody holds now."""
        return cls(**{field.name: port for field, port in zip(fields(cls), free_ports(len(fields(cls))), strict=True)})

    def check(self) -> None:
        """Raise `PortTakenError` when one is given twice or held by a program."""
        seen: dict[int, str] = {}
        lines: list[str] = []
        for name, port in asdict(self).items():
            if port in seen:
                lines.append(f"Port {port} is given twice: change {port_setting(seen[port])} or {port_setting(name)}.")
            elif not is_free(port):
                lines.append(f"Port {port} ({name}) is taken by {holder(port)}: stop it, or set {port_setting(name)}.")
            seen[port] = name
        if lines:
            raise PortTakenError("\n".join(lines))


def is_free(port: int) -> bool:
    """Whether a server could listen on the port of the loopback interface now."""
    with socket.socket() as probe:  # macOS lets one listen beside a server that listens on every interface
        if probe.connect_ex((HOST, port)) == 0:
            return False
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen()
        except OSError:
            return False
    return True


def free_ports(count: int) -> list[int]:
    """Choose that many different ports that nobody holds now."""
    found: list[int] = []
    for port in random.SystemRandom().sample(_FREE_RANGE, k=len(_FREE_RANGE)):
        if is_free(port):
            found.append(port)
        if len(found) == count:
            return found
    raise PortTakenError(f"fewer than {count} ports are free between {_FREE_RANGE.start} and {_FREE_RANGE.stop}")


def _stack(process: psutil.Process) -> str | None:
    try:
        folder = process.environ().get(MARK)
    except (psutil.Error, OSError):
        return None
    return folder and f"of the stack in {folder}"


def holder(port: int) -> str:
    """Say who listens on the port, as far as this user may see it."""
    for process in psutil.process_iter():
        try:
            listens = any(
                connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
                for connection in process.net_connections(kind="tcp")
            )
            if listens:
                command = " ".join(process.cmdline())[:80] or process.name()
                return f"process {process.pid} ({_stack(process) or command})"
        except psutil.Error:
            continue
    return "another program"
