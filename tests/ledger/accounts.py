"""Accounts for the ledger's tests."""

import itertools
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.pool import NullPool

import ledger
from ledger import AlreadyEndedError, KeyReusedError, Posted, Posting
from ledger.charge import Charge, Charged
from ledger.charging import charge_all
from rules.chart import USAGE_KINDS, Kind
from sandbox.postgres import Postgres
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


async def charge(
    session: AsyncSession, *, now: datetime = NOW, subaccount_id: str | None = None, **fields: Any
) -> Charged:
    """Charge usage as the hot path does, but in the session's transaction. `fields` are those of a Charge."""
    await session.execute(text("SELECT"))  # the driver has begun nothing before
    connection = await (await session.connection()).get_raw_connection()
    month = None if subaccount_id is None else now.date().replace(day=1)
    wanted = Charge(subaccount_id=subaccount_id, budget_month=month, **fields)
    (charged,) = await charge_all(connection.driver_connection, [wanted], now=now)
    return charged


async def post(session: AsyncSession, posting: Posting) -> str:
    """Post an operation by the door of its kind, and say what became of it."""
    operation, first = posting.operation, posting.operation.legs[0]
    who = {"account_id": posting.account_id, "subaccount_id": posting.subaccount_id, "now": posting.now}
    what = {"reference": posting.key, "amount_micros": first.amount, "description": posting.description}
    if operation.kind in USAGE_KINDS:
        return (await charge(session, **who, **what, kind=operation.kind, settled=operation.may_overdraw)).outcome
    if operation.kind is Kind.HOLD:
        return (await ledger.hold(session, **who, **what, hold_id=posting.source)).outcome
    try:
        result = await ledger.post(session, posting)
    except KeyReusedError:
        return "conflict"
    except AlreadyEndedError:
        return "ended"
    if isinstance(result, Posted):
        return "replayed" if result.replayed else "posted"
    return "balance_exhausted"


@asynccontextmanager
async def tampering(server: Postgres, database: str) -> AsyncGenerator[AsyncSession]:
    """A superuser's transaction without triggers and foreign keys, rolled back at the end."""
    host, port = str(server.socket_dir), server.port
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=lambda: asyncpg.connect(host=host, port=port, user="postgres", database=database, ssl=False),
        poolclass=NullPool,
    )
    async with AsyncSession(engine) as session:
        await session.execute(text("SET LOCAL session_replication_role = replica"))
        yield session
        await session.rollback()
    await engine.dispose()
