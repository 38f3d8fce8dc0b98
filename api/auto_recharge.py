"""Auto-recharge: the owner chooses a minimum and an amount, and sees how it stands and why (requirements D1 to D7)."""

from datetime import datetime
from typing import Annotated

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession

from api.access import Access, OwnAccount
from api.auto_recharge_checks import checked
from api.auto_recharge_shapes import (
    AutoRechargeView,
    DecisionView,
    LimitsView,
    NewAutoRecharge,
    RecommendedView,
    UsedView,
)
from api.context import Context, InContext
from api.routing import router as make_router
from models.account import Account
from models.auto_recharge import AutoRecharge
from rules import auto_recharge_words as words
from rules.access import Caller
from rules.money import CURRENCY, Money
from rules.problems import Problem
from store import accounts, audit, auto_limits, auto_recharge, auto_standing, auto_story, balance_alerts

router = make_router("Auto-recharge")
_PATH = "/v1/accounts/{account_id}/auto_recharge"


@router.get(_PATH, dependencies=[Depends(Access("read", owner=True))])
async def get_auto_recharge(account: OwnAccount, context: InContext) -> AutoRechargeView:
    """Show an account's auto-recharge: its settings, how it stands, the use of each limit, and its latest decisions."""
    async with context.database.transaction() as session:
        return await _shown(session, context, account, now=context.now())


@router.put(_PATH)
async def set_auto_recharge(
    body: NewAutoRecharge,
    account: OwnAccount,
    context: InContext,
    caller: Annotated[Caller, Depends(Access("money", owner=True))],
) -> AutoRechargeView:
    """Choose minimum and amount, or switch off. The settings are replaced as a whole, and a pause is lifted.

    A balance that is at or below the minimum already is recharged at once.
    """
    now = context.now()
    async with context.database.transaction() as session:
        locked = await accounts.lock(session, account.id)
        if locked.status == "closed":
            raise Problem("account_closed", "The account is closed.")
        settings = await checked(session, body, account_id=locked.id, max_recharge=_max_recharge(context))
        if settings is not None:
            await auto_recharge.put(session, locked.id, settings, now=now)
        if caller.is_operator:
            details = {"fields": sorted(body.model_fields_set), "enabled": body.enabled}
            await audit.record(
                session, caller, "account.auto_recharge_set", now=now, account_id=locked.id, details=details
            )
        return await _shown(session, context, locked, now=now)


def _max_recharge(context: Context) -> Money:
    return Money.parse(context.settings.max_recharge)


async def _shown(session: AsyncSession, context: Context, account: Account, *, now: datetime) -> AutoRechargeView:
    found = await auto_standing.standing(session, account, now=now)
    chosen = found.row is not None
    row = found.row or AutoRecharge(account_id=account.id, enabled=False, minimum_micros=0, amount_cents=0)
    used = await auto_limits.used(session, account.id, timezone=account.timezone, now=now)
    return AutoRechargeView.model_validate(
        {
            "livemode": context.livemode,
            "account": account.id,
            "currency": CURRENCY,
            "enabled": row.enabled,
            "minimum": Money(row.minimum_micros) if chosen else None,
            "amount": Money.from_cents(row.amount_cents) if chosen else None,
            "payment_method": row.method_id,
            "effective_payment_method": found.method_id,
            "backup_payment_method": row.backup_method_id,
            "limits": LimitsView(
                daily=_money(row.daily_cents), weekly=_money(row.weekly_cents), monthly=_money(row.monthly_cents)
            ),
            "used": UsedView.model_validate({name: Money.from_cents(cents) for name, cents in used.items()}),
            "state": found.state,
            "why": found.why,
            "total": found.total,
            "recharge": found.recharge_id,
            "next_attempt_at": row.next_attempt_at,
            "limited_by": row.limited_by if found.limited else None,
            "limited_until": row.limited_until if found.limited else None,
            "paused_at": row.paused_at,
            "paused_reason": row.paused_reason,
            "recommended": await _recommended(session, context, account, found.method_id, now=now),
            "decisions": [
                DecisionView.model_validate(
                    {"at": one.created_at, "what": one.what, "why": one.why, "recharge": one.recharge_id}
                )
                for one in await auto_story.decisions(session, account.id)
            ],
        }
    )


async def _recommended(
    session: AsyncSession, context: Context, account: Account, method_id: str | None, *, now: datetime
) -> RecommendedView:
    usage = await balance_alerts.get(session, account.id)
    found = words.recommended(
        usage.recommended_micros,
        on=usage.recommended_on,
        method_kind="bank" if method_id is not None and method_id.startswith("bank_") else "card",
        maximum=_max_recharge(context),
        now=now,
    )
    return RecommendedView(minimum=found.minimum, amount=found.amount, why=found.why)


def _money(cents: int | None) -> Money | None:
    return None if cents is None else Money.from_cents(cents)
