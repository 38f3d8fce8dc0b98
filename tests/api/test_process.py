"""`python -m api` as a process: starts, answers, logs lines of JSON, finishes its requests when it is told to stop."""

import asyncio
import json
import os
import signal
import sys

import httpx2
import pytest

from sandbox.ports import free_ports
from settings import DEVELOPMENT_OPERATOR_KEY

KEY = {"Authorization": f"Bearer {DEVELOPMENT_OPERATOR_KEY}"}


async def start(**environment):
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "api",
        env=os.environ | environment,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def until_started(process):
    async for line in process.stderr:
        if "Uvicorn running" in line.decode():
            return
    pytest.fail("the API did not start")


async def test_it_serves_and_stops_when_told(database):
    (port,) = free_ports(1)
    process = await start(PREPAY_DATABASE_URL=database.app_url, PREPAY_API_PORT=str(port))
    try:
        await until_started(process)
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=KEY) as client:
            body = {"name": "Ada", "email": "ada@customer.example"}
            answers = await asyncio.gather(*(client.post("/v1/accounts", json=body) for _ in range(8)))
            assert {answer.status_code for answer in answers} == {201}
            assert "server" not in answers[0].headers
            chunked = await client.post(
                "/v1/accounts", content=_forever(), headers={"Content-Type": "application/json"}
            )
            assert (chunked.status_code, chunked.json()["code"]) == (413, "body_too_large")
        process.send_signal(signal.SIGTERM)
        _, rest = await asyncio.wait_for(process.communicate(), 30)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode in {0, -signal.SIGTERM}
    lines = [json.loads(line) for line in rest.decode().splitlines()]
    assert [line["status"] for line in lines if line["event"] == "request"].count(201) == 8
    assert DEVELOPMENT_OPERATOR_KEY not in rest.decode()


async def _forever():
    for _ in range(100):
        yield b" " * 65536


async def test_production_does_not_start_with_development_secrets():
    process = await start(PREPAY_ENVIRONMENT="production", PREPAY_API_PORT="0")
    _, output = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode != 0
    assert "PREPAY_TOKEN_PEPPER" in output.decode()
