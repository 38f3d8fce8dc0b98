"""An account owner with a card, a bank account and recharges to be told about."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from models.account import Account
from models.bank_account import BankAccount, Mandate
from models.card import Card
from models.recharge import Recharge
from store.database import Database
from store.ids import new_auth_id, new_id

NOW = datetime(2026, 11, 24, 15, tzinfo=UTC)


@pytest.fixture
async def store(database) -> AsyncGenerator[Database]:
    async with Database(database.app_url) as opened:
        yield opened


@dataclass
class Owner:
    """One account; each method writes a record of it and gives its id."""

    store: Database
    account_id: str
    card_id: str
    bank_id: str
    email: str = "ada@customer.example"

    async def _save(self, *records):
        async with self.store.transaction() as session:
            for record in records:
                session.add(record)
                await session.flush()

    async def recharge(self, *, amount_cents=2500, status="processing", method="card", **more) -> str:
        recharge_id = new_id("rchg", NOW)
        final = status not in {"processing", "requires_action"}
        await self._save(
            Recharge(
                account_id=self.account_id,
                id=recharge_id,
                amount_cents=amount_cents,
                status=status,
                method_kind=method,
                method_id=self.card_id if method == "card" else self.bank_id,
                idempotency_key=recharge_id,
                request_digest="-",
                finished_at=NOW if final else None,
                created_at=NOW,
                **more,
            )
        )
        return recharge_id

    async def mandate(self) -> str:
        mandate_id = new_id("mndt", NOW)
        await self._save(
            Mandate(
                account_id=self.account_id,
                id=mandate_id,
                bank_account_id=self.bank_id,
                status="active",
                accepted_at=NOW,
                ip_address="192.0.2.7",
                user_agent="Browser/1",
                text_version="2026-11",
                amount_rule="At most $10,000.00 for each debit.",
                created_at=NOW,
            )
        )
        return mandate_id


@pytest.fixture
async def owner(store) -> Owner:
    account_id, card_id, bank_id = new_auth_id("MA", NOW), new_id("card", NOW), new_id("bank", NOW)
    made = Owner(store, account_id, card_id, bank_id)
    await made._save(
        Account(id=account_id, name="Ada's Calls", email=made.email, timezone="America/Los_Angeles", created_at=NOW),
        Card(
            account_id=account_id,
            id=card_id,
            token="pm_card_visa",
            brand="visa",
            last4="4242",
            is_default=True,
            status="active",
            created_at=NOW,
        ),
        BankAccount(
            account_id=account_id,
            id=bank_id,
            token="pm_usBankAccount",
            bank_name="STRIPE TEST BANK",
            last4="6789",
            routing_last4="0000",
            holder_name="Ada Lovelace",
            status="verification_pending",
            microdeposit_type="descriptor_code",
            deposit_expected_on=NOW.date() + timedelta(days=1),
            expires_at=NOW + timedelta(days=10),
            created_at=NOW,
        ),
    )
    return made
