"""The payment schedule: a bank debit on a day of each month (requirements E7, E8, E13)."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import Depends
from pydantic import BaseModel, Field, StringConstraints
from sqlalchemy.ext.asyncio import AsyncSession

from api.access import Access, OwnAccount
from api.context import Context, InContext
from api.routing import router as make_router
from api.shapes import Amount, Currency, Moment, PaymentAmount, Resource, Shape
from models.account import Account
from rules.access import Caller
from rules.limits import MINIMUM_RECHARGE
from rules.money import CURRENCY, Money
from rules.monthly import Change, Terms
from rules.problems import Problem
from store import accounts, audit, methods, payment_schedules
from store.methods import UnusableMethod
from store.payment_schedules import Wanted

router = make_router("Payment schedule")
_PATH = "/v1/accounts/{account_id}/payment_schedule"
BankId = Annotated[str, StringConstraints(pattern=r"^bank_[0-9A-Z]{1,60}$"), Field(examples=["bank_…"])]
MayChange = Annotated[Caller, Depends(Access("money", owner=True))]


class NewSchedule(Shape):
    """The whole schedule."""

    day_of_month: int = Field(ge=1, le=31, description="In months without it their last day")
    amount: PaymentAmount = Field(
        description="At least 25.00, at most `max_recharge` and what the bank account's mandate allows"
    )
    bank_account: BankId = Field(description="To enable, one that is `verified`")
    enabled: bool = Field(default=True, description="False pauses it; months passed meanwhile are not made up for")
    currency: Currency = CURRENCY


class PendingChangeView(BaseModel):
    """Another amount or day, seven days before it stands."""

    day_of_month: int
    amount: Amount
    effective_at: Moment = Field(description="Days of the month from then on are debited by it")


class ScheduleView(Resource):
    """An account's payment schedule; without one ``enabled`` is false and the rest null."""

    account: str
    enabled: bool = False
    day_of_month: int | None = None
    amount: Amount | None = None
    currency: str
    bank_account: str | None = None
    next_debit_on: date | None = Field(
        default=None, description="The business day on which the next debit is made, at 09:00 Eastern"
    )
    next_amount: Amount | None = None
    why: str = Field(description="Why on that day, what stands against it now, and what is ahead")
    pending_change: PendingChangeView | None = None
    in_flight: str | None = Field(description="The newest scheduled recharge that is not final yet")
    created_at: Moment | None = None
    updated_at: Moment | None = None


class DeletedSchedule(Resource):
    """The answer to DELETE; to a repeated one too."""

    account: str
    deleted: Literal[True] = True
    in_flight: str | None = Field(description="A scheduled recharge that is not final yet: it goes on")


@router.get(_PATH, dependencies=[Depends(Access("read", owner=True))])
async def get_payment_schedule(account: OwnAccount, context: InContext) -> ScheduleView:
    """Show when the next bank debit is made, of which amount, and why then."""
    async with context.database.transaction() as session:
        return await _view(session, context, account, now=context.now())


@router.put(_PATH)
async def set_payment_schedule(
    body: NewSchedule, account: OwnAccount, context: InContext, caller: MayChange
) -> ScheduleView:
    """Set the schedule, change it, pause it or resume it.

    Another amount or day stands seven days later, and the owner is told at once. A debit that exists keeps its terms
    and its month: see `in_flight`.
    """
    now = context.now()
    terms = Terms(day_of_month=body.day_of_month, amount_cents=body.amount.cents)
    wanted = Wanted(enabled=body.enabled, terms=terms, bank_account_id=body.bank_account)
    async with context.database.transaction() as session:
        locked = await accounts.lock(session, account.id)
        if locked.status == "closed":
            raise Problem("account_closed", "The account is closed.")
        await _check(session, context, account.id, wanted)
        await payment_schedules.put(session, account.id, wanted, now=now)
        if caller.is_operator:
            details = {"enabled": body.enabled, "day_of_month": body.day_of_month, "amount_cents": terms.amount_cents}
            await audit.record(
                session, caller, "payment_schedule.set", now=now, account_id=account.id, object_id=body.bank_account,
                details=details,
            )  # fmt: skip
        return await _view(session, context, locked, now=now)


@router.delete(_PATH)
async def delete_payment_schedule(account: OwnAccount, context: InContext, caller: MayChange) -> DeletedSchedule:
    """Delete the schedule: nothing is debited by it any more, but for a debit that exists (`in_flight`)."""
    now = context.now()
    async with context.database.transaction() as session:
        await accounts.lock(session, account.id)
        was_there = await payment_schedules.delete(session, account.id, now=now)
        in_flight = await payment_schedules.in_flight(session, account.id)
        if was_there and caller.is_operator:
            await audit.record(session, caller, "payment_schedule.deleted", now=now, account_id=account.id)
    return DeletedSchedule(account=account.id, in_flight=in_flight, livemode=context.livemode)


async def _check(session: AsyncSession, context: Context, account_id: str, wanted: Wanted) -> None:
    """Raise the Problem of a schedule that may not be set."""
    amount, maximum = Money.from_cents(wanted.terms.amount_cents), Money.parse(context.settings.max_recharge)
    if amount < MINIMUM_RECHARGE:
        raise Problem(
            "amount_too_small", f"A recharge is at least {MINIMUM_RECHARGE} dollars.", param="amount",
            minimum=str(MINIMUM_RECHARGE),
        )  # fmt: skip
    if amount > maximum:
        raise _too_large(maximum, "A recharge is")
    method = await methods.find(session, account_id=account_id, method_id=wanted.bank_account_id)
    if method is None:
        raise Problem("not_found", "The account has no such bank account.", param="bank_account")
    if not wanted.enabled:
        return
    if isinstance(method, UnusableMethod):
        detail = f"A schedule is enabled for a verified bank account; this one's status is {method.status}."
        raise Problem("payment_method_not_usable", detail, param="bank_account", reason=method.reason)
    allowed = await payment_schedules.largest_authorized(session, account_id, wanted.bank_account_id)
    if allowed is not None and wanted.terms.amount_cents > allowed:
        raise _too_large(Money.from_cents(allowed), "A debit that the mandate allows is")


def _too_large(maximum: Money, what: str) -> Problem:
    return Problem("amount_too_large", f"{what} at most {maximum} dollars.", param="amount", maximum=str(maximum))


async def _view(session: AsyncSession, context: Context, account: Account, *, now: datetime) -> ScheduleView:
    largest = Money.parse(context.settings.max_recharge).cents
    standing = await payment_schedules.standing(session, account, largest_cents=largest, now=now)
    same: dict[str, Any] = {
        "livemode": context.livemode, "account": account.id, "currency": CURRENCY, "why": standing.why,
        "in_flight": standing.in_flight,
    }  # fmt: skip
    row, plan = standing.row, standing.plan
    if row is None or plan is None:
        return ScheduleView(**same)
    return ScheduleView(
        **same,
        enabled=row.enabled,
        day_of_month=plan.terms.day_of_month,
        amount=Money.from_cents(plan.terms.amount_cents),
        bank_account=row.bank_account_id,
        next_debit_on=plan.next.debit_on if plan.next else None,
        next_amount=Money.from_cents(plan.next.amount_cents) if plan.next else None,
        pending_change=_pending(plan.change) if plan.change else None,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _pending(change: Change) -> PendingChangeView:
    terms = change.terms
    return PendingChangeView(
        day_of_month=terms.day_of_month,
        amount=Money.from_cents(terms.amount_cents),
        effective_at=change.effective_at,
    )
