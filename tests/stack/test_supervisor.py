"""The supervisor: what it starts comes back when killed, keeps its data, and ends together."""

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from pathlib import Path

import aiosmtplib
import asyncpg
import psutil
import pytest
from rich.console import Console

from sandbox import quarters
from sandbox.part import MARK, Part, PartFailedError
from sandbox.ports import Ports, PortTakenError, is_free
from sandbox.postgres import OWNER
from sandbox.supervisor import AlreadyRunningError, Stack, running, until_signal
from sandbox.supervisor.orphans import stop_orphans

KEEPER = Path(__file__).with_name("keeper.py")
NOBODY = 65534


class Output(io.StringIO):
    """What a stack tells, with an event for each line."""

    def __init__(self):
        super().__init__()
        self.told = asyncio.Event()

    def write(self, text):
        self.told.set()
        return super().write(text)

    async def until(self, text):
        while text not in self.getvalue():
            self.told.clear()
            await self.told.wait()


@pytest.fixture(scope="module")
async def stack():
    with tempfile.TemporaryDirectory(prefix="prepay-") as folder:
        output = Output()
        console = Console(file=output, force_terminal=False, width=200)
        async with Stack(data_dir=Path(folder), ports=Ports.free(), durable=False, console=console) as stack:
            stack.output = output
            yield stack


@asynccontextmanager
async def keeper(folder, ports, *, prefix=()):
    """Run a stack in a process of its own until it has told that it is up; killed at the end if it still runs."""
    command = (*prefix, sys.executable, str(KEEPER), str(folder), json.dumps(asdict(ports)))
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    try:
        lines = []
        while (line := await process.stdout.readline()) and line != b"up\n":
            lines.append(line.decode())
        assert line == b"up\n", "".join(lines)
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def leave_marks(ports):
    """Put something into the database and the inbox."""
    connection = await asyncpg.connect(f"postgresql://{OWNER}:prepay@127.0.0.1:{ports.postgres}/prepay")
    await connection.execute("CREATE TABLE IF NOT EXISTS kept (n int); INSERT INTO kept VALUES (1)")
    await connection.close()
    await aiosmtplib.send(
        b"Subject: kept\r\n\r\nkept",
        sender="a@b.example",
        recipients=["c@d.example"],
        hostname="127.0.0.1",
        port=ports.smtp,
    )


async def marks(ports):
    connection = await asyncpg.connect(f"postgresql://{OWNER}:prepay@127.0.0.1:{ports.postgres}/prepay")
    rows = await connection.fetchval("SELECT count(*) FROM kept")
    await connection.close()
    reader, writer = await asyncio.open_connection("127.0.0.1", ports.inbox)
    writer.write(b"GET /messages HTTP/1.0\r\n\r\n")
    mails = (await reader.read()).count(b'"subject":"kept"')
    writer.close()
    await writer.wait_closed()
    return rows, mails


@pytest.mark.parametrize("name", ["postgres", "temporal", "stripe", "mail"])
async def test_a_killed_part_comes_back(stack, name):
    process = next(process for process in stack._processes if process.part.name == name)
    before = process.pid
    stack.output.truncate(0)
    os.kill(before, signal.SIGKILL)
    await stack.output.until(f"{name} was killed by SIGKILL; starting it again")
    await stack.output.until(f"{name} answers again")
    assert await process.part.healthy()
    assert process.pid != before


async def test_it_is_found_while_it_runs_and_refuses_a_second_one(stack):
    found = running(stack.data_dir)
    assert (found.pid, found.ports) == (os.getpid(), asdict(stack.ports))
    with pytest.raises(AlreadyRunningError, match=rf"port {stack.ports.api} .*process {os.getpid()}\): stop it first"):
        await Stack(data_dir=stack.data_dir, ports=Ports.free()).start()


async def test_a_second_checkout_on_the_same_ports_is_told_who_holds_them(stack, tmp_path):
    with pytest.raises(PortTakenError) as refusal:
        await Stack(data_dir=tmp_path, ports=replace(Ports.free(), postgres=stack.ports.postgres)).start()
    message = str(refusal.value)
    assert f"Port {stack.ports.postgres} (postgres) is taken by process " in message
    assert f"of the stack in {stack.data_dir}" in message
    assert message.endswith("set PREPAY_POSTGRES_PORT.")
    assert running(tmp_path) is None


async def test_a_part_that_does_not_start_says_why(stack):
    part = Part(name="broken", command=(sys.executable, "-c", "raise SystemExit('no such luck')"), healthy=never)
    with pytest.raises(
        PartFailedError, match=r"broken ended with exit code 1\. The end of .*/log/broken\.log:\n  no such luck"
    ):
        await stack.add(part)


async def test_a_part_that_never_answers_is_stopped(stack):
    command = (sys.executable, "-c", "import time; print('waiting'); time.sleep(600)")
    part = Part(name="mute", command=command, healthy=never, patience=0.3)
    with pytest.raises(PartFailedError, match=r"mute did not answer within 0\.3 s"):
        await stack.add(part)


async def test_a_step_runs_to_its_end(stack):
    await stack.run(name="step", command=(sys.executable, "-c", "import os; print(os.environ['X'])"), env={"X": "done"})
    assert (stack.log_dir / "step.log").read_text() == "done\n"
    with pytest.raises(PartFailedError, match="step ended with exit code 3"):
        await stack.run(name="step", command=(sys.executable, "-c", "raise SystemExit(3)"))


async def test_a_signal_stops_everything(tmp_path):
    ports = Ports.free()
    async with keeper(tmp_path, ports) as process:
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) > 4
        process.terminate()
        assert await process.wait() == 0
    assert [child for child in children if alive(child)] == []
    assert all(is_free(port) for port in asdict(ports).values())
    assert running(tmp_path) is None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_cancels_once_and_waits_for_the_clean_up(number):
    done = []

    async def work():
        try:
            os.kill(os.getpid(), number)
            await asyncio.Event().wait()
        finally:
            os.kill(os.getpid(), number)
            await asyncio.sleep(0)
            done.append("cleaned up")

    assert await until_signal(work()) == number
    assert done == ["cleaned up"]


async def test_after_a_kill_of_the_supervisor_the_next_start_works_with_the_same_data(tmp_path):
    ports = Ports.free()
    async with keeper(tmp_path, ports) as process:
        await leave_marks(ports)
        process.kill()
        await process.wait()
        assert running(tmp_path) is None
        async with Stack(data_dir=tmp_path, ports=ports, durable=False):
            assert await marks(ports) == (1, 1)


async def test_orphans_are_stopped_by_their_mark_only(tmp_path):
    mine, other = sleeper(tmp_path), sleeper(tmp_path / "other")
    with mine, other:
        assert await stop_orphans(str(tmp_path)) == [mine.pid]
        assert not psutil.pid_exists(mine.pid)
        assert other.poll() is None
        other.kill()


def sleeper(mark):
    """A process with the mark of a stack."""
    command = (sys.executable, "-c", "import time; print(flush=True); time.sleep(600)")
    process = subprocess.Popen(command, env={**os.environ, MARK: str(mark)}, stdout=subprocess.PIPE)
    process.stdout.readline()
    return process


async def test_what_a_kill_in_the_making_left_is_remade(tmp_path):
    (tmp_path / "postgres.new").mkdir()
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("18\n")
    (tmp_path / "temporal").mkdir()
    (tmp_path / "temporal" / "temporal.db").write_bytes(b"half")
    (tmp_path / "stack.pid").write_text('{"pid": 1, "ports": {}}')
    assert running(tmp_path) is None
    ports = Ports.free()
    async with Stack(data_dir=tmp_path, ports=ports, durable=False):
        await leave_marks(ports)
        assert await marks(ports) == (1, 1)
    assert not (tmp_path / "postgres.new").exists()


@pytest.fixture
def ordinary_user():
    """What to put before a command so that an ordinary user runs it."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    # The one capability lets it read a checkout under a locked folder; all it writes must be its own.
    prefix = next((prefix for prefix in quarters._prefixes((NOBODY, NOBODY)) if can_run(prefix)), None)
    if prefix is None:
        pytest.skip("another user cannot read this checkout")
    return prefix


async def test_it_works_as_an_ordinary_user(ordinary_user):
    ports = Ports.free()
    with tempfile.TemporaryDirectory(prefix="prepay-") as folder:
        os.chown(folder, NOBODY, NOBODY)
        async with keeper(folder, ports, prefix=ordinary_user) as process:
            await leave_marks(ports)
            children = psutil.Process(process.pid).children(recursive=True)
            assert {child.uids().effective for child in children if alive(child)} == {NOBODY}
            process.terminate()
            assert await process.wait() == 0


async def test_data_of_another_user_is_refused_with_advice(ordinary_user, tmp_path):
    command = (*ordinary_user, sys.executable, str(KEEPER), str(tmp_path), json.dumps(asdict(Ports.free())))
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    _, told = await process.communicate()
    assert process.returncode == 1
    assert f"{tmp_path}/stack.pid belongs to another user: run as that user, or remove the folder" in told.decode()


def can_run(prefix):
    command = [*prefix, sys.executable, "-c", "import sandbox"]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def alive(process):
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


async def never():
    return False
