"""An account with a verified bank account and a payment schedule, and what was made of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text

from models.bank_account import BankAccount
from models.mandate import Mandate
from models.payment_schedule import PaymentSchedule
from rules.mandate_text import CURRENT, amount_rule
from rules.monthly import Terms
from store import accounts, payment_schedules
from store.database import Database
from store.ids import new_id
from store.payment_schedules import Wanted

LARGEST = 10_000_00


@dataclass
class Payer:
    """Each act is a transaction of its own, at the time that it is given."""

    store: Database
    account_id: str
    bank_id: str

    async def put(self, day: int = 15, cents: int = 50_00, *, now: datetime, enabled: bool = True) -> PaymentSchedule:
        terms = Terms(day_of_month=day, amount_cents=cents)
        wanted = Wanted(enabled=enabled, terms=terms, bank_account_id=self.bank_id)
        async with self.store.transaction() as session:
            await accounts.lock(session, self.account_id)
            return await payment_schedules.put(session, self.account_id, wanted, now=now)

    async def delete(self, *, now: datetime) -> bool:
        async with self.store.transaction() as session:
            await accounts.lock(session, self.account_id)
            return await payment_schedules.delete(session, self.account_id, now=now)

    async def debit(self, *, now: datetime, largest_cents: int = LARGEST) -> bool:
        async with self.store.transaction() as session:
            return await payment_schedules.debit(session, self.account_id, largest_cents=largest_cents, now=now)

    async def row(self) -> PaymentSchedule:
        async with self.store.transaction() as session:
            found = await payment_schedules.find(session, self.account_id)
        assert found is not None
        return found

    async def months(self) -> list[tuple[str, int]]:
        """Month and dollars of every scheduled recharge, oldest first."""
        rows = await self._rows("SELECT schedule_month, amount_cents FROM recharge WHERE account_id = :a ORDER BY id")
        return [(f"{row.schedule_month:%Y-%m}", row.amount_cents // 100) for row in rows]

    async def notices(self, kind: str) -> list[dict[str, Any]]:
        rows = await self._rows(f"SELECT facts FROM notice WHERE account_id = :a AND kind = '{kind}' ORDER BY id")
        return [row.facts for row in rows]

    async def events(self, kind: str) -> list[dict[str, Any]]:
        rows = await self._rows(f"SELECT data FROM event WHERE account_id = :a AND type = '{kind}' ORDER BY id")
        return [row.data for row in rows]

    async def execute(self, statement: str) -> None:
        """A change of records from elsewhere; ``:a`` is the account."""
        async with self.store.transaction() as session:
            await session.execute(text(statement), {"a": self.account_id})

    async def _rows(self, query: str):
        async with self.store.transaction() as session:
            return (await session.execute(text(query), {"a": self.account_id})).all()


async def open_payer(store: Database, *, now: datetime, largest_cents: int = LARGEST) -> Payer:
    """An account with a verified bank account whose mandate allows ``largest_cents``; no schedule yet."""
    fields = {"name": "Ada", "email": "ada@customer.example", "timezone": "America/New_York"}
    async with store.transaction() as session:
        account, _ = await accounts.open_account(session, fields=fields, pepper="pepper", now=now)
        bank = BankAccount(
            account_id=account.id, id=new_id("bank", now), token="pm_token", payment_method=f"pm_{account.id}",
            bank_name="Example Bank", last4="6789", status="verified", verified_at=now, created_at=now,
        )  # fmt: skip
        session.add(bank)
        await session.flush()
        session.add(
            Mandate(
                account_id=account.id, id=new_id("mndt", now), bank_account_id=bank.id, status="active",
                accepted_at=now, ip_address="203.0.113.7", user_agent="Mozilla/5.0", text_version=CURRENT,
                amount_rule=amount_rule(largest_cents=largest_cents), created_at=now,
            )
        )  # fmt: skip
    return Payer(store, account.id, bank.id)
