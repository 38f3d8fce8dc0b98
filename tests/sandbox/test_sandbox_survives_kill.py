"""The sandbox as a process: what was answered is there after a kill -9."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

from sandbox_client import Sandbox
from webhook_receiver import receiving

ROOT = Path(__file__).parents[2]


class Process:
    """`python -m sandbox.stripe` on a free port."""

    def __init__(self, process: asyncio.subprocess.Process, url: str) -> None:
        self._process = process
        self.url = url

    async def end(self, number: signal.Signals) -> int:
        self._process.send_signal(number)
        await self._process.communicate()
        assert self._process.returncode is not None
        return self._process.returncode

    @property
    def running(self) -> bool:
        return self._process.returncode is None


async def begin(*arguments: str, **environment: str) -> tuple[asyncio.subprocess.Process, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "sandbox.stripe",
        "--port",
        "0",
        *arguments,
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    line = (await process.stdout.readline()).decode()
    return process, line.rpartition(" ")[2].strip()


@asynccontextmanager
async def started(*arguments: str, **environment: str) -> AsyncGenerator[Process]:
    process, url = await begin(*arguments, **environment)
    opened = Process(process, url)
    try:
        yield opened
    finally:
        if opened.running:
            await opened.end(signal.SIGKILL)


def talk(process: Process, client) -> Sandbox:
    return Sandbox(SimpleNamespace(url=process.url), client)


async def test_everything_answered_is_there_after_a_kill(tmp_path: Path, client):
    arguments = ("--data-dir", str(tmp_path), "--day-seconds", "0")
    async with started(*arguments) as process:
        before = talk(process, client)
        customer = await before.customer()
        bank = await before.bank_account(customer)
        intent = await before.intent(customer, bank)
        made = await before.post("/v1/customers", {"name": "B"}, key="k")
        await before.fault(kind="error", path="/v1/charges", status=500, times=2)
        assert (await before.get("/v1/charges")).status == 500
        account = (await before.get("/v1/account"))["id"]
        moved = await before.control("clock", {"advance_business_days": 1})
        counts = await before.counts()
        await process.end(signal.SIGKILL)
    async with started(*arguments) as process:
        after = talk(process, client)
        assert await after.counts() == counts
        assert (await after.get("/v1/account"))["id"] == account
        assert (await after.control("clock", method="GET"))["now"] == moved["now"]
        again = await after.post("/v1/customers", {"name": "B"}, key="k")
        assert (again["id"], again.headers["idempotent-replayed"]) == (made["id"], "true")
        assert [(await after.get("/v1/charges")).status for _ in range(2)] == [500, 200]
        await after.days(3)
        assert (await after.retrieve(intent["id"]))["status"] == "succeeded"
        assert await process.end(signal.SIGTERM) == 0


async def test_webhooks_not_yet_acknowledged_are_sent_after_a_kill(tmp_path: Path, client):
    arguments = ("--data-dir", str(tmp_path), "--day-seconds", "0")
    async with receiving() as receiver:
        async with started(*arguments) as process:
            before = talk(process, client)
            made = await before.post("/v1/webhook_endpoints", {"url": receiver.url, "enabled_events": ["*"]})
            receiver.secret = made["secret"]
            receiver.answers = [503] * 3
            customer = await before.customer()
            await before.control("clock", {"advance_hours": 0})
            await process.end(signal.SIGKILL)
        receiver.answers = []
        async with started(*arguments) as process:
            await receiver.wait(1)
        assert receiver.events[-1]["data"]["object"]["id"] == customer


async def test_the_pace_comes_from_the_environment(client):
    async with started(PREPAY_SANDBOX_DAY_SECONDS="25") as process:
        running = talk(process, client)
        assert (await running.control("health", method="GET")).body == {"status": "ok"}
        assert (await running.control("clock", method="GET"))["day_seconds"] == 25


async def test_a_second_sandbox_on_the_same_data_says_so(tmp_path: Path):
    async with started("--data-dir", str(tmp_path)):
        process, _ = await begin("--data-dir", str(tmp_path))
        _, said = await process.communicate()
        assert process.returncode == 1
        assert b"Is another one running on it?" in said


async def test_a_pace_that_makes_no_sense_is_refused():
    process, _ = await begin(PREPAY_SANDBOX_DAY_SECONDS="-1")
    _, said = await process.communicate()
    assert (process.returncode, b"PREPAY_SANDBOX_DAY_SECONDS" in said) == (2, True)


async def test_a_taken_port_is_named(client):
    async with started() as process:
        port = process.url.rpartition(":")[2]
        other, _ = await begin("--port", port)
        _, said = await other.communicate()
        assert other.returncode == 1
        assert f"cannot listen on 127.0.0.1:{port}".encode() in said
