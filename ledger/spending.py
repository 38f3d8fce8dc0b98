"""Usage and holds in the book (requirements B1, B4, H6)."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from ledger.posting import Posted, Posting, Refused, post, post_always
from rules import chart


async def charge(
    session: AsyncSession,
    *,
    account_id: str,
    reference: str,
    amount_micros: int,
    now: datetime,
    kind: chart.Kind = chart.Kind.USAGE,
    settled: bool = False,
    subaccount_id: str | None = None,
    description: str | None = None,
) -> Posted | Refused:
    """Charge usage under its reference, once. Only `settled` usage may take available below zero."""
    posting = Posting(
        account_id=account_id,
        operation=chart.usage(amount_micros, kind=kind, settled=settled),
        now=now,
        key=reference,
        subaccount_id=subaccount_id,
        description=description,
    )
    return await post(session, posting)


async def hold(
    session: AsyncSession,
    *,
    account_id: str,
    hold_id: str,
    reference: str,
    amount_micros: int,
    now: datetime,
    subaccount_id: str | None = None,
) -> Posted | Refused:
    """Reserve money under a reference, of the same space as those of usage."""
    posting = Posting(
        account_id=account_id,
        operation=chart.hold(amount_micros),
        now=now,
        key=reference,
        source=hold_id,
        subaccount_id=subaccount_id,
    )
    return await post(session, posting)


async def capture(
    session: AsyncSession,
    *,
    account_id: str,
    hold_id: str,
    held_micros: int,
    captured_micros: int,
    now: datetime,
    settled: bool = False,
    subaccount_id: str | None = None,
) -> Posted:
    """End a hold by charging `captured_micros` of it and freeing the rest; more than was held only as `settled`.

    Raises AlreadyEndedError if the hold was released, KeyReusedError if it was captured otherwise.
    """
    posting = Posting(
        account_id=account_id,
        operation=chart.hold_captured(held_micros, captured_micros, settled=settled),
        now=now,
        key=hold_id,
        source=hold_id,
        subaccount_id=subaccount_id,
    )
    return await post_always(session, posting)


async def release(
    session: AsyncSession,
    *,
    account_id: str,
    hold_id: str,
    held_micros: int,
    now: datetime,
    subaccount_id: str | None = None,
) -> Posted:
    """End a hold without a charge. Raises AlreadyEndedError if it was captured."""
    posting = Posting(
        account_id=account_id,
        operation=chart.hold_released(held_micros),
        now=now,
        key=hold_id,
        source=hold_id,
        subaccount_id=subaccount_id,
    )
    return await post_always(session, posting)
