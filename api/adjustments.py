"""Adjustments: credit given or taken by an operator's hand (requirement H7)."""

from typing import Annotated, Literal

from fastapi import Depends
from fastapi.responses import JSONResponse
from pydantic import Field

from api.access import Access, OwnAccount
from api.context import InContext
from api.idempotency import Intended, Intent, idempotent
from api.routing import router as make_router
from api.shapes import LARGEST, Amount, Currency, Moment, Reason, Resource, Shape, SignedAmount
from models.adjustment import Adjustment
from rules.access import Caller
from rules.money import CURRENCY, Money
from rules.problems import Problem
from store import accounts, adjustments

router = make_router("Adjustments")
Kind = Literal["promotional", "goodwill", "correction", "opening_balance", "write_off"]


class NewAdjustment(Shape):
    """An adjustment to be posted."""

    amount: SignedAmount
    currency: Currency = CURRENCY
    kind: Kind = Field(description="`promotional` credit is spent first and is never refundable")
    reason: Reason


class AdjustmentView(Resource):
    """An adjustment. It is final."""

    id: str
    account: str
    amount: Amount
    currency: str
    kind: Kind
    reason: str
    created_at: Moment


def _shown(row: Adjustment, *, livemode: bool) -> AdjustmentView:
    fields = row.model_dump(include={"id", "currency", "kind", "reason", "created_at"})
    return AdjustmentView(**fields, account=row.account_id, amount=Money(row.amount_micros), livemode=livemode)


@router.post("/v1/accounts/{account_id}/adjustments", status_code=201, response_model=AdjustmentView)
async def post_adjustment(
    body: NewAdjustment,
    account: OwnAccount,
    context: InContext,
    intent: Annotated[Intent, Depends(Intended("adjustments"))],
    caller: Annotated[Caller, Depends(Access("money"))],
) -> JSONResponse:
    """Post an adjustment. It is the one amount that may be negative, and it may take the balance below zero."""
    if abs(body.amount.micros) > LARGEST.micros:
        raise Problem("amount_too_large", f"An adjustment is at most {LARGEST}.", param="amount", maximum=str(LARGEST))
    async with idempotent(context, intent) as claim:
        if claim.answer is not None:
            return claim.answer
        async with context.database.transaction() as session:
            made = await adjustments.by_key(session, account_id=account.id, key=intent.key)
            if made is not None:
                return claim.again(_shown(made, livemode=context.livemode), status=201, digest=made.request_digest)
            if (await accounts.lock(session, account.id)).status == "closed":
                raise Problem("account_closed", "The account is closed.")
            new = adjustments.NewAdjustment(
                account_id=account.id,
                amount=body.amount,
                kind=body.kind,
                reason=body.reason,
                idempotency_key=intent.key,
                request_digest=intent.digest,
            )
            row = await adjustments.post(session, new, caller=caller, now=context.now())
            return await claim.keep(session, _shown(row, livemode=context.livemode), status=201)
