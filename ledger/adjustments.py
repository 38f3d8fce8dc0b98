"""Adjustments by operators (requirement H7)."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from ledger.posting import Posted, Posting, post_always
from rules import chart


async def adjust(
    session: AsyncSession,
    *,
    account_id: str,
    adjustment_id: str,
    kind: str,
    amount_micros: int,
    reason: str,
    now: datetime,
) -> Posted:
    """Book an adjustment; `amount_micros` is signed, `kind` is one of `rules.chart.ADJUSTMENTS`. May go below zero."""
    posting = Posting(
        account_id=account_id,
        operation=chart.adjustment(kind, amount_micros),
        now=now,
        key=adjustment_id,
        source=adjustment_id,
        description=reason,
    )
    return await post_always(session, posting)
