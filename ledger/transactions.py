"""An account's transactions: the operations that changed posted, with the balance of posted after each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, DateTime, RowMapping, SmallInteger, TextClause, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from ledger.ids import transaction_id
from rules.chart import POSTED, Kind

_POSTED = ", ".join(str(code.value) for code in sorted(POSTED))
# At most eight legs an operation, so the inner query reads a handful of neighbouring rows of the primary key.
_OPERATIONS = f"""
SELECT t.account_id, t.seq, t.posted_at, t.kind, o.amount, o.posted_after, t.key, t.source, t.subaccount_id,
    t.description
FROM ledger_transfer t CROSS JOIN LATERAL (
    SELECT sum(u.amount * ((u.credit IN ({_POSTED}))::int - (u.debit IN ({_POSTED}))::int))::bigint AS amount,
        (array_agg(u.posted_after ORDER BY u.seq DESC))[1] AS posted_after
    FROM ledger_transfer u
    WHERE u.account_id = t.account_id AND u.seq BETWEEN t.seq AND t.seq + 7 AND u.seq - u.leg = t.seq
) o
WHERE t.account_id = :account AND t.leg = 0 AND o.amount <> 0
    AND t.seq < coalesce(:older_than, 9223372036854775807) AND t.seq > coalesce(:newer_than, 0)
    AND t.posted_at >= coalesce(:posted_from, '-infinity') AND t.posted_at < coalesce(:posted_before, 'infinity')
    AND (:kind IS NULL OR t.kind = :kind)
ORDER BY t.seq
"""  # noqa: S608 # built of our own numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """One line of an account's history; amounts in micros."""

    account_id: str
    seq: int
    posted_at: datetime
    kind: Kind
    amount: int
    """The change of posted, signed."""
    posted_after: int
    key: str | None
    source: str | None
    subaccount_id: str | None
    description: str | None

    @property
    def id(self) -> str:
        """Its `txn_` id."""
        return transaction_id(self.account_id, self.seq)


@dataclass(frozen=True, slots=True)
class Page:
    """Some transactions, newest first, and whether there are more in the direction of reading."""

    transactions: Sequence[Transaction]
    has_more: bool


async def history(
    session: AsyncSession,
    account_id: str,
    *,
    limit: int,
    older_than: int | None = None,
    newer_than: int | None = None,
    posted_from: datetime | None = None,
    posted_before: datetime | None = None,
    kind: Kind | None = None,
) -> Page:
    """A page of the operations that changed posted, newest first.

    Cursors are seqs: `older_than` reads on from a page's last line, `newer_than` the lines just before its first.
    """
    parameters = {
        "account": account_id,
        "older_than": older_than,
        "newer_than": newer_than,
        "posted_from": posted_from,
        "posted_before": posted_before,
        "kind": None if kind is None else kind.value,
        "rows": limit + 1,
    }
    upwards = newer_than is not None
    rows = (await session.execute(_ASCENDING if upwards else _DESCENDING, parameters)).mappings()
    found = [_transaction(row) for row in rows]
    page = found[:limit]
    return Page(page[::-1] if upwards else page, has_more=len(found) > limit)


def _transaction(row: RowMapping) -> Transaction:
    return Transaction(
        account_id=row["account_id"],
        seq=row["seq"],
        posted_at=row["posted_at"],
        kind=Kind(row["kind"]),
        amount=row["amount"],
        posted_after=row["posted_after"],
        key=row["key"],
        source=row["source"],
        subaccount_id=row["subaccount_id"],
        description=row["description"],
    )


def _typed(statement: str) -> TextClause:
    return text(statement).bindparams(
        bindparam("older_than", type_=BigInteger),
        bindparam("newer_than", type_=BigInteger),
        bindparam("posted_from", type_=DateTime(timezone=True)),
        bindparam("posted_before", type_=DateTime(timezone=True)),
        bindparam("kind", type_=SmallInteger),
    )


_ASCENDING = _typed(f"{_OPERATIONS} ASC LIMIT :rows")
_DESCENDING = _typed(f"{_OPERATIONS} DESC LIMIT :rows")
