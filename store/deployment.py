"""The processor account and mode that this database belongs to (requirement I7)."""

from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from models.deployment import Deployment


class OtherDeploymentError(RuntimeError):
    """The database belongs to another processor account or mode than the key's: the start is refused."""


async def schema_revision(session: AsyncSession) -> str | None:
    """The newest migration of this database; None when it was never migrated."""
    migrated = await session.scalar(text("SELECT to_regclass('alembic_version') IS NOT NULL"))
    return await session.scalar(text("SELECT max(version_num) FROM alembic_version")) if migrated else None


async def read(session: AsyncSession) -> Deployment | None:
    """The row, or None before the first start with a processor."""
    return await session.scalar(select(Deployment))


async def claim(session: AsyncSession, *, processor_account: str, livemode: bool, now: datetime) -> Deployment:
    """Store the account and mode at the first start, check them at every later one.

    Raises OtherDeploymentError when the database belongs to another account or mode.
    """
    await session.execute(
        insert(Deployment)
        .values(only=True, processor_account=processor_account, livemode=livemode, created_at=now)
        .on_conflict_do_nothing()
    )
    row = await session.scalar(select(Deployment))
    if row is None or (row.processor_account, row.livemode) != (processor_account, livemode):
        owner = "nothing" if row is None else _name(row.processor_account, livemode=row.livemode)
        other = _name(processor_account, livemode=livemode)
        raise OtherDeploymentError(
            f"This database belongs to {owner}; PREPAY_STRIPE_API_KEY is a key of {other}. Use that account's key,"
            " or a database of its own for each account and mode."
        )
    return row


def _name(processor_account: str, *, livemode: bool) -> str:
    return f"{processor_account} in {'live' if livemode else 'test'} mode"
