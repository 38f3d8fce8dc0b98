"""May this call or message go out? One question before each, answered from the book."""

from typing import Literal

from fastapi import Depends
from fastapi.responses import Response
from pydantic import Field

from api.charging import free_expired
from api.context import Context, InContext
from api.lean import LeanRoute
from api.outages import outages_answered
from api.routing import router as make_router
from api.shapes import AmountAboveZero, Reference, Resource, Shape
from api.spending_access import SpendingAccess, find_token
from rules.months import month_of
from rules.spending import Spender, refusal
from store.holds import EXHAUSTED

router = make_router("Usage", route_class=LeanRoute)


class Authorization(Shape):
    """Who wants to spend, and what."""

    auth_id: str = Field(min_length=1, max_length=200, description="Auth ID of an account or a subaccount")
    auth_token: str = Field(min_length=1, max_length=200)
    sender_id: Reference | None = None
    amount: AmountAboveZero | None = Field(default=None, description="What it will cost; any amount when left out")


class AuthorizationAnswer(Resource):
    """Whether it may go out. ``reason`` is null, or an error code of the usage that would be refused."""

    allowed: bool
    reason: (
        Literal[
            "unauthenticated",
            "account_closed",
            "account_suspended",
            "subaccount_disabled",
            "sender_not_allowed",
            "budget_exhausted",
            "balance_exhausted",
        ]
        | None
    )
    account: str | None = Field(description="The main account that would pay; null when the credentials are wrong")
    subaccount: str | None


@router.post("/v1/authorize", response_model=AuthorizationAnswer, dependencies=[Depends(SpendingAccess("usage"))])
async def authorize(body: Authorization, context: InContext) -> Response:
    """Say whether a call or message may go out: credentials, status, sender, budget, balance, in this order.

    Nothing is reserved: for that, make a hold.
    """
    answer = AuthorizationAnswer(
        livemode=context.livemode, allowed=False, reason="unauthenticated", account=None, subaccount=None
    )
    with outages_answered():
        known = await find_token(context, body.auth_id, body.auth_token)
        if known is not None:
            spender = known.spender
            reason, seq = await _reason(context, spender, body)
            if reason in EXHAUSTED and await free_expired(context, {spender.account_id: seq}):
                reason, _ = await _reason(context, spender, body)
            known_still = reason != "unauthenticated"  # its token may have ended meanwhile
            answer = AuthorizationAnswer.model_validate(
                {
                    "livemode": context.livemode,
                    "allowed": reason is None,
                    "reason": reason,
                    "account": spender.account_id if known_still else None,
                    "subaccount": spender.subaccount_id if known_still else None,
                }
            )
    return Response(answer.model_dump_json(), media_type="application/json")


async def _reason(context: Context, spender: Spender, body: Authorization) -> tuple[str | None, int]:
    """Why it may not go out, and the latest posting that this was seen by."""
    now = context.now()
    funds = await context.funds.read(spender.account_id, spender.subaccount_id)
    if funds.epoch != spender.epoch:
        context.spenders.forget(spender.account_id, spender.subaccount_id)
        known = await find_token(context, body.auth_id, body.auth_token)
        if known is None:
            return "unauthenticated", funds.seq
        spender = known.spender
    reason = refusal(spender, sender_id=body.sender_id, settled=False, now=now)
    if reason is not None:
        return reason, funds.seq
    amount = _micros(body)
    if spender.subaccount_id is not None and not funds.within_budget(amount, month_of(now, spender.timezone)):
        return "budget_exhausted", funds.seq
    return ("balance_exhausted" if funds.available_micros < amount else None), funds.seq


def _micros(body: Authorization) -> int:
    return 1 if body.amount is None else body.amount.micros
