"""PostgreSQL from the wheel: a cluster of our own in a folder, on a loopback port and a socket.

It has two roles: `prepay_owner` owns the database and migrates it, `prepay_app` may do what the migrations grant. The
superuser has no password and is reached by the socket alone, which only the server's user (and root) may open.
"""

import asyncio
import hashlib
import os
import re
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import asyncpg
import psutil

from sandbox.part import Part
from sandbox.ports import HOST
from sandbox.quarters import ClusterError, Quarters, find_quarters

OWNER = "prepay_owner"
APP = "prepay_app"
DATABASE = "prepay"
#: Good for a server that listens on loopback only; production has its own roles.
PASSWORD = "prepay"  # noqa: S105 # public by intent
SUPERUSER = "postgres"
# sockaddr_un.sun_path holds 107 bytes on Linux, 103 on macOS; "/.s.PGSQL.65535.lock" is 20 of them.
_SOCKET_FOLDER_LIMIT = 83
_SETTINGS = {
    "listen_addresses": HOST,
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "jit": "off",
}
_FAST = {"fsync": "off", "full_page_writes": "off"}
_INITDB = (
    *("--username", SUPERUSER, "--auth-local=trust", "--auth-host=scram-sha-256", "--encoding=UTF8"),
    *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--no-instructions"),
    # Nothing is lost when a power cut hits a cluster without data; waiting for the disk costs seconds.
    "--no-sync",
)


_connect = cast("Any", asyncpg).connect  # asyncpg names no types


@dataclass(frozen=True, kw_only=True)
class Postgres:
    """A cluster in a folder.

    Args:
        data_dir: Its folder; made on the first start, absolute.
        port: Of the loopback interface.
        durable: Whether commits survive a power cut. Tests do without; a kill -9 is survived either way.
        settings: More server settings.
    """

    data_dir: Path
    port: int
    durable: bool = True
    settings: Mapping[str, str] = field(default_factory=dict[str, str])

    def url(self, role: str, database: str = DATABASE) -> str:
        """The address by TCP, with the password, for any driver."""
        return f"postgresql://{role}:{PASSWORD}@{HOST}:{self.port}/{database}"

    @cached_property
    def quarters(self) -> Quarters:
        """Programs, data and user."""
        self.data_dir.parent.mkdir(parents=True, exist_ok=True)
        return find_quarters(self.data_dir)

    @cached_property
    def socket_dir(self) -> Path:
        """The folder of the socket: the data itself, or a short path when that one is too long for a socket."""
        data = self.quarters.data
        if len(os.fsencode(data)) <= _SOCKET_FOLDER_LIMIT and re.fullmatch(r"[\w/.+-]+", str(data)):
            return data
        return Path(tempfile.gettempdir()) / f"prepay-pg-{hashlib.sha256(os.fsencode(data)).hexdigest()[:12]}"

    def part(self) -> Part:
        """What a supervisor needs to run it."""
        settings = {**_SETTINGS, "port": str(self.port), "unix_socket_directories": str(self.socket_dir)}
        settings |= {} if self.durable else _FAST
        settings |= self.settings
        options = [text for key, value in settings.items() for text in ("-c", f"{key}={value}")]
        return Part(
            name="postgres",
            command=(*self.quarters.command("postgres"), "-D", str(self.quarters.data), *options),
            healthy=self.answers,
            prepare=self.prepare,
            complete=self.provision,
            stop_signal=signal.SIGINT,  # fast: open transactions are rolled back, no client is waited for
        )

    @asynccontextmanager
    async def superuser(self, database: str = SUPERUSER) -> AsyncGenerator[Any]:
        """An asyncpg connection as superuser, by the socket."""
        host = str(self.socket_dir)
        connection = await _connect(host=host, port=self.port, user=SUPERUSER, database=database, timeout=5, ssl=False)
        try:
            yield connection
        finally:
            await connection.close()

    async def answers(self) -> bool:
        """Whether a query is answered. A pid file is no sign of life: it outlives a kill -9."""
        try:
            async with self.superuser() as connection:
                return bool(await connection.fetchval("SELECT true"))
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False

    async def prepare(self) -> None:
        """Make the cluster when there is none, and clear what a kill -9 has left.

        Raises:
            ClusterError: The folder is another user's, or of another major version of PostgreSQL.
        """
        data, owner = self.quarters.data, self.quarters.owner
        await self.stop_leftovers()
        if not data.exists() or not _whole(data):
            await self._make()
        if data.stat().st_uid != (owner[0] if owner else os.geteuid()):
            raise ClusterError(f"{data} belongs to another user: run as that user, or remove it (its data is lost)")
        made_by, installed = (data / "PG_VERSION").read_text().strip(), await self._version()
        if made_by != installed:
            raise ClusterError(f"{data} was made by PostgreSQL {made_by}, installed is {installed}: remove that folder")
        for stale in (data / "postmaster.pid", *self.socket_dir.glob(f".s.PGSQL.{self.port}*")):
            stale.unlink(missing_ok=True)
        if self.socket_dir != data and not self.socket_dir.exists():
            self.quarters.make_folder(self.socket_dir)

    async def _version(self) -> str:
        output = await self.quarters.run("postgres", "--version", cwd=self.quarters.programs)
        match = re.search(r"\(PostgreSQL\) (\d+)", output)
        return match[1] if match else output

    @property
    def _fresh(self) -> Path:
        return self.quarters.data.with_name(f"{self.quarters.data.name}.new")

    async def _make(self) -> None:
        data = self.quarters.data
        if data.exists():  # not by us: ours becomes visible under its name when it is whole
            data.rename(data.with_name(f"{data.name}.broken-{time.time_ns()}"))
        fresh = self._fresh
        shutil.rmtree(fresh, ignore_errors=True)  # killed in the middle of the making
        self.quarters.make_folder(fresh)
        await self.quarters.run("initdb", "-D", str(fresh), *_INITDB, cwd=fresh)
        fresh.rename(data)

    async def stop_leftovers(self) -> None:
        """Stop a server that its supervisor left behind, and wait for the end of what outlived its server."""
        inhabitants = self._inhabitants()
        for process in inhabitants:
            with suppress(psutil.Error):
                if process.ppid() not in {other.pid for other in inhabitants}:
                    process.send_signal(signal.SIGINT)
        _, alive = await asyncio.to_thread(psutil.wait_procs, inhabitants, timeout=20)
        for process in alive:
            with suppress(psutil.Error):
                process.kill()
        await asyncio.to_thread(psutil.wait_procs, alive, timeout=10)

    def _inhabitants(self) -> list[psutil.Process]:
        """Processes that work in the data folder or make it: the server's, whatever a pid file says."""
        folders = {str(self.quarters.data), str(self._fresh)}
        found: list[psutil.Process] = []
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                if process.cwd() in folders and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    async def provision(self) -> None:
        """Make the two roles and the database, as far as they are missing."""
        async with self.superuser() as connection:
            for role in (OWNER, APP):
                exists = await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", role)
                verb = "ALTER" if exists else "CREATE"
                await connection.execute(f"{verb} ROLE {role} LOGIN PASSWORD '{PASSWORD}'")
            if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", DATABASE):
                await self.create_database(DATABASE)
            else:
                await connection.execute(rights(DATABASE))

    async def create_database(self, name: str, *, template: str = "template0") -> None:
        """Make a database of `prepay_owner` to which only that role and `prepay_app` may connect.

        Args:
            name: A plain lower-case name.
            template: The database to copy; nobody may be connected to it.
        """
        async with self.superuser() as connection:
            strategy = "wal_log" if self.durable else "file_copy"  # the second needs checkpoints: cheap without fsync
            await connection.execute(f"CREATE DATABASE {name} OWNER {OWNER} TEMPLATE {template} STRATEGY {strategy}")
            await connection.execute(rights(name))

    async def drop_database(self, name: str) -> None:
        """Remove a database, whoever is connected to it."""
        async with self.superuser() as connection:
            await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def rights(database: str) -> str:
    """The statements that let nobody but the two roles connect; a copy does not take them over from its template."""
    return f"REVOKE ALL ON DATABASE {database} FROM PUBLIC; GRANT CONNECT ON DATABASE {database} TO {APP};"


def _whole(data: Path) -> bool:
    return all((data / name).is_file() for name in ("PG_VERSION", "global/pg_control", "postgresql.conf"))
