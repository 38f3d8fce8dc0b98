"""Where a moment falls in an account's journal.

Along `seq` time never runs back, for every posting is dated at least as late as the one before it, under the account's
lock (migration 0003_spending). So a stretch of time is a stretch of seqs, and its ends are found by bisection: some
twenty look-ups by primary key, however long the history is.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ARRAY, DateTime, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from ledger.balance import AccountNotOpenError

# In each step transfer `low` is before the moment and `high` is not; 0 and the account's seq + 1 stand for the ends.
_BISECTION = text("""
WITH RECURSIVE bisection AS (
    SELECT m.place, m.moment, 0::bigint AS low, b.seq + 1 AS high
    FROM ledger_balance b, unnest(:moments) WITH ORDINALITY AS m (moment, place) WHERE b.account_id = :account
    UNION ALL
    SELECT s.place, s.moment, CASE WHEN t.posted_at < s.moment THEN t.seq ELSE s.low END,
        CASE WHEN t.posted_at < s.moment THEN s.high ELSE t.seq END
    FROM bisection s JOIN ledger_transfer t ON t.account_id = :account AND t.seq = (s.low + s.high) / 2
    WHERE s.high - s.low > 1
)
SELECT high FROM bisection WHERE high - low = 1 ORDER BY place
""").bindparams(bindparam("moments", type_=ARRAY(DateTime(timezone=True))))


async def seqs_at(session: AsyncSession, account_id: str, moments: Sequence[datetime]) -> list[int]:
    """For each moment the seq of the account's first transfer at it or later; one above the last seq if there is none.

    Raises AccountNotOpenError.
    """
    found = list(await session.scalars(_BISECTION, {"account": account_id, "moments": list(moments)}))
    if len(found) != len(moments):
        raise AccountNotOpenError(account_id)
    return found
