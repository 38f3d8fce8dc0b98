"""An account's transactions: the operations that changed posted, with the balance of posted after each.

The journal only grows and its seqs have no gaps, so what an account's history is at one moment is told by its last seq:
a `Stretch` stays the same however long it takes to read it, in as many transactions as one likes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, SmallInteger, Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from ledger.ids import transaction_id
from ledger.moments import seqs_at
from rules.chart import POSTED, USAGE_KINDS, Kind

#: How the main account's own operations are asked for, where a subaccount could be named.
MAIN = "main"
#: Transfers that one statement looks at: few enough for its time, whatever the filters leave of them.
WINDOW = 20_000
_END_OF_TIME = datetime.max.replace(tzinfo=UTC)
_POSTED = ", ".join(str(code.value) for code in sorted(POSTED))
_USAGE = ", ".join(str(kind.value) for kind in sorted(USAGE_KINDS))
# Usage is one leg from spendable. Other operations have eight legs at most: a handful of neighbours by primary key.
# What a hold was placed with stands in its opening.
_OPERATIONS = f"""
SELECT t.account_id, t.seq, t.posted_at, t.kind, o.amount, o.posted_after, t.key, t.source, t.subaccount_id,
    t.sender_id, t.settled, t.description, CASE WHEN t.kind = {Kind.HOLD_CAPTURED.value} THEN (
        SELECT ARRAY[h.key, h.sender_id, h.description] FROM ledger_transfer h WHERE h.account_id = t.account_id
            AND h.source = t.source AND h.leg = 0 AND h.kind = {Kind.HOLD.value}) END AS hold
FROM ledger_transfer t CROSS JOIN LATERAL (
    SELECT -t.amount AS amount, t.posted_after WHERE t.kind IN ({_USAGE})
    UNION ALL
    SELECT sum(u.amount * ((u.credit IN ({_POSTED}))::int - (u.debit IN ({_POSTED}))::int))::bigint,
        (array_agg(u.posted_after ORDER BY u.seq DESC))[1]
    FROM ledger_transfer u
    WHERE t.kind NOT IN ({_USAGE}) AND u.account_id = t.account_id AND u.seq BETWEEN t.seq AND t.seq + 7
        AND u.seq - u.leg = t.seq
) o
WHERE t.account_id = :account AND t.seq > :after AND t.seq < :before AND t.leg = 0 AND o.amount <> 0
    AND (:kind IS NULL OR t.kind = :kind)
    AND (:subaccount IS NULL OR coalesce(t.subaccount_id, '{MAIN}') = :subaccount)
ORDER BY t.seq
"""  # noqa: S608 # built of our own numbers and words
_TYPES = (bindparam("kind", type_=SmallInteger), bindparam("subaccount", type_=Text))
_ASCENDING = text(f"{_OPERATIONS} ASC LIMIT :rows").bindparams(*_TYPES)
_DESCENDING = text(f"{_OPERATIONS} DESC LIMIT :rows").bindparams(*_TYPES)


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
    """Of usage and of a captured hold its reference; of anything else its idempotency key."""
    source: str | None
    """Id of the record that caused it."""
    subaccount_id: str | None
    sender_id: str | None
    settled: bool
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Part of an account's history: operations between two seqs, both exclusive, of one kind and user or of all."""

    account_id: str
    after: int
    before: int
    kind: Kind | None = None
    subaccount: str | None = None
    """A subaccount's id, or MAIN."""


async def stretch(
    session: AsyncSession,
    account_id: str,
    *,
    posted_from: datetime | None = None,
    posted_before: datetime | None = None,
    kind: Kind | None = None,
    subaccount: str | None = None,
) -> Stretch:
    """What there is now of an account's history within these bounds. Raises AccountNotOpenError."""
    start = datetime.min.replace(tzinfo=UTC) if posted_from is None else posted_from
    first, end = await seqs_at(session, account_id, [start, posted_before or _END_OF_TIME])
    return Stretch(account_id=account_id, after=first - 1, before=end, kind=kind, subaccount=subaccount)


async def read_on(
    session: AsyncSession, part: Stretch, *, rows: int, upwards: bool = False
) -> tuple[list[Transaction], Stretch | None]:
    """At most `rows` transactions of `part`, newest first or `upwards`, and what is left of it: None at its end.

    One short statement, whatever the filters leave out: fewer than `rows` do not mean that nothing is left.
    """
    after, before = part.after, part.before
    if upwards:
        before = min(before, after + 1 + WINDOW)
    else:
        after = max(after, before - 1 - WINDOW)
    parameters = {
        "account": part.account_id,
        "after": after,
        "before": before,
        "kind": None if part.kind is None else part.kind.value,
        "subaccount": part.subaccount,
        "rows": rows,
    }
    found = [_transaction(row) for row in await session.execute(_ASCENDING if upwards else _DESCENDING, parameters)]
    if len(found) == rows:
        return found, replace(part, **{"after" if upwards else "before": found[-1].seq})
    if (after, before) == (part.after, part.before):
        return found, None
    return found, replace(part, **{"after": before - 1} if upwards else {"before": after + 1})


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
    subaccount: str | None = None,
) -> Page:
    """A page of the operations that changed posted, newest first. Raises AccountNotOpenError.

    Cursors are seqs: `older_than` reads on from a page's last line, `newer_than` the lines just before its first.
    `subaccount` is an id, or MAIN.
    """
    whole = await stretch(
        session, account_id, posted_from=posted_from, posted_before=posted_before, kind=kind, subaccount=subaccount
    )
    left: Stretch | None = replace(
        whole,
        after=max(whole.after, newer_than or 0),
        before=whole.before if older_than is None else min(whole.before, older_than),
    )
    upwards = newer_than is not None
    found: list[Transaction] = []
    while left is not None and len(found) <= limit:
        more, left = await read_on(session, left, rows=limit + 1 - len(found), upwards=upwards)
        found += more
    page = found[:limit]
    return Page(page[::-1] if upwards else page, has_more=len(found) > limit)


def _transaction(row: Row[*tuple[Any, ...]]) -> Transaction:
    account, seq, posted_at, kind, amount, after, key, source, subaccount, sender, settled, description, hold = row
    if hold is not None:
        key, sender, description = hold
    return Transaction(
        account_id=account,
        seq=seq,
        posted_at=posted_at,
        kind=_KINDS[kind],
        amount=amount,
        posted_after=after,
        key=key,
        source=source,
        subaccount_id=subaccount,
        sender_id=sender,
        settled=settled,
        description=description,
    )


_KINDS = {kind.value: kind for kind in Kind}
