"""Adjustments: a posting by an operator's hand, with its reason (requirement H7)."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

import ledger
from models.adjustment import Adjustment
from rules.access import Caller
from rules.money import Money
from store import audit
from store.ids import new_id


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAdjustment:
    """What an adjustment is made from; ``amount`` may be negative and may take the balance below zero."""

    account_id: str
    amount: Money
    kind: str
    reason: str
    idempotency_key: str
    request_digest: str


async def post(session: AsyncSession, new: NewAdjustment, *, caller: Caller, now: datetime) -> Adjustment:
    """Post an adjustment to a locked account: its row, its entry in the ledger and its line in the audit log."""
    row = Adjustment(
        account_id=new.account_id,
        id=new_id("adj", now),
        amount_micros=new.amount.micros,
        kind=new.kind,
        reason=new.reason,
        actor=caller.actor,
        idempotency_key=new.idempotency_key,
        request_digest=new.request_digest,
        created_at=now,
    )
    session.add(row)
    await session.flush()
    await ledger.adjust(
        session,
        account_id=row.account_id,
        adjustment_id=row.id,
        kind=row.kind,
        amount_micros=row.amount_micros,
        reason=row.reason,
        now=now,
    )
    details = {"amount": str(new.amount), "kind": row.kind, "reason": row.reason}
    await audit.record(
        session, caller, "adjustment.posted", now=now, account_id=row.account_id, object_id=row.id, details=details
    )
    return row


async def by_key(session: AsyncSession, *, account_id: str, key: str) -> Adjustment | None:
    """The adjustment made under an Idempotency-Key, kept for ever."""
    return await session.scalar(
        select(Adjustment).where(col(Adjustment.account_id) == account_id, col(Adjustment.idempotency_key) == key)
    )
