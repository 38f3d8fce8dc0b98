"""What is told of a payment schedule: to its owner by mail, to the platform by events."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from models.payment_schedule import PaymentSchedule
from rules.money import CURRENCY, Money
from rules.monthly import Debit, Plan
from store import events, notices


async def updated(session: AsyncSession, row: PaymentSchedule, plan: Plan, *, now: datetime) -> None:
    """The schedule as it was asked for last: an event."""
    wanted, pending = plan.wanted, plan.change
    data = {
        "enabled": row.enabled,
        "day_of_month": wanted.day_of_month,
        "amount": str(Money.from_cents(wanted.amount_cents)),
        "currency": CURRENCY,
        "bank_account": row.bank_account_id,
        "effective_at": pending.effective_at if pending and pending.effective_at > now else None,
        "next_debit_on": row.next_debit_on,
    }
    await events.add(session, type="payment_schedule.updated", account_id=row.account_id, data=data, now=now)


async def deleted(session: AsyncSession, account_id: str, *, in_flight: str | None, now: datetime) -> None:
    """The schedule is gone; the recharge ``in_flight`` goes on: an event."""
    data = {"in_flight": in_flight}
    await events.add(session, type="payment_schedule.deleted", account_id=account_id, data=data, now=now)


async def changed(session: AsyncSession, row: PaymentSchedule, after: Plan, *, now: datetime) -> None:
    """Another amount or day was asked for: a notice, seven days ahead (E13)."""
    following = after.next
    until_then = after.terms if after.change and following else None  # a paused one debits nothing by its old terms
    facts = {
        "bank_account": row.bank_account_id,
        "day_of_month": str(after.wanted.day_of_month),
        "amount_cents": after.wanted.amount_cents,
        "before_day_of_month": str(until_then.day_of_month) if until_then else None,
        "before_amount_cents": until_then.amount_cents if until_then else None,
        "effective_at": max(after.starts_at, after.change.effective_at if after.change else now),
        "next_debit_on": following.debit_on if following else None,
        "next_amount_cents": following.amount_cents if following else None,
    }
    await notices.add(
        session, account_id=row.account_id, kind="payment_schedule_changed", cause=now.isoformat(), facts=facts, now=now
    )


async def skipped(session: AsyncSession, row: PaymentSchedule, this: Debit, reason: str, *, now: datetime) -> None:
    """``this`` was due and nothing was debited: a notice and an event."""
    told = {"bank_account": row.bank_account_id, "nominal_on": this.nominal_on, "reason": reason}
    later = {"next_debit_on": row.next_debit_on}
    facts = told | later | {"amount_cents": this.amount_cents, "next_amount_cents": row.next_amount_cents}
    cause = f"{this.month:%Y-%m}/{now.isoformat()}"
    await notices.add(
        session, account_id=row.account_id, kind="scheduled_debit_skipped", cause=cause, facts=facts, now=now
    )
    data = told | later | {"amount": str(Money.from_cents(this.amount_cents)), "currency": CURRENCY}
    await events.add(session, type="payment_schedule.skipped", account_id=row.account_id, data=data, now=now)
