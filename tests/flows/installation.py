"""A whole installation for a test: API and worker as processes of their own, on real Postgres, Temporal and sandbox."""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2

from sandbox.ports import HOST, free_ports
from settings import DEVELOPMENT_OPERATOR_KEY

PATIENCE = 60.0
SECRET_KEY = "sk_test_sandbox"
MANDATE = {"ip_address": "203.0.113.7", "user_agent": "tests", "text_version": "2026-11"}


class Installation:
    """One API and one worker at a time; each can be killed and started again."""

    def __init__(
        self, *, folder: Path, database: Any, temporal_address: str, sandbox_url: str, smtp_port: int, http: Any
    ) -> None:
        self.folder = folder
        self.database = database
        self.sandbox_url = sandbox_url
        self.http: httpx2.AsyncClient = http
        self.api_port, self.metrics_port = free_ports(2)
        self.api_url = f"http://{HOST}:{self.api_port}"
        self.processes: dict[str, asyncio.subprocess.Process] = {}
        self.env = {
            "PREPAY_DATABASE_URL": database.app_url,
            "PREPAY_DATABASE_OWNER_URL": database.owner_url,
            "PREPAY_TEMPORAL_ADDRESS": temporal_address,
            "PREPAY_TASK_QUEUE": f"prepay-{uuid4().hex[:8]}",
            "PREPAY_SANDBOX_URL": sandbox_url,
            "PREPAY_PUBLIC_URL": self.api_url,
            "PREPAY_API_PORT": str(self.api_port),
            "PREPAY_METRICS_PORT": str(self.metrics_port),
            "PREPAY_SMTP_PORT": str(smtp_port),
            "PREPAY_POLL_SECONDS": "2",
        }

    # Processes

    async def start(self, *names: str, **env: str) -> None:
        for name in names or ("api", "worker"):
            await self._start(name, env)

    async def _start(self, name: str, env: dict[str, str]) -> None:
        log = (self.folder / f"{name}.log").open("ab")
        self.processes[name] = await asyncio.create_subprocess_exec(
            sys.executable, "-m", name, env={**os.environ, **self.env, **env}, stdout=log, stderr=log
        )
        log.close()
        port = self.api_port if name == "api" else self.metrics_port
        path, sign = ("/healthz", "") if name == "api" else ("/metrics", "temporal_num_pollers")
        await self.until(lambda: self._answers(port, path, sign), f"{name} to answer")

    async def _answers(self, port: int, path: str, sign: str) -> bool:
        try:
            answer = await self.http.get(f"http://{HOST}:{port}{path}")
        except httpx2.TransportError:
            return False
        return answer.is_success and sign in answer.text

    async def kill(self, name: str) -> None:
        process = self.processes.pop(name)
        process.send_signal(signal.SIGKILL)
        await process.wait()

    async def stop(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            await process.wait()
        self.processes.clear()

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    # The API

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> httpx2.Response:
        headers["Authorization"] = f"Bearer {DEVELOPMENT_OPERATOR_KEY}"
        return await self.http.request(
            method, f"{self.api_url}{path}", json=body, headers={k.replace("_", "-"): v for k, v in headers.items()}
        )

    async def ok(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        answer = await self.call(method, path, body, **headers)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    async def account(self) -> str:
        made = await self.ok("POST", "/v1/accounts", {"name": "Ada", "email": "ada@example.com"})
        return made["id"]

    async def card(self, account: str, token: str = "pm_card_visa") -> str:
        made = await self.ok("POST", f"/v1/accounts/{account}/cards", {"payment_method": token})
        assert made["status"] == "active", made
        return made["id"]

    async def bank(self, account: str, token: str = "pm_usBankAccount_success") -> str:
        """A verified bank account; a card must be on file."""
        mandate = {**MANDATE, "accepted_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
        path = f"/v1/accounts/{account}/bank_accounts"
        made = await self.ok("POST", path, {"payment_method": token, "mandate": mandate})
        done = await self.ok("POST", f"{path}/{made['id']}/verify", {"code": "SM11AA"})
        assert done["status"] == "verified", done
        return made["id"]

    async def ask(
        self, account: str, method: str, amount: str = "50.00", *, key: str | None = None, **more: Any
    ) -> httpx2.Response:
        body = {"amount": amount, "payment_method": method, **more}
        return await self.call("POST", f"/v1/accounts/{account}/recharges", body, Idempotency_Key=key or uuid4().hex)

    async def recharge(self, account: str, method: str, amount: str = "50.00", **more: Any) -> Any:
        answer = await self.ask(account, method, amount, **more)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def recharges(self, account: str) -> list[Any]:
        return (await self.ok("GET", f"/v1/accounts/{account}/recharges?limit=100"))["data"]

    async def until_status(self, account: str, recharge: str, *statuses: str) -> Any:
        found: list[Any] = []

        async def there() -> bool:
            found[:] = [await self.ok("GET", f"/v1/accounts/{account}/recharges/{recharge}")]
            return found[0]["status"] in statuses

        await self.until(there, f"{recharge} to be {' or '.join(statuses)}", seen=found)
        return found[0]

    async def balance(self, account: str) -> tuple[str, str]:
        found = await self.ok("GET", f"/v1/accounts/{account}/balance")
        return found["available"], found["pending"]

    # The processor

    async def stripe(self, path: str) -> Any:
        answer = await self.http.get(f"{self.sandbox_url}/v1{path}", headers={"Authorization": f"Bearer {SECRET_KEY}"})
        assert answer.is_success, answer.text
        return answer.json()

    async def intents(self, recharge: str) -> list[Any]:
        """The recharge's payments at the processor, found by the id that we gave them."""
        listed, after = [], ""
        while True:
            page = await self.stripe(f"/payment_intents?limit=100{after}")
            listed += page["data"]
            if not page["has_more"]:
                return [one for one in listed if one["metadata"].get("recharge") == recharge]
            after = f"&starting_after={page['data'][-1]['id']}"

    async def charges(self, recharge: str) -> list[Any]:
        """The succeeded or pending charges of the recharge, as the processor counts them."""
        found = []
        for intent in await self.intents(recharge):
            listed = await self.stripe(f"/charges?payment_intent={intent['id']}&limit=100")
            found += [one for one in listed["data"] if one["status"] != "failed"]
        return found

    async def control(self, path: str, body: Any = None, method: str = "POST") -> Any:
        answer = await self.http.request(method, f"{self.sandbox_url}/_sandbox/{path}", json=body)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    # Waiting

    async def until(self, there: Any, what: str, *, seen: Any = None) -> None:
        deadline = time.monotonic() + PATIENCE
        while not await there():
            assert time.monotonic() < deadline, f"waited {PATIENCE:.0f} s for {what}; last seen: {seen}"
            await asyncio.sleep(0.05)
