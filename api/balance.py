"""An account's balance: what may be spent, what is on its way, and why."""

from datetime import date

from fastapi import Depends
from pydantic import BaseModel, Field

import ledger
from api.access import Access, OwnAccount
from api.context import InContext
from api.routing import router as make_router
from api.shapes import Amount, Moment, Resource
from models.recharge import Recharge
from rules import balance
from rules.money import CURRENCY, Money
from store.pending import pending_items
from store.retention import running_clock

router = make_router("Balance")


class PendingItem(BaseModel):
    """A recharge whose money is on its way."""

    recharge: str
    amount: Amount
    expected_on: date | None = Field(description="The banking day on which its success or failure is known")
    why: str


class BalanceReasons(BaseModel):
    """Why each part is what it is."""

    posted: str
    available: str
    pending: str
    provisional: str
    held: str
    at_risk: str


class BalanceView(Resource):
    """The balance of an account. ``available`` = ``posted`` + ``provisional`` - ``held`` alone decides about usage."""

    account: str
    currency: str
    status: balance.Status
    available: Amount
    posted: Amount
    pending: Amount
    provisional: Amount
    held: Amount
    at_risk: Amount
    retention_ends_at: Moment | None = Field(
        description="While nothing is left to spend: until when the account's numbers are kept"
    )
    pending_items: list[PendingItem]
    why: BalanceReasons


@router.get("/v1/accounts/{account_id}/balance", dependencies=[Depends(Access("read", owner=True))])
async def get_balance(account: OwnAccount, context: InContext) -> BalanceView:
    """Show what an account may spend, what is on its way, and why."""
    async with context.database.transaction() as session:
        book = await ledger.balances(session, account.id)
        unfinished = await pending_items(session, account.id)
        # Money ends the clock at once, though its row hears of it a moment later.
        clock = await running_clock(session, account.id) if book and book.available <= 0 else None
    if book is None:
        raise LookupError("an account without a balance row")
    # What waits for the customer is not on its way: it may never come.
    pending = [recharge for recharge in unfinished if recharge.status == "processing"]
    awaited = sum(Money.from_cents(recharge.amount_cents).micros for recharge in unfinished if recharge not in pending)
    available, posted = Money(book.available), Money(book.posted)
    provisional, held = Money(book.provisional), Money(book.held)
    why = balance.reasons(posted=posted, provisional=provisional, held=held, pending_count=len(pending))
    return BalanceView(
        livemode=context.livemode,
        account=account.id,
        currency=CURRENCY,
        status=balance.status(account_status=account.status, available=available),
        available=available,
        posted=posted,
        pending=Money(book.arriving - awaited),
        provisional=provisional,
        held=held,
        at_risk=Money(book.at_risk),
        retention_ends_at=None if clock is None else clock.ends_at,
        pending_items=[_item(recharge) for recharge in pending],
        why=BalanceReasons(**why),
    )


def _item(recharge: Recharge) -> PendingItem:
    why = recharge.expected_why or "The processor has not answered yet."
    return PendingItem(
        recharge=recharge.id, amount=Money.from_cents(recharge.amount_cents), expected_on=recharge.expected_on, why=why
    )
