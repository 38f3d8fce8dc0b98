"""A whole installation for a test: API and worker as processes of their own, on real Postgres, Temporal and sandbox."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx2
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from rules.signatures import sign
from sandbox.mail.messages import Mailbox, Message
from sandbox.ports import HOST, free_ports
from settings import DEVELOPMENT_OPERATOR_KEY

PATIENCE = 60.0
SECRET_KEY = "sk_test_sandbox"
OPERATORS = "operators@prepay.example"
MANDATE = {"ip_address": "203.0.113.7", "user_agent": "tests", "text_version": "2026-11"}


class Installation:
    """APIs (``api``, ``api-2`` …) and workers (``worker`` …); each can be killed and started again."""

    def __init__(
        self, *, folder: Path, database: Any, temporal_address: str, sandbox_url: str, smtp_port: int, http: Any
    ) -> None:
        self.folder = folder
        self.database = database
        self.temporal_address = temporal_address
        self.sandbox_url = sandbox_url
        self.http: httpx2.AsyncClient = http
        self.mailbox = Mailbox(folder / "mails")
        self.ports = dict(zip(("api", "worker"), free_ports(2), strict=True))
        self.api_url = self.url("api")
        self.task_queue = f"prepay-{uuid4().hex[:8]}"
        self.processes: dict[str, asyncio.subprocess.Process] = {}
        self.env = {
            "PREPAY_DATABASE_URL": database.app_url,
            "PREPAY_DATABASE_OWNER_URL": database.owner_url,
            "PREPAY_TEMPORAL_ADDRESS": temporal_address,
            "PREPAY_TASK_QUEUE": self.task_queue,
            "PREPAY_SANDBOX_URL": sandbox_url,
            "PREPAY_PUBLIC_URL": self.api_url,
            "PREPAY_SMTP_PORT": str(smtp_port),
            "PREPAY_OPERATOR_EMAIL": OPERATORS,
            "PREPAY_POLL_SECONDS": "2",
        }

    # Processes

    def url(self, name: str) -> str:
        return f"http://{HOST}:{self.ports[name]}"

    async def start(self, *names: str, **env: str) -> None:
        wanted = names or ("api", "worker")
        for name in wanted:
            await self.spawn(name, **env)
        await asyncio.gather(*map(self.ready, wanted))

    async def spawn(self, name: str, **env: str) -> None:
        """Start a process without waiting for it."""
        kind = name.partition("-")[0]
        if name not in self.ports:
            self.ports[name] = free_ports(1)[0]
        port = {"PREPAY_API_PORT" if kind == "api" else "PREPAY_METRICS_PORT": str(self.ports[name])}
        log = (self.folder / f"{name}.log").open("ab")
        self.processes[name] = await asyncio.create_subprocess_exec(
            sys.executable, "-m", kind, env={**os.environ, **self.env, **port, **env}, stdout=log, stderr=log
        )
        log.close()

    async def ready(self, name: str) -> None:
        path, sign_of_life = ("/healthz", "") if name.startswith("api") else ("/metrics", "temporal_num_pollers")
        await self.until(lambda: self._answers(name, path, sign_of_life), f"{name} to answer")

    async def _answers(self, name: str, path: str, sign_of_life: str) -> bool:
        assert self.processes[name].returncode is None, f"{name} ended:\n{self.log(name)[-3000:]}"
        try:
            answer = await self.http.get(f"{self.url(name)}{path}")
        except httpx2.TransportError:
            return False
        return answer.is_success and sign_of_life in answer.text

    async def kill(self, *names: str) -> None:
        """Kill -9."""
        for name in names:
            self.processes[name].send_signal(signal.SIGKILL)
        for name in names:
            await self.processes.pop(name).wait()

    async def stop(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            await process.wait()
        self.processes.clear()

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def logs(self) -> str:
        return "\n".join(path.read_text() for path in self.folder.glob("*.log"))

    # The API

    async def call(self, method: str, path: str, body: Any = None, *, at: str = "api", **headers: str) -> Any:
        headers["Authorization"] = f"Bearer {DEVELOPMENT_OPERATOR_KEY}"
        return await self.http.request(
            method, f"{self.url(at)}{path}", json=body, headers={k.replace("_", "-"): v for k, v in headers.items()}
        )

    async def ok(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        answer = await self.call(method, path, body, **headers)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    async def account(self, **fields: str) -> str:
        made = await self.ok("POST", "/v1/accounts", {"name": "Ada", "email": "ada@example.com"} | fields)
        return made["id"]

    async def add_card(self, account: str, token: str = "pm_card_visa") -> httpx2.Response:
        return await self.call("POST", f"/v1/accounts/{account}/cards", {"payment_method": token})

    async def card(self, account: str, token: str = "pm_card_visa") -> str:
        answer = await self.add_card(account, token)
        assert answer.is_success, answer.text
        assert answer.json()["status"] == "active", answer.text
        return answer.json()["id"]

    async def add_bank(self, account: str, token: str = "pm_usBankAccount_success", **mandate: str) -> str:
        """A bank account that waits for its code; a card must be on file."""
        given = {**MANDATE, "accepted_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), **mandate}
        path = f"/v1/accounts/{account}/bank_accounts"
        made = await self.ok("POST", path, {"payment_method": token, "mandate": given})
        return made["id"]

    async def enter(self, account: str, bank: str, code: str) -> httpx2.Response:
        return await self.call("POST", f"/v1/accounts/{account}/bank_accounts/{bank}/verify", {"code": code})

    async def bank(self, account: str, token: str = "pm_usBankAccount_success", **mandate: str) -> str:
        """A verified bank account; a card must be on file."""
        bank = await self.add_bank(account, token, **mandate)
        done = await self.enter(account, bank, "SM11AA")
        assert done.is_success, done.text
        assert done.json()["status"] == "verified", done.text
        return bank

    async def ask(
        self,
        account: str,
        method: str,
        amount: str = "50.00",
        *,
        key: str | None = None,
        at: str = "api",
        **more: Any,
    ) -> httpx2.Response:
        body = {"amount": amount, "payment_method": method, **more}
        path = f"/v1/accounts/{account}/recharges"
        return await self.call("POST", path, body, at=at, Idempotency_Key=key or uuid4().hex)

    async def recharge(self, account: str, method: str, amount: str = "50.00", **more: Any) -> Any:
        answer = await self.ask(account, method, amount, **more)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def recharges(self, account: str) -> list[Any]:
        return (await self.ok("GET", f"/v1/accounts/{account}/recharges?limit=100"))["data"]

    async def until_asked(self, account: str) -> str:
        """The id of the account's first recharge, as soon as somebody has asked for it and its row is there."""
        found: list[str] = []

        async def there() -> bool:
            found[:] = [one["id"] for one in await self.recharges(account)]
            return bool(found)

        await self.until(there, "the recharge to be there")
        return found[0]

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

    # Usage, and the recharges that come of it

    async def fund(self, account: str, amount: str) -> None:
        body = {"amount": amount, "kind": "goodwill", "reason": "to begin with"}
        await self.ok("POST", f"/v1/accounts/{account}/adjustments", body, Idempotency_Key=uuid4().hex)

    async def use(self, account: str, amount: str, *, at: str = "api") -> httpx2.Response:
        body = {"amount": amount, "reference": uuid4().hex}
        return await self.call("POST", f"/v1/accounts/{account}/usage", body, at=at)

    async def used(self, account: str, amount: str) -> None:
        answer = await self.use(account, amount)
        assert answer.status_code == 201, answer.text

    async def put_auto(self, account: str, **settings: Any) -> Any:
        """Auto-recharge, switched on; ``minimum``, ``amount`` and more."""
        return await self.ok("PUT", f"/v1/accounts/{account}/auto_recharge", {"enabled": True, **settings})

    async def auto(self, account: str) -> Any:
        return await self.ok("GET", f"/v1/accounts/{account}/auto_recharge")

    async def recharging(self, balance: str, *, token: str = "pm_card_visa", **settings: str) -> str:
        """An account with this balance, a card, and auto-recharge by it."""
        account = await self.account()
        await self.fund(account, balance)
        await self.put_auto(account, payment_method=await self.card(account, token), **settings)
        return account

    async def until_auto(self, account: str, state: str) -> Any:
        found: list[Any] = []

        async def there() -> bool:
            found[:] = [await self.auto(account)]
            return found[0]["state"] == state

        await self.until(there, f"auto-recharge to be {state}", seen=found)
        return found[0]

    async def until_available(self, account: str, amount: str) -> None:
        """Wait until this is available and nothing is on its way."""
        found: list[Any] = []

        async def there() -> bool:
            found[:] = [await self.balance(account)]
            return found[0] == (amount, "0.00")

        await self.until(there, f"{account} to have {amount}", seen=found)

    async def payments(self, account: str) -> list[Any]:
        """All of the account's payments at the processor, newest first."""
        return [one for one in await self.listed("/payment_intents") if one["metadata"].get("account") == account]

    # The processor

    async def stripe(self, path: str, data: Any = None) -> Any:
        answer = await self.http.request(
            "GET" if data is None else "POST",
            f"{self.sandbox_url}/v1{path}",
            data=data,
            headers={"Authorization": f"Bearer {SECRET_KEY}"},
        )
        assert answer.is_success, answer.text
        return answer.json()

    async def listed(self, path: str) -> list[Any]:
        """Every object of a list, newest first."""
        found: list[Any] = []
        after = ""
        while True:
            page = await self.stripe(f"{path}{'&' if '?' in path else '?'}limit=100{after}")
            found += page["data"]
            if not page["has_more"]:
                return found
            after = f"&starting_after={page['data'][-1]['id']}"

    async def intents(self, recharge: str) -> list[Any]:
        """The recharge's payments at the processor, found by the id that we gave them."""
        return [one for one in await self.listed("/payment_intents") if one["metadata"].get("recharge") == recharge]

    async def until_intent(self, recharge: str, *statuses: str) -> Any:
        """The recharge's payment at the processor, once it is in one of these states."""
        found: list[Any] = []

        async def there() -> bool:
            found[:] = [one for one in await self.intents(recharge) if one["status"] in statuses]
            return bool(found)

        await self.until(there, f"the payment of {recharge} to be {' or '.join(statuses)}")
        return found[0]

    async def charges(self, recharge: str) -> list[Any]:
        """The succeeded or pending charges of the recharge, as the processor counts them."""
        found = []
        for intent in await self.intents(recharge):
            listed = await self.listed(f"/charges?payment_intent={intent['id']}")
            found += [one for one in listed if one["status"] != "failed"]
        return found

    async def control(self, path: str, body: Any = None, method: str = "POST") -> Any:
        answer = await self.http.request(method, f"{self.sandbox_url}/_sandbox/{path}", json=body)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    @asynccontextmanager
    async def no_webhooks(self) -> AsyncGenerator[None]:
        """While the block runs every webhook is lost."""
        await self.control("webhooks", {"drop": 1.0})
        try:
            yield
        finally:
            await self.control("webhooks", {})

    def signed(self, event: Any, *, secret: str | None = None, age: float = 0) -> tuple[bytes, str]:
        """A webhook of the processor, and its signature as the processor makes it."""
        raw = event if isinstance(event, bytes) else json.dumps(event).encode()
        secret = secret or self.env["PREPAY_STRIPE_WEBHOOK_SECRET"]
        return raw, sign(raw, secret=secret, timestamp=int(time.time() - age))

    async def deliver(self, event: Any, **more: Any) -> httpx2.Response:
        raw, signature = self.signed(event, **more)
        return await self.http.post(
            f"{self.api_url}/webhooks/stripe", content=raw, headers={"Stripe-Signature": signature}
        )

    # Books and mails

    async def rows(self, query: str, *arguments: Any) -> list[Any]:
        connection = await asyncpg.connect(self.database.owner_url)
        try:
            return await connection.fetch(query, *arguments)
        finally:
            await connection.close()

    async def value(self, query: str, *arguments: Any) -> Any:
        return (await self.rows(query, *arguments))[0][0]

    async def credits(self, account: str) -> int:
        """Recharges that the ledger has credited."""
        return await self.value(
            "SELECT count(*) FROM ledger_transfer JOIN ledger_kind USING (kind)"
            " WHERE account_id = $1 AND name = 'recharge_settled' AND leg = 0", account,
        )  # fmt: skip

    def mails(self, *, to: str, about: str = "") -> list[Message]:
        return [
            mail for mail in self.mailbox.all() if to in mail.recipients and about in (mail.body("plain") or "")
        ]  # fmt: skip

    # Temporal

    async def temporal(self) -> Client:
        return await Client.connect(
            self.temporal_address, namespace="prepay", data_converter=pydantic_data_converter
        )  # fmt: skip

    # Waiting

    async def until(self, there: Any, what: str, *, seen: Any = None) -> None:
        deadline = time.monotonic() + PATIENCE
        while not await there():
            assert time.monotonic() < deadline, f"waited {PATIENCE:.0f} s for {what}; last seen: {seen}"
            await asyncio.sleep(0.05)

    async def until_row(self, what: str, query: str, *arguments: Any) -> None:
        """Wait until the query's first value is true."""
        connection = await asyncpg.connect(self.database.owner_url)
        try:

            async def there() -> bool:
                return bool(await connection.fetchval(query, *arguments))

            await self.until(there, what)
        finally:
            await connection.close()
