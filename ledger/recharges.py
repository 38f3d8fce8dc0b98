"""A recharge in the book: expected once, then settled or voided once, whatever is called how often."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from ledger.posting import Posted, Posting, post_always
from rules import chart


async def recharge_expected(
    session: AsyncSession, *, account_id: str, recharge_id: str, amount_micros: int, now: datetime
) -> Posted:
    """Book the recharge as pending, in the transaction that makes its record."""
    posting = Posting(
        account_id=account_id,
        operation=chart.recharge_expected(amount_micros),
        now=now,
        key=recharge_id,
        source=recharge_id,
    )
    return await post_always(session, posting)


async def recharge_settled(
    session: AsyncSession, *, account_id: str, recharge_id: str, amount_micros: int, charge_id: str, now: datetime
) -> Posted:
    """Make pending money spendable, once per recharge and per processor charge; a repeat is `replayed`.

    Raises AlreadyEndedError if the recharge was voided or settled by another charge, KeyReusedError if the charge
    settled another recharge.
    """
    posting = Posting(
        account_id=account_id,
        operation=chart.recharge_settled(amount_micros),
        now=now,
        key=charge_id,
        source=recharge_id,
    )
    return await post_always(session, posting)


async def recharge_voided(
    session: AsyncSession, *, account_id: str, recharge_id: str, amount_micros: int, now: datetime
) -> Posted:
    """Take pending money out again: the recharge failed or was canceled. A repeat is `replayed`.

    Raises AlreadyEndedError if the recharge was settled.
    """
    posting = Posting(
        account_id=account_id,
        operation=chart.recharge_voided(amount_micros),
        now=now,
        key=recharge_id,
        source=recharge_id,
    )
    return await post_always(session, posting)
