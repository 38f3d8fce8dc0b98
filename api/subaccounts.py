"""Subaccounts: they spend the main account's money with credentials of their own (requirements F1-F5, F7)."""

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import Depends, Query
from sqlalchemy.ext.asyncio import AsyncSession

import ledger
from api.access import Access, OwnAccount
from api.accounts import TokenRotation
from api.context import Context, InContext
from api.metadata import merged_metadata
from api.routing import router as make_router
from api.shapes import Listing
from api.subaccount_shapes import (
    CredentialsView,
    NewSubaccount,
    RotatedSubaccountToken,
    SubaccountChanges,
    SubaccountsQuery,
    SubaccountView,
    SubaccountWithToken,
    view,
)
from models.account import Account
from models.subaccount import Subaccount
from rules.access import Caller
from rules.problems import Problem
from store import accounts, audit, subaccounts

router = make_router("Subaccounts")
Owner = Annotated[Caller, Depends(Access("money", owner=True))]


@router.post("/v1/accounts/{account_id}/subaccounts", status_code=201)
async def create_subaccount(
    body: NewSubaccount, account: OwnAccount, context: InContext, caller: Owner
) -> SubaccountWithToken:
    """Make a subaccount. It may spend once it is ``enabled``, which by default it is not."""
    fields = body.model_dump(include={"name", "enabled", "sender_ids"}) | {"details": body.metadata}
    now = context.now()
    async with context.database.transaction() as session:
        owner = await accounts.lock(session, account.id)
        if owner.status == "closed":
            raise Problem("account_closed", "The account is closed.")
        row, token = await subaccounts.create(
            session, owner.id, fields=fields, pepper=context.pepper, seals=context.seals, now=now
        )
        if body.monthly_budget is not None:
            await subaccounts.set_budget(session, owner, row, limit_micros=body.monthly_budget.micros, now=now)
        await audit.record(session, caller, "subaccount.created", now=now, account_id=owner.id, object_id=row.id)
        shown = await _shown(session, context, owner, row, now=now)
    return SubaccountWithToken(**dict(shown), auth_id=row.id, auth_token=token)


@router.get("/v1/accounts/{account_id}/subaccounts", dependencies=[Depends(Access("read", owner=True))])
async def list_subaccounts(
    query: Annotated[SubaccountsQuery, Query()], account: OwnAccount, context: InContext
) -> Listing[SubaccountView]:
    """List an account's subaccounts, newest first; deleted ones only where ``status`` asks for them."""
    now = context.now()
    async with context.database.transaction() as session:
        found, more = await subaccounts.page(session, account.id, query.page, status=query.status)
        budgets = await ledger.budgets(session, account.id, [row.id for row in found])
    data = [view(account, row, budgets.get(row.id), livemode=context.livemode, now=now) for row in found]
    return Listing(data=data, has_more=more)


@router.get("/v1/accounts/{account_id}/subaccounts/{subaccount_id}", dependencies=[Depends(Access("read", owner=True))])
async def get_subaccount(subaccount_id: str, account: OwnAccount, context: InContext) -> SubaccountView:
    """Show one subaccount; a deleted one too."""
    async with context.database.transaction() as session:
        row = _known(await subaccounts.find(session, account.id, subaccount_id))
        return await _shown(session, context, account, row, now=context.now())


@router.patch("/v1/accounts/{account_id}/subaccounts/{subaccount_id}")
async def change_subaccount(
    subaccount_id: str, body: SubaccountChanges, account: OwnAccount, context: InContext, caller: Owner
) -> SubaccountView:
    """Change a subaccount. What it may do changes with the answer, in every process."""
    now = context.now()
    async with context.database.transaction() as session:
        counted = None
        if body.monthly_budget is not None and not await ledger.budgets(session, account.id, [subaccount_id]):
            counted = await subaccounts.count_month(session, account, subaccount_id, now=now)
        owner, row = await subaccounts.for_change(session, account.id, subaccount_id)
        fields: dict[str, Any] = body.model_dump(exclude_unset=True, include={"name", "enabled", "sender_ids"})
        if "metadata" in body.model_fields_set:
            fields["details"] = merged_metadata(row.details, body.metadata)
        await subaccounts.change(session, row, fields, now=now)
        if "monthly_budget" in body.model_fields_set:
            limit = None if body.monthly_budget is None else body.monthly_budget.micros
            await subaccounts.set_budget(session, owner, row, limit_micros=limit, now=now, counted=counted)
        if caller.is_operator:
            details = {"fields": sorted(body.model_fields_set)}
            await audit.record(
                session,
                caller,
                "subaccount.changed",
                now=now,
                account_id=owner.id,
                object_id=row.id,
                details=details,
            )
        return await _shown(session, context, owner, row, now=now)


@router.delete("/v1/accounts/{account_id}/subaccounts/{subaccount_id}")
async def delete_subaccount(
    subaccount_id: str, account: OwnAccount, context: InContext, caller: Owner
) -> SubaccountView:
    """Delete a subaccount. Its credentials die at once; its record and the history of its usage are kept."""
    now = context.now()
    async with context.database.transaction() as session:
        owner, row = await subaccounts.locked(session, account.id, subaccount_id)
        if row.deleted_at is None:
            await subaccounts.delete(session, row, now=now)
            await audit.record(session, caller, "subaccount.deleted", now=now, account_id=owner.id, object_id=row.id)
        return await _shown(session, context, owner, row, now=now)


@router.post("/v1/accounts/{account_id}/subaccounts/{subaccount_id}/rotate_token")
async def rotate_subaccount_token(
    subaccount_id: str, account: OwnAccount, context: InContext, caller: Owner, body: TokenRotation | None = None
) -> RotatedSubaccountToken:
    """Make a new Auth Token. At most two are valid: the one before for ``overlap_days``, any older one no longer."""
    overlap = timedelta(days=(body or TokenRotation()).overlap_days)
    now = context.now()
    async with context.database.transaction() as session:
        owner, row = await subaccounts.for_change(session, account.id, subaccount_id)
        token, until = await subaccounts.rotate_token(
            session, row, overlap=overlap, pepper=context.pepper, seals=context.seals, now=now
        )
        await audit.record(
            session,
            caller,
            "subaccount.token_rotated",
            now=now,
            account_id=owner.id,
            object_id=row.id,
            details={"overlap_days": overlap.days},
        )
        shown = await _shown(session, context, owner, row, now=now)
    return RotatedSubaccountToken(**dict(shown), auth_id=row.id, auth_token=token, previous_token_valid_until=until)


@router.get("/v1/accounts/{account_id}/subaccounts/{subaccount_id}/credentials")
async def get_subaccount_credentials(
    subaccount_id: str,
    account: OwnAccount,
    context: InContext,
    caller: Annotated[Caller, Depends(Access("read", owner=True, operators=False))],
) -> CredentialsView:
    """Show a subaccount's credentials to its main account alone. Each time is written into the audit log."""
    now = context.now()
    async with context.database.transaction() as session:
        row = _known(await subaccounts.find(session, account.id, subaccount_id))
        token = await subaccounts.open_token(session, row, seals=context.seals)
        await audit.record(
            session, caller, "subaccount.credentials_opened", now=now, account_id=account.id, object_id=row.id
        )
    return CredentialsView(auth_id=row.id, auth_token=token, livemode=context.livemode)


async def _shown(
    session: AsyncSession, context: Context, account: Account, row: Subaccount, *, now: datetime
) -> SubaccountView:
    budgets = await ledger.budgets(session, account.id, [row.id])
    return view(account, row, budgets.get(row.id), livemode=context.livemode, now=now)


def _known(row: Subaccount | None) -> Subaccount:
    if row is None:
        raise Problem("not_found", "The account has no such subaccount.")
    return row
