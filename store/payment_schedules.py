"""Payment schedules at rest: set, paused, deleted, and the month's debit made from them (requirements E7, E8).

All that changes one is done under the account's lock.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from models.account import Account
from models.payment_schedule import PaymentSchedule
from models.recharge import Recharge
from rules import mandate_text, monthly, monthly_words
from rules.limits import MINIMUM_RECHARGE
from rules.monthly import Change, Debit, Plan, Terms
from store import accounts, bank_accounts, mandates, methods, recharges, schedule_news
from store.methods import UnusableMethod


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the owner asks for."""

    enabled: bool
    terms: Terms
    bank_account_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a schedule stands: its plan by the terms of now, the reasons in words, and a debit that is not final yet."""

    row: PaymentSchedule | None
    plan: Plan | None
    why: str
    in_flight: str | None


async def find(session: AsyncSession, account_id: str) -> PaymentSchedule | None:
    """The account's schedule, read anew."""
    return await session.get(PaymentSchedule, account_id, populate_existing=True)


async def in_flight(session: AsyncSession, account_id: str) -> str | None:
    """The newest scheduled recharge that is not final yet."""
    return await session.scalar(
        select(col(Recharge.id))
        .where(
            col(Recharge.account_id) == account_id,
            col(Recharge.kind) == "scheduled",
            col(Recharge.status).in_(recharges.OPEN),
        )
        .order_by(col(Recharge.id).desc())
        .limit(1)
    )


def plan_of(row: PaymentSchedule) -> Plan:
    """The row as a plan."""
    change = following = None
    if row.new_day_of_month is not None and row.new_amount_cents is not None and row.new_from is not None:
        terms = Terms(day_of_month=row.new_day_of_month, amount_cents=row.new_amount_cents)
        change = Change(terms=terms, effective_at=row.new_from)
    if row.next_nominal_on is not None and row.next_debit_on is not None and row.next_amount_cents is not None:
        following = Debit(
            nominal_on=row.next_nominal_on, debit_on=row.next_debit_on, amount_cents=row.next_amount_cents
        )
    terms = Terms(day_of_month=row.day_of_month, amount_cents=row.amount_cents)
    return Plan(terms=terms, starts_at=row.starts_at, change=change, next=following)


async def standing(session: AsyncSession, account: Account, *, largest_cents: int, now: datetime) -> Standing:
    """How the account's schedule stands now."""
    row, flying = await find(session, account.id), await in_flight(session, account.id)
    if row is None:
        return Standing(row=None, plan=None, why=monthly_words.why(None, now=now), in_flight=flying)
    plan, against = monthly.current(plan_of(row), now=now), None
    if plan.next is not None:
        against = await obstacle(
            session, account, bank_account_id=row.bank_account_id, amount_cents=plan.next.amount_cents,
            largest_cents=largest_cents,
        )  # fmt: skip
    skipped = (row.skipped_month, row.skipped_reason) if row.skipped_month and row.skipped_reason else None
    why = monthly_words.why(plan, now=now, skipped=skipped, against=against)
    return Standing(row=row, plan=plan, why=why, in_flight=flying)


async def put(session: AsyncSession, account_id: str, wanted: Wanted, *, now: datetime) -> PaymentSchedule:
    """Set the locked account's schedule. Another amount or day is told to the owner, seven days ahead (E13).

    The caller has checked that ``wanted`` may be.
    """
    row, taken = await find(session, account_id), await _months_taken(session, account_id)
    before = None if row is None else plan_of(row)
    if row is None or before is None:
        plan = monthly.begun(wanted.terms, enabled=wanted.enabled, taken=taken, now=now)
        row = PaymentSchedule(
            account_id=account_id, enabled=wanted.enabled, bank_account_id=wanted.bank_account_id,
            day_of_month=0, amount_cents=0, starts_at=now, created_at=now,
        )  # fmt: skip
    else:
        plan = monthly.changed(before, wanted.terms, enabled=wanted.enabled, taken=taken, now=now)
    row.bank_account_id = wanted.bank_account_id
    await _keep(session, row, plan, now=now)
    if before is not None and monthly.is_changed(before, plan):
        await schedule_news.changed(session, row, plan, now=now)
    await schedule_news.updated(session, row, plan, now=now)
    return row


async def delete(session: AsyncSession, account_id: str, *, now: datetime) -> bool:
    """Delete the locked account's schedule; a debit that exists goes on. False if there was none."""
    row = await find(session, account_id)
    if row is None:
        return False
    await session.delete(row)
    await session.flush()
    await schedule_news.deleted(session, account_id, in_flight=await in_flight(session, account_id), now=now)
    return True


async def due(session: AsyncSession, *, after: str, limit: int, now: datetime) -> Sequence[str]:
    """Accounts, by id, that come after ``after`` and whose debit is due."""
    rows = await session.scalars(
        select(col(PaymentSchedule.account_id))
        .where(col(PaymentSchedule.next_debit_on) <= monthly.latest_due(now), col(PaymentSchedule.account_id) > after)
        .order_by(col(PaymentSchedule.account_id))
        .limit(limit)
    )
    return rows.all()


async def debit(session: AsyncSession, account_id: str, *, largest_cents: int, now: datetime) -> bool:
    """Make the account's due debit and plan the next one, in this transaction; whether one was made.

    Where something stands against it nothing is debited, the owner is told, and the next month goes on. A schedule
    that is not due, or no more, is left alone: another sweep was first, or its owner.
    """
    account = await accounts.lock(session, account_id)
    row = await find(session, account_id)
    this = None if row is None else plan_of(row).next
    if row is None or this is None or this.debit_on > monthly.latest_due(now):
        return False
    reason = await obstacle(
        session, account, bank_account_id=row.bank_account_id, amount_cents=this.amount_cents,
        largest_cents=largest_cents,
    )  # fmt: skip
    if reason is None:
        await _recharge(session, row, this, now=now)
        row.skipped_month = row.skipped_reason = None
    else:
        row.skipped_month, row.skipped_reason = this.month, reason
    plan = monthly.advanced(plan_of(row), taken=await _months_taken(session, account_id), now=now)
    # A closed account is never opened again: its schedule ends here, so that nobody is told every month.
    await _keep(session, row, monthly.paused(plan) if reason == "account_closed" else plan, now=now)
    if reason is not None:
        await schedule_news.skipped(session, row, this, reason, now=now)
    return reason is None


async def obstacle(
    session: AsyncSession, account: Account, *, bank_account_id: str, amount_cents: int, largest_cents: int
) -> str | None:
    """What stands against debiting so much now: an enumeration of ``rules/monthly_words.py``; None if nothing does."""
    if account.status != "active":
        return f"account_{account.status}"
    method = await methods.find(session, account_id=account.id, method_id=bank_account_id)
    if method is None or isinstance(method, UnusableMethod):
        return method.reason if method else "method_removed"
    if amount_cents < MINIMUM_RECHARGE.cents:
        return "amount_below_minimum"
    if amount_cents > largest_cents:
        return "amount_above_maximum"
    allowed = await largest_authorized(session, account.id, bank_account_id)
    return "amount_above_mandate" if allowed is not None and amount_cents > allowed else None


async def largest_authorized(session: AsyncSession, account_id: str, bank_account_id: str) -> int | None:
    """The most, in cents, that the bank account's mandate allows for one debit; None where it names no bound."""
    bank = await bank_accounts.get(session, account_id=account_id, bank_id=bank_account_id)
    try:
        return mandate_text.largest_cents((await mandates.of_bank(session, bank)).amount_rule)
    except ValueError:
        return None


async def _recharge(session: AsyncSession, row: PaymentSchedule, this: Debit, *, now: datetime) -> None:
    month = f"{this.month:%Y-%m}"
    new = recharges.NewRecharge(
        account_id=row.account_id,
        amount_cents=this.amount_cents,
        method_id=row.bank_account_id,
        method_kind="bank",
        kind="scheduled",
        schedule_month=this.month,
        idempotency_key=f"§schedule/{month}",  # no caller can send it: their keys are ASCII
        request_digest=month,
        return_url=None,
        metadata={},
    )
    await recharges.create(session, new, now=now)


async def _months_taken(session: AsyncSession, account_id: str) -> frozenset[date]:
    rows = await session.scalars(
        select(col(Recharge.schedule_month)).where(
            col(Recharge.account_id) == account_id, col(Recharge.kind) == "scheduled"
        )
    )
    return frozenset(month for month in rows if month is not None)


async def _keep(session: AsyncSession, row: PaymentSchedule, plan: Plan, *, now: datetime) -> None:
    change, following = plan.change, plan.next
    row.enabled = following is not None
    row.day_of_month, row.amount_cents = plan.terms.day_of_month, plan.terms.amount_cents
    row.starts_at = plan.starts_at
    row.new_day_of_month = change.terms.day_of_month if change else None
    row.new_amount_cents = change.terms.amount_cents if change else None
    row.new_from = change.effective_at if change else None
    row.next_nominal_on = following.nominal_on if following else None
    row.next_debit_on = following.debit_on if following else None
    row.next_amount_cents = following.amount_cents if following else None
    row.updated_at = now
    session.add(row)
    await session.flush()
