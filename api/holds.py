"""Holds: money reserved before a long call, then captured, released, or freed when it expires (requirement H6)."""

from typing import Annotated, Literal

from fastapi import Depends, Query, Response
from pydantic import Field

from api.access import Access, OwnAccount
from api.charging import refusal_of
from api.context import Context, InContext
from api.idempotency import REPLAYED
from api.paging import ListQuery
from api.routing import router as make_router
from api.shapes import Amount, AmountAboveZero, Currency, Listing, Moment, OneLine, Reference, Resource, Shape
from models.hold import Hold
from rules.access import Caller
from rules.money import CURRENCY, Money
from rules.problems import Problem
from store import holds

router = make_router("Holds")
_PATH = "/v1/accounts/{account_id}/holds"
Status = Literal["open", "captured", "released", "expired"]


class NewHold(Shape):
    """Money to be reserved."""

    amount: AmountAboveZero
    reference: Reference = Field(description="Your own identifier: one space with usage, the same for each retry")
    expires_in: int = Field(ge=1, le=86400, description="Seconds until what was not captured is freed by itself")
    currency: Currency = CURRENCY
    subaccount: str | None = Field(default=None, max_length=20, description="The subaccount that will use it")
    sender_id: Reference | None = Field(default=None, description="The sender that it will be used with, if any")
    description: OneLine | None = None


class Capture(Shape):
    """How much of a hold is charged."""

    amount: AmountAboveZero | None = Field(default=None, description="Without it the whole hold")
    settled: bool = Field(default=False, description="Operators only: may be more than is held, and below zero")


class HoldView(Resource):
    """A hold."""

    id: str
    account: str
    subaccount: str | None
    reference: str
    amount: Amount
    currency: str
    status: Status
    amount_captured: Amount = Field(description="What was charged; 0.00 unless it is `captured`")
    settled: bool = Field(description="Whether it was captured as settled usage")
    sender_id: str | None
    description: str | None
    created_at: Moment
    expires_at: Moment
    ended_at: Moment | None = Field(description="When it was captured or released, or when it expired")


class HoldsQuery(ListQuery):
    """Filters of holds."""

    status: Status | None = None


@router.post(_PATH, status_code=201)
async def reserve(
    body: NewHold,
    account: OwnAccount,
    context: InContext,
    caller: Annotated[Caller, Depends(Access("usage", owner=True, subaccount=True))],
    response: Response,
) -> HoldView:
    """Reserve money for usage that is about to happen. It is out of ``available`` until the hold ends.

    The same reference with the same content is the same hold: its present state is answered.
    """
    own = _own(caller)
    if own is not None and body.subaccount not in {None, own}:
        raise Problem("forbidden", "A subaccount reserves for its own usage only.", param="subaccount")
    new = holds.NewHold(
        account_id=account.id,
        reference=body.reference,
        amount=body.amount,
        expires_in=body.expires_in,
        subaccount_id=own or body.subaccount,
        sender_id=body.sender_id,
        description=body.description,
    )
    async with context.database.transaction() as session:
        answer = await holds.reserve(session, new, now=context.now())
    if isinstance(answer, holds.Refused):
        raise refusal_of(answer.code, available=answer.available)
    return _answered(context, answer, response)


@router.get(_PATH)
async def list_holds(
    query: Annotated[HoldsQuery, Query()],
    account: OwnAccount,
    context: InContext,
    caller: Annotated[Caller, Depends(Access("read", owner=True, subaccount=True))],
) -> Listing[HoldView]:
    """List holds, newest first. A subaccount sees its own."""
    async with context.database.transaction() as session:
        found, more = await holds.page(
            session,
            query.page,
            account_id=account.id,
            now=context.now(),
            status=query.status,
            subaccount_id=_own(caller),
        )
    return Listing(data=[_shown(context, row) for row in found], has_more=more)


@router.get(_PATH + "/{hold_id}")
async def get_hold(
    hold_id: str,
    account: OwnAccount,
    context: InContext,
    caller: Annotated[Caller, Depends(Access("read", owner=True, subaccount=True))],
) -> HoldView:
    """Show one hold."""
    async with context.database.transaction() as session:
        row = await holds.find(session, account_id=account.id, hold_id=hold_id, subaccount_id=_own(caller))
    if row is None:
        raise Problem("not_found", "The account has no such hold.")
    return _shown(context, row)


@router.post(_PATH + "/{hold_id}/capture")
async def capture_hold(
    hold_id: str,
    account: OwnAccount,
    context: InContext,
    caller: Annotated[Caller, Depends(Access("usage", owner=True, subaccount=True))],
    response: Response,
    body: Capture | None = None,
) -> HoldView:
    """Charge the hold, or part of it, and free the rest. It ends the hold; the same capture again is answered again.

    More than is held is taken only as settled usage. A hold of an account or subaccount that was suspended or disabled
    since is captured all the same: the money was reserved while that was allowed.
    """
    body = body or Capture()
    if body.settled and not caller.is_operator:
        raise Problem("forbidden", "Only an operator captures settled usage.", param="settled")
    async with context.database.transaction() as session:
        kept = await holds.capture(
            session,
            account_id=account.id,
            hold_id=hold_id,
            amount=body.amount,
            settled=body.settled,
            now=context.now(),
            subaccount_id=_own(caller),
        )
    return _answered(context, kept, response)


@router.post(_PATH + "/{hold_id}/release")
async def release_hold(
    hold_id: str,
    account: OwnAccount,
    context: InContext,
    caller: Annotated[Caller, Depends(Access("usage", owner=True, subaccount=True))],
    response: Response,
) -> HoldView:
    """Free the hold without a charge. The same again is answered again."""
    async with context.database.transaction() as session:
        kept = await holds.release(
            session, account_id=account.id, hold_id=hold_id, now=context.now(), subaccount_id=_own(caller)
        )
    return _answered(context, kept, response)


def _own(caller: Caller) -> str | None:
    """The subaccount that sees and ends its own holds only; None for those who see all of the account's."""
    return caller.id if caller.kind == "subaccount" else None


def _answered(context: Context, kept: holds.Kept, response: Response) -> HoldView:
    if kept.replayed:
        response.headers[REPLAYED] = "true"
    return _shown(context, kept.hold)


def _shown(context: Context, row: Hold) -> HoldView:
    status, ended_at = holds.state(row, now=context.now())
    return HoldView(
        id=row.id,
        account=row.account_id,
        subaccount=row.subaccount_id,
        reference=row.reference,
        amount=Money(row.amount_micros),
        currency=CURRENCY,
        status=status,
        amount_captured=Money(row.captured_micros or 0),
        settled=row.capture_settled,
        sender_id=row.sender_id,
        description=row.description,
        created_at=row.created_at,
        expires_at=row.expires_at,
        ended_at=ended_at,
        livemode=context.livemode,
    )
