"""The timeline of a recharge: what happened, in words for people, each happening once."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import case, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from models.base import table_of
from models.timeline import TimelineEntry

_TELL = insert(table_of(TimelineEntry)).on_conflict_do_nothing().returning(col(TimelineEntry.key))


async def tell(
    session: AsyncSession,
    *,
    account_id: str,
    recharge_id: str,
    key: str,
    what: str,
    now: datetime,
    detail: str | None = None,
) -> bool:
    """Write an entry unless ``key`` was told before; whether it is new."""
    entry = {"account_id": account_id, "recharge_id": recharge_id, "key": key, "what": what, "detail": detail}
    return (await session.execute(_TELL, entry | {"created_at": now})).first() is not None


#: Of one moment, what comes first; else by key.
_ORDER = case({"created": 0, "payment_created": 1, "method_changed": 2}, value=col(TimelineEntry.what), else_=3)


async def entries(session: AsyncSession, *, account_id: str, recharge_id: str) -> Sequence[TimelineEntry]:
    """Everything that happened to the recharge, oldest first."""
    found = await session.scalars(
        select(TimelineEntry)
        .where(col(TimelineEntry.account_id) == account_id, col(TimelineEntry.recharge_id) == recharge_id)
        .order_by(col(TimelineEntry.created_at), _ORDER, col(TimelineEntry.key))
    )
    return found.all()
