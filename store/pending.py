"""Recharges whose money is on its way: what the balance shows as pending, item by item."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from models.recharge import Recharge

OPEN = ("processing", "requires_action")


async def pending_items(session: AsyncSession, account_id: str) -> Sequence[Recharge]:
    """Recharges of an account that are not final, oldest first: each has its amount in the ledger's pending.

    What waits for the customer (``requires_action``) is among them, and is not shown as pending.
    """
    rows = await session.scalars(
        select(Recharge)
        .where(col(Recharge.account_id) == account_id, col(Recharge.status).in_(OPEN))
        .order_by(col(Recharge.id))
    )
    return rows.all()
