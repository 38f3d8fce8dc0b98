"""Monthly budgets of subaccounts (requirement F7): set here, counted by the charges themselves."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy import ARRAY, Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from ledger.balance import lock
from ledger.moments import seqs_at

#: Transfers that one statement counts, a fraction of a second's work.
_WINDOW = 100_000
_END_OF_TIME = datetime.max.replace(tzinfo=UTC)
_SPENT = text("SELECT ledger_spent(:account, :subaccount, :month_from, :start, :before)")
_SET = text("SELECT ledger_set_budget(:account, :subaccount, :most, :month, :month_from, :counted, :read_to)")
_READ = text(
    "SELECT subaccount_id, most, month, spent FROM ledger_budget"
    " WHERE account_id = :account AND subaccount_id = ANY (:subaccounts)"
).bindparams(bindparam("subaccounts", type_=ARRAY(Text)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a subaccount may spend in a month, and what it has spent in the last month in which it spent, in micros."""

    limit_micros: int
    month: date
    """First day of the month, in the account's time zone, that ``spent_micros`` counts."""
    spent_micros: int
    """Usage and holds; settled usage may take it above the limit."""

    def spent_in(self, month: date) -> int:
        """What was spent in the month that begins on ``month``, the present one: nothing if it was not begun yet."""
        return self.spent_micros if month <= self.month else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthSpent:
    """What a subaccount has spent in a month, as far as the journal was read."""

    month: date
    month_from: int
    """The first seq of the month."""
    micros: int
    read_to: int
    """The first seq that was not read."""


async def count_month(
    session: AsyncSession, *, account_id: str, subaccount_id: str, month: date, month_starts: datetime
) -> MonthSpent:
    """Count what was spent since ``month_starts``, in short statements and without a lock."""
    month_from, end = await seqs_at(session, account_id, [month_starts, _END_OF_TIME])
    micros = 0
    for start in range(month_from, end, _WINDOW):
        values = {"account": account_id, "subaccount": subaccount_id, "month_from": month_from, "start": start}
        found = await session.scalars(_SPENT, values | {"before": min(start + _WINDOW, end)})
        micros += found.one()
    return MonthSpent(month=month, month_from=month_from, micros=micros, read_to=end)


async def set_budget(
    session: AsyncSession,
    *,
    account_id: str,
    subaccount_id: str,
    limit_micros: int | None,
    month: date,
    month_starts: datetime,
    counted: MonthSpent | None = None,
) -> None:
    """Set a subaccount's monthly budget, or with None remove it. Zero is a budget: it refuses everything.

    ``month`` is the present month's first day in the account's time zone, ``month_starts`` the moment of its beginning:
    a budget that is new counts what was spent since then. Counted before the account was locked, most of that is
    ``counted``; without it, or when it is of another month, charges wait for the count.
    """
    await lock(session, [account_id])
    if counted is None or counted.month != month:
        counted = MonthSpent(month=month, month_from=0, micros=0, read_to=0)
        if limit_micros is not None and not await budgets(session, account_id, [subaccount_id]):
            counted = await count_month(
                session, account_id=account_id, subaccount_id=subaccount_id, month=month, month_starts=month_starts
            )
    values = {"account": account_id, "subaccount": subaccount_id, "most": limit_micros, "month": month}
    await session.execute(
        _SET, values | {"month_from": counted.month_from, "counted": counted.micros, "read_to": counted.read_to}
    )


async def budgets(session: AsyncSession, account_id: str, subaccount_ids: Sequence[str]) -> dict[str, Budget]:
    """The budgets of those subaccounts that have one."""
    rows = await session.execute(_READ, {"account": account_id, "subaccounts": list(subaccount_ids)})
    return {
        subaccount_id: Budget(limit_micros=most, month=month, spent_micros=spent)
        for subaccount_id, most, month, spent in rows
    }
