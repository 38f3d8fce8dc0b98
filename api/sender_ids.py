"""Sender lists: what usage of an account, or of one of its subaccounts, may call its sender (requirement F5)."""

from typing import Annotated

from fastapi import Depends
from pydantic import Field

import ledger
from api.access import Access, OwnAccount
from api.accounts import AccountView, shown_fields
from api.context import InContext
from api.routing import router as make_router
from api.shapes import SenderIds, Shape
from api.subaccount_shapes import SubaccountView, view
from rules.access import Caller
from rules.problems import Problem
from store import accounts, audit, subaccounts

router = make_router("Sender lists")
Owner = Annotated[Caller, Depends(Access("money", owner=True))]


class SenderList(Shape):
    """The whole list. Usage that names a sender which is not on it is refused; usage that names none passes."""

    sender_ids: SenderIds | None = Field(description="null: no list, any sender may be named; empty: none may be")


@router.put("/v1/accounts/{account_id}/sender_ids")
async def set_sender_ids(body: SenderList, account: OwnAccount, context: InContext, caller: Owner) -> AccountView:
    """Set an account's own list. It binds the account's own usage alone, not that of its subaccounts."""
    now = context.now()
    async with context.database.transaction() as session:
        locked = await accounts.lock(session, account.id)
        if locked.status == "closed":
            raise Problem("account_closed", "The account is closed.")
        await accounts.change(session, locked, {"sender_ids": body.sender_ids}, now=now)
        if caller.is_operator:
            await audit.record(session, caller, "account.sender_ids_set", now=now, account_id=locked.id)
    return AccountView(**shown_fields(locked, livemode=context.livemode))


@router.put("/v1/accounts/{account_id}/subaccounts/{subaccount_id}/sender_ids")
async def set_subaccount_sender_ids(
    subaccount_id: str, body: SenderList, account: OwnAccount, context: InContext, caller: Owner
) -> SubaccountView:
    """Set a subaccount's list."""
    now = context.now()
    async with context.database.transaction() as session:
        owner, row = await subaccounts.for_change(session, account.id, subaccount_id)
        await subaccounts.change(session, row, {"sender_ids": body.sender_ids}, now=now)
        if caller.is_operator:
            await audit.record(
                session, caller, "subaccount.sender_ids_set", now=now, account_id=owner.id, object_id=row.id
            )
        budgets = await ledger.budgets(session, owner.id, [row.id])
    return view(owner, row, budgets.get(row.id), livemode=context.livemode, now=now)
