"""Usage: one charge of an account or subaccount, once per reference."""

from datetime import datetime
from typing import Annotated, Any, Literal, cast

from fastapi import Depends, Request
from fastapi.responses import Response
from pydantic import Field
from pydantic_core import to_json

from api.charging import Usage, post_one
from api.context import InContext
from api.idempotency import REPLAYED as REPLAYED_HEADER
from api.lean import LeanRoute
from api.outages import outages_answered
from api.routing import router as make_router
from api.shapes import Amount, AmountAboveZero, Currency, Moment, OneLine, Reference, Resource, Shape
from api.spending_access import SpendingAccess
from ledger.charge import REPLAYED, Charged
from rules.access import Caller
from rules.chart import USAGE_KINDS
from rules.money import CURRENCY
from rules.problems import Problem

router = make_router("Usage", route_class=LeanRoute)
ACCESS = SpendingAccess("usage", owner=True, subaccount=True)
UsageKind = Literal["usage", "fee", "tax", "rental"]
_KINDS = {kind.name.lower(): kind for kind in USAGE_KINDS}


class NewUsage(Shape):
    """One charge."""

    amount: AmountAboveZero
    reference: Reference = Field(description="New for each charge, the same for each retry of it; shared with holds")
    description: OneLine | None = None
    kind: UsageKind = "usage"
    sender_id: Reference | None = Field(default=None, description="The sender that it was used with, if any")
    subaccount: str | None = Field(default=None, max_length=20, description="The subaccount that used it")
    settled: bool = Field(
        default=False, description="It has already happened: it may take the balance below zero. Operators only"
    )
    currency: Currency = CURRENCY


class UsageView(Resource):
    """A charge that is posted."""

    id: str = Field(description="The transaction")
    account: str
    subaccount: str | None
    amount: Amount
    currency: str
    kind: UsageKind
    reference: str
    description: str | None
    sender_id: str | None
    settled: bool
    available: Amount = Field(description="What was available right after it")
    created_at: Moment


@router.post(
    "/v1/accounts/{account_id}/usage",
    status_code=201,
    response_model=UsageView,
)
async def charge_usage(
    account_id: str,
    body: NewUsage,
    request: Request,
    context: InContext,
    caller: Annotated[Caller, Depends(ACCESS)],
) -> Response:
    """Charge usage to the account's balance, once per ``reference``, attributed to a subaccount where one is named.

    The same reference with the same content is answered as it was the first time, with ``Idempotent-Replayed: true``;
    with other content it is refused.
    """
    usage = asked(body, account_id=account_id, caller=caller)
    with outages_answered():
        charged = await post_one(context, usage, admit=lambda: ACCESS.admit(request))
    headers = {REPLAYED_HEADER: "true"} if charged.outcome == REPLAYED else None
    shown = _shown(usage, charged, livemode=context.livemode)
    return Response(to_json(shown), status_code=201, media_type="application/json", headers=headers)


def asked(body: NewUsage, *, account_id: str, caller: Caller) -> Usage:
    """What ``caller`` may ask for: a subaccount for itself, only operators what is settled. Raises Problem."""
    if body.settled and not caller.is_operator:
        raise Problem("forbidden", "Only an operator posts settled usage.", param="settled")
    subaccount_id = body.subaccount
    if caller.kind == "subaccount":
        if subaccount_id not in {None, caller.id}:
            raise Problem("forbidden", "A subaccount posts its own usage only.", param="subaccount")
        subaccount_id = caller.id
    return Usage(
        account_id=account_id,
        subaccount_id=subaccount_id,
        reference=body.reference,
        amount=body.amount,
        kind=_KINDS[body.kind],
        description=body.description,
        sender_id=body.sender_id,
        settled=body.settled,
    )


def _shown(usage: Usage, charged: Charged, *, livemode: bool) -> dict[str, Any]:
    """A UsageView, written by hand: validating our own answer would cost as much as the charge."""
    posted_at = cast("datetime", charged.posted_at)
    return {
        "livemode": livemode,
        "id": charged.transaction_id,
        "account": usage.account_id,
        "subaccount": usage.subaccount_id,
        "amount": str(usage.amount),
        "currency": CURRENCY,
        "kind": usage.kind.name.lower(),
        "reference": usage.reference,
        "description": usage.description,
        "sender_id": usage.sender_id,
        "settled": usage.settled,
        "available": str(charged.available),
        "created_at": posted_at.isoformat().replace("+00:00", "Z"),
    }
