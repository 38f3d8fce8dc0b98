"""Cards on file: attached by the processor's token, shown, made the default, detached."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import Depends, Query
from pydantic import BaseModel, Field

from api.access import Access, OwnAccount
from api.context import Context, InContext
from api.handing import hand_over_now
from api.paging import ListQuery
from api.routing import router as make_router
from api.shapes import Listing, Moment, Resource, Shape, like
from api.waiting import until
from models.account import Account
from models.card import Card
from rules.access import Caller
from rules.problems import Problem
from store import audit, cards

router = make_router("Cards")
#: A token of the processor: letters, digits and underscores, never a number.
_SPELLED = r"^[A-Za-z][A-Za-z0-9]*_[A-Za-z0-9_]{1,240}$"
Token = Annotated[
    str,
    like(_SPELLED, "must be the processor's token of a payment method, such as pm_card_visa"),
    Field(examples=["pm_card_visa"], json_schema_extra={"pattern": _SPELLED}),
]


class NewCard(Shape):
    """A card to be put on file."""

    payment_method: Token = Field(description="The processor's token of the card")


class FailureView(BaseModel):
    """Why something failed, and what trying again takes."""

    code: str
    message: str
    retry: Literal["later", "other_method", "with_customer"] = Field(
        description="`later`: the same method may be tried again; `other_method`: it may not; "
        "`with_customer`: only while the customer is there"
    )


class CardView(Resource):
    """A card on file."""

    id: str
    brand: str | None
    last4: str | None
    exp_month: int | None
    exp_year: int | None
    default: bool
    status: Literal["attaching", "active", "failed", "removed"]
    failure: FailureView | None
    created_at: Moment


class CardsQuery(ListQuery):
    """Filters of cards."""

    status: Literal["attaching", "active", "failed", "removed"] | None = None


def _view(card: Card, *, livemode: bool) -> CardView:
    removing = card.removal_requested_at is not None and card.status == "active"
    fields: dict[str, Any] = card.model_dump() | {"status": "removed" if removing else card.status}
    return CardView(**{name: fields[name] for name in CardView.model_fields if name in fields},
                    default=card.is_default, livemode=livemode)  # fmt: skip


@router.post("/v1/accounts/{account_id}/cards", status_code=201)
async def add_card(
    body: NewCard,
    account: OwnAccount,
    context: InContext,
    caller: Annotated[Caller, Depends(Access("money", owner=True))],
) -> CardView:
    """Put a card on file. The first one is the default. The same token again is the same card.

    A card that the processor refuses is answered with status ``failed`` and its ``failure``.
    """
    _refuse_closed(account)
    now = context.now()
    async with context.database.transaction() as session:
        asked = await cards.add(session, account_id=account.id, token=body.payment_method, now=now)
        if asked.outbox_id is not None and caller.is_operator:
            await audit.record(session, caller, "card.added", now=now, account_id=account.id, object_id=asked.card.id)
    await hand_over_now(context, asked.outbox_id)
    card = await _settled(context, asked.card, done=lambda row: row.status != "attaching")
    if card.status == "attaching":
        raise Problem(
            "unavailable", "The processor has not answered yet. The same request again joins this one.",
            retry_after_seconds=5,
        )  # fmt: skip
    if card.failure is not None and card.failure["code"] in _REFUSED:
        raise Problem("payment_method_refused", _REFUSED[card.failure["code"]], param="payment_method", card=card.id)
    return _view(card, livemode=context.livemode)


@router.get("/v1/accounts/{account_id}/cards", dependencies=[Depends(Access("read", owner=True))])
async def list_cards(
    query: Annotated[CardsQuery, Query()], account: OwnAccount, context: InContext
) -> Listing[CardView]:
    """List cards, newest first, removed and failed ones too."""
    async with context.database.transaction() as session:
        found, more = await cards.page(session, query.page, account_id=account.id, status=query.status)
    return Listing(data=[_view(card, livemode=context.livemode) for card in found], has_more=more)


@router.get("/v1/accounts/{account_id}/cards/{card_id}", dependencies=[Depends(Access("read", owner=True))])
async def get_card(card_id: str, account: OwnAccount, context: InContext) -> CardView:
    """Show one card."""
    async with context.database.transaction() as session:
        card = await cards.find(session, account_id=account.id, card_id=card_id)
    return _view(_known(card), livemode=context.livemode)


@router.post("/v1/accounts/{account_id}/cards/{card_id}/default")
async def make_default(
    card_id: str,
    account: OwnAccount,
    context: InContext,
    caller: Annotated[Caller, Depends(Access("money", owner=True))],
) -> CardView:
    """Make a card the default."""
    _refuse_closed(account)
    now = context.now()
    async with context.database.transaction() as session:
        card = _known(await cards.locked(session, account_id=account.id, card_id=card_id))
        if card.status != "active" or card.removal_requested_at is not None:
            raise Problem("payment_method_not_usable", "Only an active card can be the default.", param="card_id")
        await cards.make_default(session, card, now=now)
        if caller.is_operator:
            await audit.record(session, caller, "card.made_default", now=now, account_id=account.id, object_id=card.id)
    return _view(card, livemode=context.livemode)


@router.delete("/v1/accounts/{account_id}/cards/{card_id}")
async def remove_card(
    card_id: str,
    account: OwnAccount,
    context: InContext,
    caller: Annotated[Caller, Depends(Access("money", owner=True))],
) -> CardView:
    """Take a card off file. From the answer on it is not charged any more; a removed one stays in the list."""
    now = context.now()
    async with context.database.transaction() as session:
        card = _known(await cards.locked(session, account_id=account.id, card_id=card_id))
        asked = await cards.ask_removal(session, card, now=now)
        if asked.outbox_id is not None and caller.is_operator:
            await audit.record(session, caller, "card.removed", now=now, account_id=account.id, object_id=card.id)
    await hand_over_now(context, asked.outbox_id)
    card = await _settled(context, asked.card, done=lambda row: row.status == "removed")
    return _view(card, livemode=context.livemode)


async def _settled(context: Context, card: Card, *, done: Callable[[Card], bool]) -> Card:
    found = await until(
        context,
        channel="prepay_card",
        record_id=card.id,
        read=lambda session: cards.find(session, account_id=card.account_id, card_id=card.id),
        done=lambda row: row is None or done(row),
    )
    return found or card


def _known(card: Card | None) -> Card:
    if card is None:
        raise Problem("not_found", "The account has no such card.")
    return card


def _refuse_closed(account: Account) -> None:
    if account.status == "closed":
        raise Problem("account_closed", "The account is closed.")


# A request that was wrong, as against a card that was declined.
_REFUSED = {
    "resource_missing": "The processor does not know this payment method.",
    "payment_method_not_a_card": "This payment method is not a card.",
    "payment_method_already_attached": "This payment method belongs to another customer.",
    "invalid_request_error": "The processor refuses this payment method.",
}
