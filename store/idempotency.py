"""Answers kept under an Idempotency-Key, to be given again for 30 days (rule C3)."""

from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from models.base import JSON
from models.idempotency import IdempotentAnswer

KEPT = timedelta(days=30)


async def find(
    session: AsyncSession, *, account_id: str, route: str, key: str, now: datetime
) -> IdempotentAnswer | None:
    """The answer given under ``key`` on ``route`` within the last 30 days."""
    row = await session.get(IdempotentAnswer, (account_id, route, key))
    return row if row is not None and row.created_at > now - KEPT else None


async def keep(
    session: AsyncSession,
    *,
    account_id: str,
    route: str,
    key: str,
    request_digest: str,
    status: int,
    body: JSON,
    now: datetime,
) -> None:
    """Keep an answer; ``body`` holds no secrets. One that is older than 30 days gives way."""
    values = {"request_digest": request_digest, "status": status, "body": body, "created_at": now}
    statement = insert(IdempotentAnswer).values(account_id=account_id, route=route, key=key, **values)
    await session.execute(statement.on_conflict_do_update(index_elements=["account_id", "route", "key"], set_=values))


async def purge(session: AsyncSession, *, now: datetime) -> None:
    """Forget answers that are older than 30 days."""
    await session.execute(delete(IdempotentAnswer).where(col(IdempotentAnswer.created_at) <= now - KEPT))
