"""What is watched of an account's available: crossed when it was at or above a threshold and is below (A7, H4)."""

from collections.abc import Collection

from sqlalchemy import ARRAY, BigInteger, SmallInteger, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from ledger.balance import lock
from rules.thresholds import Threshold

_WATCH = text("SELECT ledger_watch(:account, :kind, :below)").bindparams(
    bindparam("kind", type_=SmallInteger), bindparam("below", type_=ARRAY(BigInteger))
)
_READ = text("SELECT below FROM ledger_threshold WHERE account_id = :account AND kind = :kind ORDER BY below DESC")


async def watch(session: AsyncSession, account_id: str, kind: Threshold, below_micros: Collection[int]) -> None:
    """Replace an account's thresholds of one kind, under its lock. What is new begins now and sends nothing (A7).

    A balance that *reaches* v is below v + 1 micro. Raises AccountNotOpenError, and ValueError for BUDGET: a budget is
    watched by its own row.
    """
    if kind is Threshold.BUDGET:
        raise ValueError("budgets are set by set_budget")
    await lock(session, [account_id])
    await session.execute(_WATCH, {"account": account_id, "kind": kind.value, "below": sorted(set(below_micros))})


async def watched(session: AsyncSession, account_id: str, kind: Threshold) -> list[int]:
    """The account's thresholds of one kind in micros, the highest first."""
    return list(await session.scalars(_READ, {"account": account_id, "kind": kind.value}))
