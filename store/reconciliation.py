"""What the ledger and our records say of each recharge, for the comparison with the processor."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

PAGE = 500


@dataclass(frozen=True, slots=True)
class OurSide:
    """One recharge: its record, and what the journal booked for it."""

    account_id: str
    recharge_id: str
    payment_intent: str | None
    status: str
    amount_cents: int
    settled_micros: int
    settled_by: str | None
    """The processor's charge that keys the credit."""


_QUERY = text(
    """
    SELECT r.account_id, r.id, r.payment_intent, r.status, r.amount_cents,
           coalesce((SELECT sum(t.amount) FROM ledger_transfer t JOIN ledger_kind k USING (kind)
                      WHERE t.account_id = r.account_id AND t.source = r.id AND k.name = 'recharge_settled'
                        AND t.debit = 2), 0),
           (SELECT t.key FROM ledger_transfer t JOIN ledger_kind k USING (kind)
             WHERE t.account_id = r.account_id AND t.source = r.id AND k.name = 'recharge_settled'
               AND t.key IS NOT NULL)
      FROM recharge r WHERE r.id > :after ORDER BY r.id LIMIT :most
    """
)


async def our_side(session: AsyncSession) -> AsyncGenerator[OurSide]:
    """Every recharge, oldest first."""
    after = ""
    while True:
        rows = (await session.execute(_QUERY, {"after": after, "most": PAGE})).all()
        for account_id, recharge_id, intent, status, cents, settled, charge in rows:
            yield OurSide(account_id, recharge_id, intent, status, cents, int(settled), charge)
        if len(rows) < PAGE:
            return
        after = str(rows[-1][1])
