"""The story that `make demo` tells: one customer's money, how it comes, how it goes, and what is told when it is gone.

It is told by a stranger: over HTTP alone, to the API, the sandbox's control routes and the inbox.
"""

import asyncio
import time
from uuid import uuid4

import httpx2
from rich.table import Table

from sandbox.monthly_story import every_month
from sandbox.recharging_story import recharge_by_itself
from sandbox.spending_story import spend
from sandbox.telling import JSON, PATIENCE_SECONDS, Teller
from sandbox.warning_story import warn

MANDATE = {"ip_address": "203.0.113.7", "user_agent": "Mozilla/5.0 (demo)"}


class Story(Teller):
    """The story from the first step to the last."""

    async def tell(self) -> None:
        """From the first step to the last. Raises StoryError where something is not as it should be."""
        async with httpx2.AsyncClient(timeout=20) as http:
            self.http = http
            await self._open()
            card = await self._add_card()
            await self._recharge_by_card(card)
            declining = await self._declined_card()
            await self._confirmed_by_customer()
            bank = await self._add_bank()
            await self._verify_bank(bank)
            await self._recharge_by_bank(bank)
            await self._returned_debit(bank)
            await self._same_request_twice(card)
            await spend(self)
            await warn(self, card)
            await recharge_by_itself(self, card=card, declining=declining)
            await every_month(self, bank)
            await self._mails()

    async def _open(self) -> None:
        self.say("An operator opens an account")
        self.account = await self.call(
            "POST", "/v1/accounts", {"name": "Ada's Calls", "email": "ada@example.com", "timezone": "America/New_York"}
        )
        self.auth = httpx2.BasicAuth(self.account["auth_id"], self.account["auth_token"])
        self.note(f"Auth ID {self.account['id']}; the Auth Token is shown this once")
        await self.balance(available="0.00", pending="0.00")

    async def _add_card(self) -> JSON:
        self.say("The customer puts a card on file: the processor's token, never a number")
        card = await self.own("POST", "/cards", {"payment_method": "pm_card_visa"})
        self.expect(card["status"] == "active", "the card is active", card)
        self.note(f"{card['brand']} •••• {card['last4']}, now the default")
        return card

    async def _recharge_by_card(self, card: JSON) -> None:
        self.say("A recharge of $50.00 by card is final at once")
        made = await self.recharge("50.00", card["id"])
        self.expect(made["status"] == "succeeded", "the recharge succeeded", made)
        self.timeline(made)
        await self.balance(available="50.00", pending="0.00")

    async def _declined_card(self) -> JSON:
        self.say("A card without funds says so, and nothing is credited")
        card = await self.own("POST", "/cards", {"payment_method": "pm_card_chargeCustomerFail"})
        made = await self.recharge("30.00", card["id"])
        self.expect(made["status"] == "failed", "the recharge failed", made)
        self.note(f"{made['failure']['message']} (retry: {made['failure']['retry']})")
        await self.balance(available="50.00", pending="0.00")
        return card

    async def _confirmed_by_customer(self) -> None:
        self.say("A card that wants its owner: the customer gets a link and finishes the same payment")
        card = await self.own("POST", "/cards", {"payment_method": "pm_card_authenticationRequired"})
        made = await self.recharge("40.00", card["id"])
        self.expect(made["status"] == "requires_action", "the recharge waits for the customer", made)
        gone_on = await self.http.get(made["action_url"])
        self.expect(gone_on.status_code == 303, "the link goes on to the bank's page", gone_on.text)
        self.note(f"{made['action_url'][:48]}… leads to {gone_on.headers['location'][:60]}…")
        intent = await self.intent_of(made)
        await self.control(f"/payment_intents/{intent}/authenticate", {"outcome": "succeed"})
        made = await self.until(made, lambda row: row["status"] == "succeeded")
        self.timeline(made)
        await self.balance(available="90.00", pending="0.00")

    async def _add_bank(self) -> JSON:
        self.say("The customer adds a US bank account and accepts the mandate")
        clock = await self.http.get(f"{self.sandbox_url}/_sandbox/clock")
        self.expect(clock.status_code == 200, "the sandbox has a clock", clock.text)
        accepted_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        mandate = MANDATE | {"accepted_at": accepted_at, "text_version": self.mandate_text_version}
        bank = await self.own(
            "POST", "/bank_accounts", {"payment_method": "pm_usBankAccount_success", "mandate": mandate}
        )
        self.expect(bank["status"] == "verification_pending", "the bank account waits for its code", bank)
        self.note(
            f"{bank['bank_name']} •••• {bank['last4']}: a deposit with a 6-character code is expected on "
            f"{bank['deposit_expected_on']}; {bank['attempts_left']} attempts, until {bank['expires_at'][:10]}"
        )
        return bank

    async def _verify_bank(self, bank: JSON) -> None:
        self.say("Two business days later the statement shows the 6-character code")
        await self.control("/clock", {"advance_business_days": 2})
        wrong = await self.http.post(
            self.own_url(f"/bank_accounts/{bank['id']}/verify"), json={"code": "SM00ZZ"}, auth=self.auth
        )
        self.expect(wrong.status_code == 422 and wrong.json()["code"] == "code_mismatch", "it is wrong", wrong.text)
        self.note(f"SM00ZZ is wrong: {wrong.json()['attempts_left']} attempts left")
        bank = await self.own("POST", f"/bank_accounts/{bank['id']}/verify", {"code": "sm11aa"})
        self.expect(bank["status"] == "verified", "the bank account is verified", bank)
        self.note("sm11aa verifies it")

    async def _recharge_by_bank(self, bank: JSON) -> None:
        self.say("A recharge of $200.00 by bank debit (ACH): pending, with the day and the reason")
        made = await self.recharge("200.00", bank["id"])
        self.expect(made["status"] == "processing", "the recharge is pending", made)
        self.note(f"expected on {made['expected_on']}: {made['expected_why']}")
        await self.balance(available="90.00", pending="200.00")
        await self.until(made, lambda row: any(one["what"] == "submitted" for one in row["timeline"]))
        self.say("Four business days later the processor says that the bank paid")
        await self.control("/clock", {"advance_business_days": 4})
        made = await self.until(made, lambda row: row["status"] == "succeeded")
        self.timeline(made)
        await self.balance(available="290.00", pending="0.00")

    async def _returned_debit(self, bank: JSON) -> None:
        self.say("A debit that the bank returns (R01) never becomes spendable")
        made = await self.recharge("25.00", bank["id"])
        made = await self.until(made, lambda row: any(one["what"] == "submitted" for one in row["timeline"]))
        await self.control(f"/payment_intents/{await self.intent_of(made)}/return", {"code": "R01"})
        made = await self.until(made, lambda row: row["status"] == "failed")
        self.note(f"{made['failure']['message']}")
        await self.balance(available="290.00", pending="0.00")

    async def _same_request_twice(self, card: JSON) -> None:
        self.say("The same request sent twice charges once")
        key, asked = f"demo-{uuid4().hex}", {"amount": "25.00", "payment_method": card["id"]}
        url, headers = self.own_url("/recharges"), {"Idempotency-Key": key}
        first = await self.http.post(url, json=asked, headers=headers, auth=self.auth)
        again = await self.http.post(url, json=asked, headers=headers, auth=self.auth)
        self.expect(first.json() == again.json(), "both answers are one recharge", again.text)
        self.note(f"the second answer says Idempotent-Replayed: {again.headers['idempotent-replayed']}")
        await self.balance(available="315.00", pending="0.00")

    async def _mails(self) -> None:
        self.say("What the customer was told")
        notices = await self._settled_notices()
        table = Table("sent to", "subject", box=None, padding=(0, 2, 0, 4))
        mails = (await self.http.get(f"{self.inbox_url}/messages")).json()
        wanted = len(notices)
        for mail in [one for one in mails if self.account["email"] in one["to"]][:wanted][::-1]:
            table.add_row(", ".join(mail["to"]) if isinstance(mail["to"], list) else mail["to"], mail["subject"])
        self.console.print(table)

    async def _settled_notices(self) -> list[JSON]:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            notices = (await self.own("GET", "/notices?limit=100"))["data"]
            if all(one["state"] != "pending" for one in notices) or time.monotonic() > deadline:
                return notices
            await asyncio.sleep(0.1)
