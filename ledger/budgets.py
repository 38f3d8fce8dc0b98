"""Monthly budgets of subaccounts (requirement F7): set here, counted by the charges themselves."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ARRAY, Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

_SET = text("SELECT ledger_set_budget(:account, :subaccount, :most, :month, :month_starts)")
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


async def set_budget(
    session: AsyncSession,
    *,
    account_id: str,
    subaccount_id: str,
    limit_micros: int | None,
    month: date,
    month_starts: datetime,
) -> None:
    """Set a subaccount's monthly budget, or with None remove it. Zero is a budget: it refuses everything.

    ``month`` is the present month's first day in the account's time zone, ``month_starts`` the moment of its beginning:
    a budget that is new counts what was spent since then.
    """
    values = {"account": account_id, "subaccount": subaccount_id, "most": limit_micros, "month": month}
    await session.execute(_SET, values | {"month_starts": month_starts})


async def budgets(session: AsyncSession, account_id: str, subaccount_ids: Sequence[str]) -> dict[str, Budget]:
    """The budgets of those subaccounts that have one."""
    rows = await session.execute(_READ, {"account": account_id, "subaccounts": list(subaccount_ids)})
    return {
        subaccount_id: Budget(limit_micros=most, month=month, spent_micros=spent)
        for subaccount_id, most, month, spent in rows
    }
