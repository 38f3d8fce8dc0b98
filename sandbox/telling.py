"""How the demo's story is told: steps on a console, requests over HTTP, and an end where something is wrong."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx2
from rich.console import Console
from rich.panel import Panel

JSON = dict[str, Any]
PATIENCE_SECONDS = 30.0


class StoryError(RuntimeError):
    """The story did not go as it is told; the message says where."""


@dataclass(kw_only=True)
class Teller:
    """Tells on ``console`` what a stranger sees over HTTP: of the API, the sandbox's control routes and the inbox."""

    api_url: str
    sandbox_url: str
    inbox_url: str
    operator_key: str
    mandate_text_version: str
    console: Console
    account: JSON = field(default_factory=dict[str, Any])
    http: httpx2.AsyncClient = field(init=False)
    auth: httpx2.BasicAuth = field(init=False)
    used: int = 0
    """Charges so far, for their references."""
    _step: int = 0

    # The words

    def say(self, what: str) -> None:
        """The next step, in one sentence."""
        self._step += 1
        self.console.print(f"\n[bold cyan]{self._step:2}[/] [bold]{what}[/]")

    def note(self, what: str) -> None:
        """A line below it."""
        self.console.print(f"    {what}", highlight=False)

    def timeline(self, made: JSON) -> None:
        """What happened to a recharge."""
        for one in made["timeline"]:
            self.console.print(
                f"    [dim]{one['at'][:19].replace('T', ' ')}[/] {one['what']}"
                + (f" [dim]· {one['detail']}[/]" if one["detail"] else ""),
                highlight=False,
            )

    async def balance(self, *, available: str, pending: str) -> None:
        """Show the balance, which must be as told."""
        balance = await self.own("GET", "/balance")
        shown = f"available [bold green]${balance['available']}[/]   pending [bold yellow]${balance['pending']}[/]"
        self.console.print(Panel.fit(shown, border_style="dim"))
        right = (balance["available"], balance["pending"]) == (available, pending)
        self.expect(right, f"available {available}, pending {pending}", balance)

    # The wire

    async def recharge(self, amount: str, method: str) -> JSON:
        """A recharge under a key of its own."""
        key = f"demo-{uuid4().hex}"
        return await self.own("POST", "/recharges", {"amount": amount, "payment_method": method}, key=key)

    async def until(self, made: JSON, done: Callable[[JSON], bool]) -> JSON:
        """The recharge once it is ``done``. Raises StoryError when that takes too long."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            row = await self.own("GET", f"/recharges/{made['id']}")
            if done(row):
                return row
            self.expect(time.monotonic() < deadline, f"{made['id']} gets there within {PATIENCE_SECONDS:.0f} s", row)
            await asyncio.sleep(0.05)

    async def intent_of(self, made: JSON) -> str:
        """The PaymentIntent at the sandbox that carries the recharge's id."""
        listed = await self.http.get(
            f"{self.sandbox_url}/v1/payment_intents?limit=20", headers={"Authorization": "Bearer sk_test_sandbox"}
        )
        found = [one["id"] for one in listed.json()["data"] if one["metadata"].get("recharge") == made["id"]]
        self.expect(len(found) == 1, "the recharge has one payment at the processor", found)
        return str(found[0])

    def own_url(self, path: str) -> str:
        """A path of the account's."""
        return f"{self.api_url}/v1/accounts/{self.account['id']}{path}"

    async def own(self, method: str, path: str, body: JSON | None = None, *, key: str | None = None) -> JSON:
        """A request of the account's own; it must succeed."""
        headers = {"Idempotency-Key": key} if key else {}
        answer = await self.http.request(method, self.own_url(path), json=body, auth=self.auth, headers=headers)
        self.expect(answer.is_success, f"{method} {path}", answer.text)
        return answer.json()

    async def call(self, method: str, path: str, body: JSON | None = None) -> JSON:
        """A request of the operator's; it must succeed."""
        headers = {"Authorization": f"Bearer {self.operator_key}"}
        answer = await self.http.request(method, f"{self.api_url}{path}", json=body, headers=headers)
        self.expect(answer.is_success, f"{method} {path}", answer.text)
        return answer.json()

    async def control(self, path: str, body: JSON) -> None:
        """A control route of the sandbox's."""
        answer = await self.http.post(f"{self.sandbox_url}/_sandbox{path}", json=body)
        self.expect(answer.is_success, f"sandbox {path}", answer.text)

    @staticmethod
    def expect(right: bool, what: str, found: object) -> None:
        """Raise StoryError unless it is ``right``."""
        if not right:
            raise StoryError(f"expected: {what}; found: {found}")


async def until_done(ask: Callable[[], Awaitable[JSON]], done: Callable[[JSON], bool]) -> JSON:
    """The answer once it is ``done``, or the last one when that takes too long."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        found = await ask()
        if done(found) or time.monotonic() > deadline:
            return found
        await asyncio.sleep(0.1)
