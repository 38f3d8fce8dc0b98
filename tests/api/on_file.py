"""An account of the API with cards, a bank account and money, made without a processor; and its auto-recharge."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

import httpx2
from sqlalchemy import text

import ledger
from rules import mandate_text
from rules.bank_verification import Status
from rules.money import Money
from rules.thresholds import Threshold
from store import bank_accounts, cards, mandates, recharges
from store.mandates import Acceptance
from tests.api.client import Account, Api

DOLLAR = 1_000_000


@dataclass
class Payer:
    """One account. Each act is a transaction of its own."""

    api: Api
    account: Account
    acts: list[str] = field(default_factory=list)

    @property
    def path(self) -> str:
        return f"/v1/accounts/{self.account.id}/auto_recharge"

    def _name(self, what: str) -> str:
        self.acts.append(what)
        return f"{what}-{len(self.acts)}"

    async def card(self) -> str:
        """An active card: the first is the default."""
        now = self.api.clock.now()
        async with self.api.context.database.transaction() as session:
            name = self._name("pm")
            row = (await cards.add(session, account_id=self.account.id, token=name, now=now)).card
            shown = {"payment_method": name, "brand": "visa", "last4": "4242", "exp_month": 1, "exp_year": 2031}
            await cards.attached(session, row, shown, now=now)
        return row.id

    async def renew(self, card_id: str) -> None:
        """Its network gives the card another year."""
        async with self.api.context.database.transaction() as session:
            row = await cards.locked(session, account_id=self.account.id, card_id=card_id)
            await cards.attached(session, row, {"exp_year": row.exp_year + 1}, now=self.api.clock.now())

    async def remove_card(self, card_id: str) -> None:
        async with self.api.context.database.transaction() as session:
            row = await cards.locked(session, account_id=self.account.id, card_id=card_id)
            await cards.removed(session, row, now=self.api.clock.now())

    async def bank(self, *, status: Status = Status.VERIFIED, largest_cents: int = 10_000_00) -> str:
        """A bank account whose mandate is active."""
        now = self.api.clock.now()
        acceptance = Acceptance(
            accepted_at=now, ip_address="192.0.2.7", user_agent="Browser/1", text_version=mandate_text.CURRENT,
            amount_rule=mandate_text.amount_rule(largest_cents=largest_cents),
        )  # fmt: skip
        async with self.api.context.database.transaction() as session:
            name = self._name("pm")
            bank = (
                await bank_accounts.add(
                    session, account_id=self.account.id, token=name, acceptance=acceptance, attempts_allowed=5, now=now
                )
            ).bank
            await bank_accounts.keep(session, bank, {"payment_method": name})
            mandate = await mandates.of_bank(session, bank)
            await mandates.follow(
                session, mandate, processor_mandate=f"mandate_{name}", status="active", reason="", now=now
            )
        if status is not Status.PENDING:
            await self.move_bank(bank.id, status)
        return bank.id

    async def move_bank(self, bank_id: str, status: Status) -> None:
        async with self.api.context.database.transaction() as session:
            row = await bank_accounts.locked(session, account_id=self.account.id, bank_id=bank_id)
            await bank_accounts.move(session, row, status, reason="because", now=self.api.clock.now())

    async def set(self, *, status: int = 200, **body: Any) -> dict[str, Any]:
        answer: httpx2.Response = await self.api.operator.put(self.path, json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def shown(self) -> dict[str, Any]:
        answer = await self.api.operator.get(self.path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def recharge(self, dollars: int, *, kind: str = "manual", method: str = "card_1") -> str:
        """A recharge that has just begun."""
        new = recharges.NewRecharge(
            account_id=self.account.id, amount_cents=dollars * 100, method_id=method,
            method_kind="card" if method.startswith("card_") else "bank", kind=kind,
            idempotency_key=self._name(kind), request_digest="d",
            return_url=None, metadata={},
            schedule_month=date(2026, 1 + len(self.acts) % 12, 1) if kind == "scheduled" else None,
        )  # fmt: skip
        async with self.api.context.database.transaction() as session:
            await ledger.lock(session, [self.account.id])
            row = await recharges.make(session, new, now=self.api.clock.now())
        return row.id

    async def end(self, recharge_id: str, status: str) -> None:
        async with self.api.context.database.transaction() as session:
            row = await recharges.locked(session, account_id=self.account.id, recharge_id=recharge_id)
            charge = f"ch_{recharge_id}" if status == "succeeded" else None
            await recharges.end(session, row, status=status, charge=charge, failure=None, now=self.api.clock.now())

    async def wakes(self) -> int:
        """How often the episode was woken since this was last asked."""
        async with self.api.context.database.transaction() as session:
            rows = await session.execute(
                text(
                    "UPDATE outbox SET handed_at = created_at WHERE handed_at IS NULL AND kind = 'auto_recharge'"
                    " RETURNING workflow_id, arguments"
                )
            )
            found = rows.all()
        assert {(row.workflow_id, row.arguments["account_id"]) for row in found} <= {
            (f"auto-recharge/{self.account.id}", self.account.id)
        }
        return len(found)

    async def watched(self, kind: Threshold = Threshold.MINIMUM) -> list[str]:
        """At or below which amounts of available a crossing is told."""
        async with self.api.context.database.transaction() as session:
            return [str(Money(below - 1)) for below in (await ledger.watched(session, self.account.id))[kind]]

    async def events(self) -> list[str]:
        """What the platform heard of auto-recharge, in order."""
        async with self.api.context.database.transaction() as session:
            rows = await session.scalars(
                text("SELECT type FROM event WHERE type LIKE 'auto_recharge.%' ORDER BY created_at, id")
            )
        return [kind.removeprefix("auto_recharge.") for kind in rows]


async def payer(api: Api, **fields: Any) -> Payer:
    """A new account."""
    return Payer(api, await api.open_account(**fields))
