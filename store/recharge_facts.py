"""The facts of a notice about a recharge or auto-recharge.

Columns, not entities: what is in the database now, whatever the session has loaded before.
"""

from typing import Any

from sqlalchemy import and_, bindparam, exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from models.attempt import ChargeAttempt
from models.auto_recharge import AutoRecharge
from models.bank_account import BankAccount
from models.base import JSON
from models.card import Card
from models.recharge import Recharge

Facts = dict[str, Any]
_OF_RECHARGE = (
    select(
        col(Recharge.amount_cents),
        col(Recharge.kind),
        col(Recharge.method_kind),
        col(Recharge.method_id),
        col(Recharge.expected_on),
        col(Recharge.failure),
        col(Recharge.finished_at),
        col(Recharge.action_expires_at),
        col(Recharge.payment_intent),
        func.coalesce(col(Card.brand), col(BankAccount.bank_name)).label("name"),
        func.coalesce(col(Card.last4), col(BankAccount.last4)).label("last4"),
        exists()
        .where(
            col(ChargeAttempt.account_id) == col(Recharge.account_id),
            col(ChargeAttempt.recharge_id) == col(Recharge.id),
            col(ChargeAttempt.method_id) != col(Recharge.method_id),
        )
        .label("switched"),
    )
    .join(
        Card,
        and_(col(Card.account_id) == col(Recharge.account_id), col(Card.id) == col(Recharge.method_id)),
        isouter=True,
    )
    .join(
        BankAccount,
        and_(col(BankAccount.account_id) == col(Recharge.account_id), col(BankAccount.id) == col(Recharge.method_id)),
        isouter=True,
    )
    .where(col(Recharge.account_id) == bindparam("account"), col(Recharge.id) == bindparam("recharge"))
)


async def of_recharge(session: AsyncSession, *, account_id: str, recharge_id: str) -> Facts:
    """What mails about a recharge tell: money, method, why its latest confirm failed, and what had declined before."""
    row = (await session.execute(_OF_RECHARGE, {"account": account_id, "recharge": recharge_id})).one()
    failure: JSON = row.failure or {}
    if row.finished_at is None:
        failure = await _latest_failure(session, account_id=account_id, recharge_id=recharge_id) or {}
    declined: Facts = {}
    if row.switched:
        declined = await _declined_first(
            session, account_id=account_id, recharge_id=recharge_id, method_id=row.method_id
        )
    return {
        "amount_cents": row.amount_cents,
        "recharge_kind": row.kind,
        "method_kind": row.method_kind,
        "expected_on": row.expected_on,
        "failure_code": failure.get("code"),
        "failure_message": failure.get("message"),
        "failure_retry": failure.get("retry"),
        "action_expires_at": row.action_expires_at,
        "payment_intent": row.payment_intent,
        **({"method_name": row.name, "method_last4": row.last4} if row.name or row.last4 else {}),
        **declined,
    }


async def of_auto_recharge(session: AsyncSession, *, account_id: str) -> Facts:
    """The account's settings, and what stands in the way."""
    found = await session.execute(
        select(
            col(AutoRecharge.minimum_micros),
            col(AutoRecharge.amount_cents),
            col(AutoRecharge.daily_cents),
            col(AutoRecharge.weekly_cents),
            col(AutoRecharge.monthly_cents),
            col(AutoRecharge.limited_by),
            col(AutoRecharge.limited_until),
            col(AutoRecharge.paused_at),
            col(AutoRecharge.paused_reason),
        ).where(col(AutoRecharge.account_id) == account_id)
    )
    row = found.one()
    limits = {"daily": row.daily_cents, "weekly": row.weekly_cents, "monthly": row.monthly_cents}
    return {
        "minimum_micros": row.minimum_micros,
        "amount_cents": row.amount_cents,
        "limit": row.limited_by,
        "limit_cents": limits.get(row.limited_by),
        "limited_until_at": row.limited_until,
        "paused_at": row.paused_at,
        "reason": row.paused_reason,
    }


async def auto_recharge_status(session: AsyncSession, *, account_id: str) -> str | None:
    """``off``, ``paused``, ``limited`` or ``active``; None where it was never chosen."""
    found = await session.execute(
        select(col(AutoRecharge.enabled), col(AutoRecharge.paused_at), col(AutoRecharge.limited_until)).where(
            col(AutoRecharge.account_id) == account_id
        )
    )
    row = found.one_or_none()
    if row is None:
        return None
    if not row.enabled:
        return "off"
    return "paused" if row.paused_at is not None else "limited" if row.limited_until is not None else "active"


async def _latest_failure(session: AsyncSession, *, account_id: str, recharge_id: str) -> JSON | None:
    """Why the newest confirm of an open recharge failed."""
    return await session.scalar(
        select(col(ChargeAttempt.failure))
        .where(col(ChargeAttempt.account_id) == account_id, col(ChargeAttempt.recharge_id) == recharge_id)
        .order_by(col(ChargeAttempt.number).desc())
        .limit(1)
    )


async def _declined_first(session: AsyncSession, *, account_id: str, recharge_id: str, method_id: str) -> Facts:
    """The method that declined before ``method_id`` was charged instead, and why."""
    found = await session.execute(
        select(col(ChargeAttempt.method_id), col(ChargeAttempt.failure))
        .where(
            col(ChargeAttempt.account_id) == account_id,
            col(ChargeAttempt.recharge_id) == recharge_id,
            col(ChargeAttempt.method_id) != method_id,
            col(ChargeAttempt.ended_at).is_not(None),
        )
        .order_by(col(ChargeAttempt.number).desc())
        .limit(1)
    )
    row = found.one_or_none()
    if row is None:
        return {}
    failure: JSON = row.failure or {}
    method = await _method(session, account_id=account_id, method_id=row.method_id)
    return {
        "declined_kind": "card" if row.method_id.startswith("card_") else "bank",
        "declined_name": method.get("method_name"),
        "declined_last4": method.get("method_last4"),
        "declined_message": failure.get("message"),
        "declined_retry": failure.get("retry"),
    }


async def _method(session: AsyncSession, *, account_id: str, method_id: str) -> Facts:
    names = (
        select(col(Card.brand), col(Card.last4)).where(col(Card.account_id) == account_id, col(Card.id) == method_id)
        if method_id.startswith("card_")
        else select(col(BankAccount.bank_name), col(BankAccount.last4)).where(
            col(BankAccount.account_id) == account_id, col(BankAccount.id) == method_id
        )
    )
    row = (await session.execute(names)).one_or_none()
    return {"method_name": row[0], "method_last4": row[1]} if row else {}
