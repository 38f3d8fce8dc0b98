"""Everything known of one recharge, in the order in which it happened: for operators, read only."""

from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_ROW = text(
    "SELECT id, account_id, kind, amount_cents, status, method_id, payment_intent, charge, expected_on, failure"
    " FROM recharge WHERE id = :id"
)
_STEPS = text(
    """
    SELECT created_at AS at, 'timeline' AS kind, what, detail FROM timeline_entry WHERE recharge_id = :id
    UNION ALL
    SELECT created_at, 'attempt', concat_ws(', ', 'confirm ' || number, CASE WHEN trigger <> 'first' THEN trigger END,
                                            CASE WHEN NOT off_session THEN 'on session' END),
           concat_ws(' ', method_id, outcome, charge, failure ->> 'code') FROM charge_attempt WHERE recharge_id = :id
    UNION ALL
    SELECT posted_at, 'ledger', k.name, d.name || ' → ' || c.name || ' ' || (amount / 10000) || ' cents'
      FROM ledger_transfer t JOIN ledger_kind k USING (kind)
      JOIN ledger_code d ON d.code = t.debit JOIN ledger_code c ON c.code = t.credit WHERE t.source = :id
    UNION ALL
    SELECT i.created_at, 'event', i.type, i.id || ', ' || i.state FROM inbox i, recharge r
     WHERE r.id = :id AND (i.payload #>> '{data,object,id}' = r.payment_intent
                           OR i.payload #>> '{data,object,payment_intent}' = r.payment_intent)
    UNION ALL
    SELECT created_at, 'notice', kind, state FROM notice WHERE facts ->> 'recharge' = :id
    ORDER BY 1, 2
    """
)


async def of(session: AsyncSession, recharge_id: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The recharge, and its timeline, attempts, ledger lines, events and notices. Raises LookupError."""
    row = (await session.execute(_ROW, {"id": recharge_id})).mappings().first()
    if row is None:
        raise LookupError(f"there is no recharge {recharge_id}")
    steps = await session.execute(_STEPS, {"id": recharge_id})
    return dict(row), [dict(step) for step in steps.mappings()]
