"""Usage on many accounts at once (requirements B1, B4, F7): what the hot path sends to the database, and its answers.

All charges of an account that pass as they stand are posted by three statements (`ledger_charge_all`); what needs a
closer look (a reference used before, too little money, a budget, a refusal) is decided one by one under the account's
lock (`ledger_charge_each`). Both keep the order in which an account's charges are given.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

import asyncpg

from ledger.arrays import array_literal
from ledger.charge import POSTED, Charge, Charged
from rules.chart import Kind

_ALL = (
    "SELECT spendables, seqs, posted_ats FROM ledger_charge_all($1,$2::text::text[],$3,$4,$5,$6,$7::text::text[],$8,$9,"
    "$10::text::text[],$11,$12,$13,$14::text::text[],$15::text::text[],$16::text::text[])"
)
# The same for accounts with one charge each, of which most columns need not be sent.
_ALL_ONCE = (
    "SELECT spendables, seqs, posted_ats FROM (SELECT $2::text::text[] AS accounts,"
    " array_fill(1,ARRAY[cardinality($4::bigint[])]) AS ones OFFSET 0) a, ledger_charge_all($1,accounts,$3,$4,"
    "ones,ARRAY(SELECT generate_series(1,cardinality($4::bigint[]))),accounts,ones,$4,$5::text::text[],$4,$6,$7,"
    "$8::text::text[],$9::text::text[],$10::text::text[])"
)
_LONE = "SELECT seq, spendable, posted_at FROM ledger_charge_lone($1,$2,$3,$4,$5,$6,$7,$8,$9,$10)"
_EACH = (
    "SELECT outcome, seq, spendable, posted_at FROM ledger_charge_each($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12)"
    " WITH ORDINALITY ORDER BY ordinality"
)
_ONE = "SELECT outcome, seq, spendable, posted_at FROM ledger_charge_one($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,NULL,$11,$12)"
_USED = """
SELECT DISTINCT t.account_id FROM unnest($1::text[], $2::text[]) AS w (account, key) JOIN ledger_transfer t
    ON t.account_id = w.account AND md5(t.key)::uuid = md5(w.key)::uuid AND t.key IS NOT NULL AND t.kind < 10
"""


async def charge_all(connection: Any, charges: Sequence[Charge], *, now: datetime) -> list[Charged]:
    """Post `charges`, each account's in the order given, and answer each. One transaction or several, by account.

    `connection` is the driver's own, without a transaction open. Raises the driver's errors: the caller cannot know
    what was posted then, and may send the same again.
    """
    if len(charges) == 1:
        return [await _charge_lone(connection, charges[0], now=now)]
    by_account: dict[str, list[int]] = {}
    for place, charge in enumerate(charges):
        by_account.setdefault(charge.account_id, []).append(place)
    answers: list[Charged | None] = [None] * len(charges)
    slow = {account for account, places in by_account.items() if not _passes(charges, places)}
    fast = sorted(account for account in by_account if account not in slow)
    try:
        slow |= await _post_all(connection, charges, by_account, fast, answers, now=now)
    except asyncpg.UniqueViolationError:
        used = await _with_used_references(connection, charges, by_account, fast)
        slow |= used
        fast = [account for account in fast if account not in used]
        try:
            slow |= await _post_all(connection, charges, by_account, fast, answers, now=now)
        except asyncpg.UniqueViolationError:  # used since it was asked for
            slow.update(fast)
    if slow:
        places = sorted(chain.from_iterable(by_account[account] for account in slow))
        found = await _charge_each(connection, [charges[place] for place in places], now=now)
        for place, answer in zip(places, found, strict=True):
            answers[place] = answer
    return [answer for answer in answers if answer is not None]


def _passes(charges: Sequence[Charge], places: list[int]) -> bool:
    """Whether the book alone can say no: nobody refused, nothing to count but the balance, no reference twice."""
    first = charges[places[0]]
    if len(places) > 1 and len({charges[place].reference for place in places}) < len(places):
        return False
    for place in places:
        charge = charges[place]
        if charge.refusal is not None or charge.has_budget or charge.epoch is None or charge.epoch != first.epoch:
            return False
    return True


async def _post_all(
    connection: Any,
    charges: Sequence[Charge],
    by_account: dict[str, list[int]],
    accounts: Sequence[str],
    answers: list[Charged | None],
    *,
    now: datetime,
) -> set[str]:
    """Post the charges of `accounts` (in id order) and write their answers; return the accounts that were left out."""
    if not accounts:
        return set()
    items = [charges[place] for account in accounts for place in by_account[account]]
    epochs = [charges[by_account[account][0]].epoch for account in accounts]
    amounts = [item.amount_micros for item in items]
    ids = array_literal(accounts)
    references = array_literal([item.reference for item in items])
    optional = (
        _unless_all([item.kind for item in items], Kind.USAGE),
        _unless_all([item.settled for item in items], False),
        _texts([item.subaccount_id for item in items]),
        _texts([item.sender_id for item in items]),
        _texts([item.description for item in items]),
    )
    if len(items) == len(accounts):
        row = await connection.fetchrow(_ALL_ONCE, now, ids, epochs, amounts, references, *optional)
    else:
        totals: list[int] = []
        counts: list[int] = []
        positions: list[int] = []
        nths: list[int] = []
        runnings: list[int] = []
        for position, account in enumerate(accounts, start=1):
            running = 0
            places = by_account[account]
            for nth, place in enumerate(places, start=1):
                running += charges[place].amount_micros
                positions.append(position)
                nths.append(nth)
                runnings.append(running)
            totals.append(running)
            counts.append(len(places))
        owners = array_literal([item.account_id for item in items])
        row = await connection.fetchrow(
            _ALL,
            now,
            ids,
            epochs,
            totals,
            counts,
            positions,
            owners,
            nths,
            runnings,
            references,
            amounts,
            *optional,
        )
    spendables, seqs, posted_ats = row
    left_out: set[str] = set()
    for account, spendable, seq, posted_at in zip(accounts, spendables, seqs, posted_ats, strict=True):
        if seq < 0:
            left_out.add(account)
            continue
        after = spendable
        for nth, place in enumerate(by_account[account], start=1):
            after -= charges[place].amount_micros
            answers[place] = Charged(account, POSTED, seq + nth, after, posted_at)
    return left_out


def _unless_all(column: list[Any], value: object) -> list[Any] | None:
    """The column, but nothing for one that says nothing: the driver looks at every element that it sends."""
    return None if column.count(value) == len(column) else column


def _texts(column: list[str | None]) -> str | None:
    return None if column.count(None) == len(column) else array_literal(column)


async def _with_used_references(
    connection: Any, charges: Sequence[Charge], by_account: dict[str, list[int]], accounts: Iterable[str]
) -> set[str]:
    """The accounts of which a reference was used before."""
    items = [charges[place] for account in accounts for place in by_account[account]]
    rows = await connection.fetch(_USED, [item.account_id for item in items], [item.reference for item in items])
    return {row[0] for row in rows}


async def _charge_each(connection: Any, charges: Collection[Charge], *, now: datetime) -> list[Charged]:
    rows = await connection.fetch(
        _EACH,
        now,
        [charge.account_id for charge in charges],
        [charge.epoch for charge in charges],
        [charge.reference for charge in charges],
        [charge.amount_micros for charge in charges],
        [charge.kind for charge in charges],
        [charge.settled for charge in charges],
        [charge.subaccount_id for charge in charges],
        [charge.sender_id for charge in charges],
        [charge.description for charge in charges],
        [charge.refusal for charge in charges],
        [charge.budget_month for charge in charges],
    )
    return [Charged(charge.account_id, *row) for charge, row in zip(charges, rows, strict=True)]


async def _charge_lone(connection: Any, charge: Charge, *, now: datetime) -> Charged:
    """Post a charge that came alone: as it stands where the book alone can say no, else after a closer look."""
    if _passes([charge], [0]):
        try:
            seq, spendable, posted_at = await connection.fetchrow(
                _LONE,
                now,
                charge.account_id,
                charge.epoch,
                charge.reference,
                charge.amount_micros,
                charge.kind,
                charge.settled,
                charge.subaccount_id,
                charge.sender_id,
                charge.description,
            )
            if seq is not None:
                return Charged(charge.account_id, POSTED, seq, spendable, posted_at)
        except asyncpg.UniqueViolationError:
            pass  # its reference was used before
    return await _charge_one(connection, charge, now=now)


async def _charge_one(connection: Any, charge: Charge, *, now: datetime) -> Charged:
    row = await connection.fetchrow(
        _ONE,
        now,
        charge.account_id,
        charge.epoch,
        charge.reference,
        charge.amount_micros,
        charge.kind,
        charge.settled,
        charge.subaccount_id,
        charge.sender_id,
        charge.description,
        charge.refusal,
        charge.budget_month,
    )
    return Charged(charge.account_id, *row)
