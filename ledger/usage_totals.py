"""What was charged, by day, subaccount and kind: summed from the journal, from the stretch of it that is asked for.

No counter is kept beside the journal: it would be a row that every charge of an account had to wait for.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ARRAY, DateTime, Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from ledger.moments import seqs_at
from ledger.transactions import MAIN
from rules.chart import Code, Kind
from rules.days import starts

#: Transfers that one statement sums, a fraction of a second's work.
WINDOW = 100_000
# A capture charges by up to two legs, the first of which is leg 0. The days' starts are numbered from 1.
_TOTALS = text(f"""
SELECT width_bucket(posted_at, :starts) - 1 AS day, subaccount_id,
    CASE kind WHEN {Kind.HOLD_CAPTURED.value} THEN {Kind.USAGE.value} ELSE kind END AS kind,
    sum(amount)::bigint, count(*) FILTER (WHERE leg = 0)
FROM ledger_transfer
WHERE account_id = :account AND seq >= :first AND seq < :end AND credit = {Code.USAGE.value}
    AND (:subaccount IS NULL OR coalesce(subaccount_id, '{MAIN}') = :subaccount)
GROUP BY 1, 2, 3
""").bindparams(  # noqa: S608 # built of our own numbers and words
    bindparam("starts", type_=ARRAY(DateTime(timezone=True))), bindparam("subaccount", type_=Text)
)

_SUM = text(f"""
SELECT coalesce(sum(amount), 0)::bigint FROM ledger_transfer
WHERE account_id = :account AND seq >= :first AND seq < :end AND credit = {Code.USAGE.value}
""")  # noqa: S608 # built of our own numbers


class TooManyTotalsError(Exception):
    """More totals than were to be returned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageTotal:
    """What was charged to one payer in one day under one kind."""

    day: date
    """In the account's time zone."""
    subaccount_id: str | None
    kind: Kind
    """One of USAGE_KINDS; captured holds are usage."""
    amount: int
    """In micros."""
    count: int
    """How many charges and captures."""


async def sum_usage(
    session: AsyncSession,
    account_id: str,
    *,
    first: date,
    last: date,
    timezone: str,
    subaccount: str | None = None,
    most: int,
) -> list[UsageTotal]:
    """The totals of the days from `first` to `last` in `timezone`, newest day first; of an id, MAIN or all.

    Raises TooManyTotalsError when there are more than `most`, and AccountNotOpenError.
    """
    days = starts(first, last, timezone)
    sums: defaultdict[tuple[int, str | None, int], list[int]] = defaultdict(lambda: [0, 0])
    start, end = await seqs_at(session, account_id, [days[0], days[-1]])
    while start < end:
        stop = min(start + WINDOW, end)
        for day, payer, kind, amount, count in await _window(session, account_id, start, stop, days, subaccount):
            total = sums[day, payer, kind]
            total[0] += amount
            total[1] += count
        if len(sums) > most:
            raise TooManyTotalsError
        start = stop
    order = sorted(sums.items(), key=lambda item: (-item[0][0], item[0][1] or "", item[0][2]))
    return [
        UsageTotal(day=first + timedelta(days=day), subaccount_id=payer, kind=Kind(kind), amount=amount, count=count)
        for (day, payer, kind), (amount, count) in order
    ]


async def used(session: AsyncSession, account_id: str, *, first: date, last: date, timezone: str) -> int:
    """All that was charged, subaccounts included, in the days from `first` to `last` in `timezone`, in micros.

    Raises AccountNotOpenError.
    """
    days = starts(first, last, timezone)
    start, end = await seqs_at(session, account_id, [days[0], days[-1]])
    total = 0
    while start < end:
        stop = min(start + WINDOW, end)
        total += await session.scalar(_SUM, {"account": account_id, "first": start, "end": stop}) or 0
        start = stop
    return total


async def _window(
    session: AsyncSession, account_id: str, first: int, end: int, days: list[datetime], subaccount: str | None
) -> list[tuple[int, str | None, int, int, int]]:
    parameters = {"account": account_id, "first": first, "end": end, "starts": days, "subaccount": subaccount}
    return [tuple(row) for row in await session.execute(_TOTALS, parameters)]
