"""Holds in the book (requirements F7, H6). Usage is charged by `ledger.charging`.

A hold counts in a subaccount's budget as usage does, in the month of its opening; its end gives back what it did not
charge, or takes what it charged beyond. Whoever opens or ends holds has locked their account with `lock`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from ledger.posting import AlreadyEndedError, Posted, Posting, post_always
from rules import chart

_HOLD = text(
    "SELECT outcome, seq, source, spendable FROM ledger_charge_one(:now, :account, NULL, :reference, :amount, :kind,"
    " false, :subaccount, :sender, :description, :hold, :refusal, :month)"
)
_RELEASE_ALL = text(
    "SELECT count(*) FILTER (WHERE p.outcome = 'posted')"
    " FROM unnest(CAST(:holds AS text[]), CAST(:amounts AS bigint[]), CAST(:subaccounts AS text[]))"
    " AS h (hold, amount, subaccount)"
    " CROSS JOIN LATERAL ledger_post(:account, :now, :kind, h.hold, h.hold, h.subaccount, NULL,"
    " CAST(:debits AS smallint[]), CAST(:credits AS smallint[]), ARRAY[h.amount], false) AS p"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The answer to a hold. `outcome`: posted, replayed, conflict, or the error code of a refusal."""

    outcome: str
    seq: int
    """Of the transfer that is stored under the reference, now or since before."""
    hold_id: str | None
    """Of what is stored under the reference; None when that is usage, or nothing."""
    spendable: int
    """Available in micros: after the hold, or for a refusal as it stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenHold:
    """What the book needs to know of a hold to release it."""

    hold_id: str
    held_micros: int
    subaccount_id: str | None


async def hold(
    session: AsyncSession,
    *,
    account_id: str,
    hold_id: str,
    reference: str,
    amount_micros: int,
    now: datetime,
    subaccount_id: str | None = None,
    sender_id: str | None = None,
    description: str | None = None,
    budget_month: date | None = None,
    refusal: str | None = None,
) -> Held:
    """Reserve money under a reference, of the same space as those of usage.

    `refusal` says why it may not be reserved; a reference that is stored already is answered all the same. A subaccount
    needs `budget_month`, the first day of the present month in its account's time zone.
    """
    parameters = {
        "account": account_id,
        "now": now,
        "reference": reference,
        "amount": amount_micros,
        "kind": chart.Kind.HOLD.value,
        "subaccount": subaccount_id,
        "sender": sender_id,
        "description": description,
        "hold": hold_id,
        "refusal": refusal,
        "month": budget_month,
    }
    outcome, seq, source, spendable = (await session.execute(_HOLD, parameters)).one()
    return Held(outcome=outcome, seq=seq, hold_id=source, spendable=spendable)


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
    description: str | None = None,
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
        description=description,
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


async def release_all(session: AsyncSession, account_id: str, holds: Sequence[OpenHold], *, now: datetime) -> None:
    """Release many holds of an account by one statement. Raises AlreadyEndedError if one of them was ended before."""
    (leg,) = chart.hold_released(1).legs
    parameters = {
        "account": account_id,
        "now": now,
        "kind": chart.Kind.HOLD_RELEASED.value,
        "debits": [leg.debit.value],
        "credits": [leg.credit.value],
        "holds": [hold.hold_id for hold in holds],
        "amounts": [hold.held_micros for hold in holds],
        "subaccounts": [hold.subaccount_id for hold in holds],
    }
    if await session.scalar(_RELEASE_ALL, parameters) != len(holds):
        raise AlreadyEndedError(f"a hold of {account_id} was ended before")
