"""What is watched of an account's available: crossed when it was at or above a threshold and is below (A7, H4)."""

from collections import defaultdict
from collections.abc import Collection, Mapping

from sqlalchemy import ARRAY, BigInteger, SmallInteger, bindparam, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from ledger.balance import NO_SUCH_ACCOUNT, AccountNotOpenError
from rules.thresholds import Threshold

_WATCH = text("SELECT ledger_watch(:account, :kind, :below)").bindparams(
    bindparam("kind", type_=SmallInteger), bindparam("below", type_=ARRAY(BigInteger))
)
_READ = text("SELECT kind, below FROM ledger_threshold WHERE account_id = :account ORDER BY below DESC")


async def watch(session: AsyncSession, account_id: str, kind: Threshold, below_micros: Collection[int]) -> None:
    """Replace an account's thresholds of one kind, under its lock. What is new begins now and sends nothing (A7).

    A balance that *reaches* v is below v + 1 micro. Raises AccountNotOpenError (which aborts the transaction), and
    ValueError for BUDGET: a budget is watched by its own row.
    """
    if kind is Threshold.BUDGET:
        raise ValueError("budgets are set by set_budget")
    try:
        await session.execute(_WATCH, {"account": account_id, "kind": kind.value, "below": sorted(set(below_micros))})
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) == NO_SUCH_ACCOUNT:
            raise AccountNotOpenError(account_id) from error
        raise


async def watched(session: AsyncSession, account_id: str) -> Mapping[Threshold, list[int]]:
    """The account's thresholds in micros, by kind, the highest first."""
    found: defaultdict[Threshold, list[int]] = defaultdict(list)
    for kind, below in await session.execute(_READ, {"account": account_id}):
        found[Threshold(kind)].append(below)
    return found
