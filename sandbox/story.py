"""The story that `make demo` tells: one customer from an empty account to settled card and bank money.

It is told by a stranger: over HTTP alone, to the API, the sandbox's control routes and the inbox.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx2
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

JSON = dict[str, Any]
PATIENCE_SECONDS = 30.0
MANDATE = {"ip_address": "203.0.113.7", "user_agent": "Mozilla/5.0 (demo)"}


class StoryError(RuntimeError):
    """The story did not go as it is told; the message says where."""


@dataclass(kw_only=True)
class Story:
    """Tells the story on ``console``."""

    api_url: str
    sandbox_url: str
    inbox_url: str
    operator_key: str
    mandate_text_version: str
    console: Console
    account: JSON = field(default_factory=dict[str, Any])
    _step: int = 0

    async def tell(self) -> None:
        """From the first step to the last. Raises StoryError where something is not as it should be."""
        async with httpx2.AsyncClient(timeout=20) as http:
            self._http = http
            await self._open()
            card = await self._add_card()
            await self._recharge_by_card(card)
            await self._declined_card()
            await self._confirmed_by_customer()
            bank = await self._add_bank()
            await self._verify_bank(bank)
            await self._recharge_by_bank(bank)
            await self._returned_debit(bank)
            await self._same_request_twice(card)
            await self._mails()

    async def _open(self) -> None:
        self._say("An operator opens an account")
        self.account = await self._call(
            "POST", "/v1/accounts", {"name": "Ada's Calls", "email": "ada@example.com", "timezone": "America/New_York"}
        )
        self._auth = httpx2.BasicAuth(self.account["auth_id"], self.account["auth_token"])
        self._note(f"Auth ID {self.account['id']}; the Auth Token is shown this once")
        await self._balance(available="0.00", pending="0.00")

    async def _add_card(self) -> JSON:
        self._say("The customer puts a card on file: the processor's token, never a number")
        card = await self._own("POST", "/cards", {"payment_method": "pm_card_visa"})
        self._expect(card["status"] == "active", "the card is active", card)
        self._note(f"{card['brand']} •••• {card['last4']}, now the default")
        return card

    async def _recharge_by_card(self, card: JSON) -> None:
        self._say("A recharge of $50.00 by card is final at once")
        made = await self._recharge("50.00", card["id"])
        self._expect(made["status"] == "succeeded", "the recharge succeeded", made)
        self._timeline(made)
        await self._balance(available="50.00", pending="0.00")

    async def _declined_card(self) -> None:
        self._say("A card without funds says so, and nothing is credited")
        card = await self._own("POST", "/cards", {"payment_method": "pm_card_chargeCustomerFail"})
        made = await self._recharge("30.00", card["id"])
        self._expect(made["status"] == "failed", "the recharge failed", made)
        self._note(f"{made['failure']['message']} (retry: {made['failure']['retry']})")
        await self._balance(available="50.00", pending="0.00")

    async def _confirmed_by_customer(self) -> None:
        self._say("A card that wants its owner: the customer gets a link and finishes the same payment")
        card = await self._own("POST", "/cards", {"payment_method": "pm_card_authenticationRequired"})
        made = await self._recharge("40.00", card["id"])
        self._expect(made["status"] == "requires_action", "the recharge waits for the customer", made)
        gone_on = await self._http.get(made["action_url"])
        self._expect(gone_on.status_code == 303, "the link goes on to the bank's page", gone_on.text)
        self._note(f"{made['action_url'][:48]}… leads to {gone_on.headers['location'][:60]}…")
        intent = await self._intent_of(made)
        await self._control(f"/payment_intents/{intent}/authenticate", {"outcome": "succeed"})
        made = await self._until(made, lambda row: row["status"] == "succeeded")
        self._timeline(made)
        await self._balance(available="90.00", pending="0.00")

    async def _add_bank(self) -> JSON:
        self._say("The customer adds a US bank account and accepts the mandate")
        clock = await self._http.get(f"{self.sandbox_url}/_sandbox/clock")
        self._expect(clock.status_code == 200, "the sandbox has a clock", clock.text)
        accepted_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        mandate = MANDATE | {"accepted_at": accepted_at, "text_version": self.mandate_text_version}
        bank = await self._own(
            "POST", "/bank_accounts", {"payment_method": "pm_usBankAccount_success", "mandate": mandate}
        )
        self._expect(bank["status"] == "verification_pending", "the bank account waits for its code", bank)
        self._note(
            f"{bank['bank_name']} •••• {bank['last4']}: a deposit with a 6-character code is expected on "
            f"{bank['deposit_expected_on']}; {bank['attempts_left']} attempts, until {bank['expires_at'][:10]}"
        )
        return bank

    async def _verify_bank(self, bank: JSON) -> None:
        self._say("Two business days later the statement shows the 6-character code")
        await self._control("/clock", {"advance_business_days": 2})
        wrong = await self._http.post(
            self._own_url(f"/bank_accounts/{bank['id']}/verify"), json={"code": "SM00ZZ"}, auth=self._auth
        )
        self._expect(wrong.status_code == 422 and wrong.json()["code"] == "code_mismatch", "it is wrong", wrong.text)
        self._note(f"SM00ZZ is wrong: {wrong.json()['attempts_left']} attempts left")
        bank = await self._own("POST", f"/bank_accounts/{bank['id']}/verify", {"code": "sm11aa"})
        self._expect(bank["status"] == "verified", "the bank account is verified", bank)
        self._note("sm11aa verifies it")

    async def _recharge_by_bank(self, bank: JSON) -> None:
        self._say("A recharge of $200.00 by bank debit (ACH): pending, with the day and the reason")
        made = await self._recharge("200.00", bank["id"])
        self._expect(made["status"] == "processing", "the recharge is pending", made)
        self._note(f"expected on {made['expected_on']}: {made['expected_why']}")
        await self._balance(available="90.00", pending="200.00")
        await self._until(made, lambda row: any(one["what"] == "submitted" for one in row["timeline"]))
        self._say("Four business days later the processor says that the bank paid")
        await self._control("/clock", {"advance_business_days": 4})
        made = await self._until(made, lambda row: row["status"] == "succeeded")
        self._timeline(made)
        await self._balance(available="290.00", pending="0.00")

    async def _returned_debit(self, bank: JSON) -> None:
        self._say("A debit that the bank returns (R01) never becomes spendable")
        made = await self._recharge("25.00", bank["id"])
        made = await self._until(made, lambda row: any(one["what"] == "submitted" for one in row["timeline"]))
        await self._control(f"/payment_intents/{await self._intent_of(made)}/return", {"code": "R01"})
        made = await self._until(made, lambda row: row["status"] == "failed")
        self._note(f"{made['failure']['message']}")
        await self._balance(available="290.00", pending="0.00")

    async def _same_request_twice(self, card: JSON) -> None:
        self._say("The same request sent twice charges once")
        key, asked = f"demo-{uuid4().hex}", {"amount": "25.00", "payment_method": card["id"]}
        url, headers = self._own_url("/recharges"), {"Idempotency-Key": key}
        first = await self._http.post(url, json=asked, headers=headers, auth=self._auth)
        again = await self._http.post(url, json=asked, headers=headers, auth=self._auth)
        self._expect(first.json() == again.json(), "both answers are one recharge", again.text)
        self._note(f"the second answer says Idempotent-Replayed: {again.headers['idempotent-replayed']}")
        await self._balance(available="315.00", pending="0.00")

    async def _mails(self) -> None:
        self._say("What the customer was told")
        notices = await self._settled_notices()
        table = Table("sent to", "subject", box=None, padding=(0, 2, 0, 4))
        mails = (await self._http.get(f"{self.inbox_url}/messages")).json()
        wanted = len(notices)
        for mail in [one for one in mails if self.account["email"] in one["to"]][:wanted][::-1]:
            table.add_row(", ".join(mail["to"]) if isinstance(mail["to"], list) else mail["to"], mail["subject"])
        self.console.print(table)

    async def _settled_notices(self) -> list[JSON]:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            notices = (await self._own("GET", "/notices?limit=100"))["data"]
            if all(one["state"] != "pending" for one in notices) or time.monotonic() > deadline:
                return notices
            await asyncio.sleep(0.1)

    # The words

    def _say(self, what: str) -> None:
        self._step += 1
        self.console.print(f"\n[bold cyan]{self._step:2}[/] [bold]{what}[/]")

    def _note(self, what: str) -> None:
        self.console.print(f"    {what}", highlight=False)

    def _timeline(self, made: JSON) -> None:
        for one in made["timeline"]:
            self.console.print(
                f"    [dim]{one['at'][:19].replace('T', ' ')}[/] {one['what']}"
                + (f" [dim]· {one['detail']}[/]" if one["detail"] else ""),
                highlight=False,
            )

    async def _balance(self, *, available: str, pending: str) -> None:
        balance = await self._own("GET", "/balance")
        shown = f"available [bold green]${balance['available']}[/]   pending [bold yellow]${balance['pending']}[/]"
        self.console.print(Panel.fit(shown, border_style="dim"))
        right = (balance["available"], balance["pending"]) == (available, pending)
        self._expect(right, f"available {available}, pending {pending}", balance)

    # The wire

    async def _recharge(self, amount: str, method: str) -> JSON:
        key = f"demo-{uuid4().hex}"
        return await self._own("POST", "/recharges", {"amount": amount, "payment_method": method}, key=key)

    async def _until(self, made: JSON, done: Callable[[JSON], bool]) -> JSON:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            row = await self._own("GET", f"/recharges/{made['id']}")
            if done(row):
                return row
            self._expect(time.monotonic() < deadline, f"{made['id']} gets there within {PATIENCE_SECONDS:.0f} s", row)
            await asyncio.sleep(0.05)

    async def _intent_of(self, made: JSON) -> str:
        """The PaymentIntent at the sandbox that carries the recharge's id."""
        listed = await self._http.get(
            f"{self.sandbox_url}/v1/payment_intents?limit=20", headers={"Authorization": "Bearer sk_test_sandbox"}
        )
        found = [one["id"] for one in listed.json()["data"] if one["metadata"].get("recharge") == made["id"]]
        self._expect(len(found) == 1, "the recharge has one payment at the processor", found)
        return str(found[0])

    def _own_url(self, path: str) -> str:
        return f"{self.api_url}/v1/accounts/{self.account['id']}{path}"

    async def _own(self, method: str, path: str, body: JSON | None = None, *, key: str | None = None) -> JSON:
        headers = {"Idempotency-Key": key} if key else {}
        answer = await self._http.request(method, self._own_url(path), json=body, auth=self._auth, headers=headers)
        self._expect(answer.is_success, f"{method} {path}", answer.text)
        return answer.json()

    async def _call(self, method: str, path: str, body: JSON) -> JSON:
        headers = {"Authorization": f"Bearer {self.operator_key}"}
        answer = await self._http.request(method, f"{self.api_url}{path}", json=body, headers=headers)
        self._expect(answer.is_success, f"{method} {path}", answer.text)
        return answer.json()

    async def _control(self, path: str, body: JSON) -> None:
        answer = await self._http.post(f"{self.sandbox_url}/_sandbox{path}", json=body)
        self._expect(answer.is_success, f"sandbox {path}", answer.text)

    @staticmethod
    def _expect(right: bool, what: str, found: object) -> None:
        if not right:
            raise StoryError(f"expected: {what}; found: {found}")
