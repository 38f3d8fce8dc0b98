"""The proof of the books (requirement H5): the ledger by itself, and the records that say the same in other words."""

from sqlalchemy.ext.asyncio import AsyncSession

import ledger
from ledger.checks import CHECKS
from ledger.verification import Progress
from rules.chart import Code, Kind

# ruff: noqa: S608 # every part is a constant of the chart

_HOLDS = f"""
    SELECT account_id, format('%s is %s with %s of %s, the journal says %s with %s of %s', id, h.status,
        h.captured_micros, h.amount_micros, j.status, j.captured, j.amount)
    FROM hold h FULL JOIN (
        SELECT o.account_id, o.source AS id, o.amount, o.key, o.subaccount_id,
            CASE e.kind WHEN {Kind.HOLD_CAPTURED.value} THEN 'captured' WHEN {Kind.HOLD_RELEASED.value} THEN 'released'
                ELSE 'open' END AS status,
            coalesce(e.settled, false) AS settled,
            (SELECT sum(u.amount) FROM ledger_transfer u WHERE e.kind = {Kind.HOLD_CAPTURED.value}
                AND u.account_id = e.account_id AND u.seq BETWEEN e.seq AND e.seq + 7 AND u.seq - u.leg = e.seq
                AND u.credit = {Code.USAGE.value}) AS captured
        FROM ledger_transfer o LEFT JOIN ledger_transfer e ON e.account_id = o.account_id AND e.source = o.source
            AND e.leg = 0 AND e.kind IN ({Kind.HOLD_CAPTURED.value}, {Kind.HOLD_RELEASED.value})
        WHERE o.leg = 0 AND o.kind = {Kind.HOLD.value}
    ) j USING (account_id, id)
    WHERE (h.reference, h.subaccount_id, h.amount_micros, h.captured_micros, h.capture_settled,
            CASE h.status WHEN 'expired' THEN 'released' ELSE h.status END)
        IS DISTINCT FROM (j.key, j.subaccount_id, j.amount, j.captured, j.settled, j.status)
    ORDER BY account_id, id LIMIT :most"""
_BUDGETS = """
    SELECT account_id, format('has a budget for %s, which is no subaccount of it', subaccount_id) FROM ledger_budget u
    WHERE NOT EXISTS (SELECT FROM subaccount s WHERE s.account_id = u.account_id AND s.id = u.subaccount_id)
    ORDER BY account_id LIMIT :most"""
_ACCOUNTS = """
    SELECT coalesce(a.id, b.account_id), CASE WHEN a.id IS NULL THEN 'has a balance row but no record'
        ELSE 'has a record but no balance row' END
    FROM account a FULL JOIN ledger_balance b ON b.account_id = a.id WHERE a.id IS NULL OR b.account_id IS NULL
    ORDER BY 1 LIMIT :most"""

#: By the name of the check, as those of the ledger.
RECORD_CHECKS = {"hold record": _HOLDS, "budget record": _BUDGETS, "account record": _ACCOUNTS}


async def prove(session: AsyncSession, progress: Progress | None = None) -> list[ledger.Finding]:
    """Verify the book, and what the records of holds, subaccounts and accounts say of it: nothing, when all is well."""
    return await ledger.verify(session, progress, checks=CHECKS | RECORD_CHECKS)
