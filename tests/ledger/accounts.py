"""Accounts for the ledger's tests."""

import itertools
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import ledger
from store.database import Database

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
_numbers = itertools.count(1)


def new_account_id() -> str:
    return f"MA{next(_numbers):018d}"


def opener(db: Database) -> Callable[[int], Awaitable[str]]:
    """A function that makes an account with so many micros to spend."""

    async def make(amount: int = 0) -> str:
        account = new_account_id()
        async with db.transaction() as session:
            await ledger.open_account(session, account)
            if amount:
                await ledger.adjust(
                    session,
                    account_id=account,
                    adjustment_id=f"adj_{account}",
                    kind="opening_balance",
                    amount_micros=amount,
                    reason="brought over",
                    now=NOW,
                )
        return account

    return make
