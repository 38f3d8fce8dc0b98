"""Usage and holds in the book (requirements B1, B4, F7, H6).

A hold counts in a subaccount's budget as usage does, in the month of its opening; its end gives back what it did not
charge, or takes what it charged beyond. Whoever opens or ends holds has locked their account with `lock`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from ledger.charging import POSTED
from ledger.posting import AlreadyEndedError, Posted, Posting, Refused, post, post_always
from rules import chart

_HOLD = text(
    "SELECT outcome, seq, source, spendable FROM ledger_charge_one(:now, :account, NULL, :reference, :amount, :kind,"
    " false, :subaccount, :sender, :description, :hold, :refusal, :month)"
)
_COUNTED_IN = text("SELECT month FROM ledger_budget WHERE account_id = :account AND subaccount_id = :subaccount")
_MOVE_BUDGET = text("SELECT ledger_move_budget(:account, :subaccount, :month, :amount)")
_RELEASE_ALL = text(
    "SELECT count(*) FILTER (WHERE p.outcome = 'posted')"
    " FROM unnest(CAST(:holds AS text[]), CAST(:amounts AS bigint[]), CAST(:subaccounts AS text[]))"
    " AS h (hold, amount, subaccount)"
    " CROSS JOIN LATERAL ledger_post(:account, :now, :kind, h.hold, h.hold, h.subaccount, NULL,"
    " CAST(:debits AS smallint[]), CAST(:credits AS smallint[]), ARRAY[h.amount], false) AS p"
)
_FREE_BUDGETS = text(
    "SELECT ledger_move_budget(:account, h.subaccount, h.month, -h.amount)"
    " FROM unnest(CAST(:subaccounts AS text[]), CAST(:months AS date[]), CAST(:amounts AS bigint[]))"
    " AS h (subaccount, month, amount) WHERE h.subaccount IS NOT NULL"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The answer to a hold. `outcome`: posted, replayed, conflict, or the error code of a refusal."""

    outcome: str
    seq: int | None
    """Of the transfer that is stored under the reference, now or since before."""
    hold_id: str | None
    """Of what is stored under the reference; None when that is usage, or nothing."""
    spendable: int
    """Available in micros: after the hold, or for a refusal as it stands."""
    budget_month: date | None
    """The month whose budget it counts in; None without a subaccount."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenHold:
    """What the book needs to know of a hold to release it."""

    hold_id: str
    held_micros: int
    subaccount_id: str | None
    budget_month: date


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
    if outcome == POSTED and subaccount_id is not None:
        # Where the clocks of two processes disagree about the month, the budget counts in the later one.
        counted_in = await session.scalar(_COUNTED_IN, {"account": account_id, "subaccount": subaccount_id})
        budget_month = counted_in or budget_month
    return Held(outcome=outcome, seq=seq, hold_id=source, spendable=spendable, budget_month=budget_month)


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
    budget_month: date | None = None,
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
    return await _end(session, posting, moved=captured_micros - held_micros, month=budget_month)


async def release(
    session: AsyncSession,
    *,
    account_id: str,
    hold_id: str,
    held_micros: int,
    now: datetime,
    subaccount_id: str | None = None,
    budget_month: date | None = None,
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
    return await _end(session, posting, moved=-held_micros, month=budget_month)


async def release_all(session: AsyncSession, account_id: str, holds: Sequence[OpenHold], *, now: datetime) -> None:
    """Release many holds of an account by two statements. Raises AlreadyEndedError if one of them was ended before."""
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
    names = ("account", "subaccounts", "amounts")
    of_budgets = {name: parameters[name] for name in names} | {"months": [hold.budget_month for hold in holds]}
    if any(hold.subaccount_id is not None for hold in holds):
        await session.execute(_FREE_BUDGETS, of_budgets)


async def _end(session: AsyncSession, posting: Posting, *, moved: int, month: date | None) -> Posted:
    """Post the end of a hold, once; `moved` is what it adds to what its subaccount has spent in the budget's month."""
    posted = await post_always(session, posting)
    if posting.subaccount_id is not None and moved and not posted.replayed:
        parameters = {"account": posting.account_id, "subaccount": posting.subaccount_id}
        await session.execute(_MOVE_BUDGET, parameters | {"month": month, "amount": moved})
    return posted
