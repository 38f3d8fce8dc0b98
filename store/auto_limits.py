"""What counts against an account's limits on auto-recharge: its recharges themselves are the reservations (D4)."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from models.recharge import Recharge
from rules.recharge_limits import COUNTED_KINDS, NAMES, NOT_COUNTED_STATUSES, LimitName, windows


async def used(session: AsyncSession, account_id: str, *, timezone: str, now: datetime) -> dict[LimitName, int]:
    """The cents that count in each window that ``now`` falls in, where clocks show ``timezone``.

    Under the account's lock they stand until the caller's transaction ends.
    """
    present = windows(now, timezone)
    created, cents = col(Recharge.created_at), col(Recharge.amount_cents)
    sums = [func.coalesce(func.sum(cents).filter(created >= present[name].opens_at), 0) for name in NAMES]
    oldest = min(window.opens_at for window in present.values())
    row = (
        await session.execute(
            select(*sums).where(
                col(Recharge.account_id) == account_id,
                created >= oldest,
                col(Recharge.kind).in_(COUNTED_KINDS),
                col(Recharge.status).not_in(NOT_COUNTED_STATUSES),
            )
        )
    ).one()
    return {name: int(found) for name, found in zip(NAMES, row, strict=True)}
