"""The processor's customer behind an account."""

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from models.account import Account


async def find(session: AsyncSession, account_id: str) -> str | None:
    """The customer's id at the processor, once there is one."""
    return await session.scalar(select(col(Account.customer)).where(col(Account.id) == account_id))


async def save(session: AsyncSession, account_id: str, customer: str) -> str:
    """Keep ``customer`` unless another was kept meanwhile; gives the one that counts."""
    await session.execute(
        update(Account).where(col(Account.id) == account_id, col(Account.customer).is_(None)).values(customer=customer)
    )
    return await find(session, account_id) or customer
