"""Subaccounts in Plivo's form. Their Auth Tokens are shown to the main account; each showing is in the audit log."""

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncSession

from api.access import OwnAccount
from api.context import Context, InContext
from api.plivo.access import MainAccount
from api.plivo.access import router as make_router
from api.plivo.account import PATH as ACCOUNT_PATH
from api.plivo.shapes import Addressed, Answer, Changed, Flag, account_uri, api_id, day
from api.shapes import Line, Shape
from models.subaccount import Subaccount
from rules.access import Caller
from rules.problems import Problem
from store import accounts, audit, subaccounts

router = make_router()
PATH = f"{ACCOUNT_PATH}Subaccount/"
ONE_PATH = f"{PATH}{{subaccount_id}}/"
MAX_LIMIT = 20
_LAST_OFFSET = (1 << 63) - 1
Reader = Annotated[Caller, Depends(MainAccount("read"))]
Writer = Annotated[Caller, Depends(MainAccount("money"))]


class NewPlivoSubaccount(Shape):
    """A subaccount to be made."""

    name: Line
    enabled: Flag = False


class PlivoSubaccountUpdate(Addressed):
    """What a subaccount shall be. The Python SDK sends ``enabled`` false where its caller left it out."""

    name: Line
    enabled: Flag | None = Field(default=None, description="Left out or null: as it is")


class PlivoSubaccountDeletion(Addressed):
    """What Plivo's clients may say."""

    cascade: Flag | None = Field(default=None, description="Of no effect: subaccounts own nothing here")


class PlivoCredentials(Answer):
    """The answer to a new subaccount: its credentials."""

    auth_id: str
    auth_token: str
    message: Literal["created"] = "created"


class PlivoSubaccount(BaseModel):
    """A subaccount, as a list of the SDK shows it."""

    account: str
    auth_id: str
    auth_token: str = Field(description="The newest Auth Token")
    created: date = Field(description="In UTC")
    enabled: bool
    modified: date | None = Field(description="In UTC")
    name: str
    resource_uri: str


class OnePlivoSubaccount(PlivoSubaccount, Answer):
    """A subaccount alone."""


class PlivoMeta(BaseModel):
    """Where a page of a list is, and what is beside it."""

    limit: int
    offset: int
    total_count: int
    next: str | None = Field(description="Path and query of the next (older) page")
    previous: str | None


class PlivoSubaccounts(Answer):
    """A page of subaccounts, newest first."""

    meta: PlivoMeta
    objects: list[PlivoSubaccount]


class PlivoListQuery(BaseModel):
    """Which page is asked for."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(default=MAX_LIMIT, ge=1, le=MAX_LIMIT, description="How many subaccounts")
    offset: int = Field(default=0, ge=0, le=_LAST_OFFSET, description="How many of the newest to pass over")


@router.post(PATH, status_code=201)
async def create_plivo_subaccount(
    body: NewPlivoSubaccount, request: Request, account: OwnAccount, context: InContext, caller: Writer
) -> PlivoCredentials:
    """Make a subaccount, disabled unless asked for otherwise."""
    now = context.now()
    async with context.database.transaction() as session:
        locked = await accounts.lock(session, account.id)
        if locked.status == "closed":
            raise Problem("account_closed", "The account is closed.")
        row, token = await subaccounts.create(
            session, account.id, fields=body.model_dump(), pepper=context.pepper, seals=context.seals, now=now
        )
        await audit.record(session, caller, "subaccount.created", now=now, account_id=account.id, object_id=row.id)
    return PlivoCredentials(api_id=api_id(request), auth_id=row.id, auth_token=token)


@router.get(PATH)
async def list_plivo_subaccounts(
    query: Annotated[PlivoListQuery, Query()],
    request: Request,
    account: OwnAccount,
    context: InContext,
    caller: Reader,
) -> PlivoSubaccounts:
    """List the subaccounts, newest first, each with its Auth Token."""
    async with context.database.transaction() as session:
        await _see_one_moment(session)
        total = await subaccounts.count(session, account.id)
        rows = await subaccounts.at_offset(session, account.id, limit=query.limit, offset=query.offset)
        shown = [PlivoSubaccount(**await _opened(session, row, caller, context)) for row in rows]
    return PlivoSubaccounts(api_id=api_id(request), meta=_meta(account.id, query, total=total), objects=shown)


@router.get(ONE_PATH)
async def get_plivo_subaccount(
    subaccount_id: str, request: Request, account: OwnAccount, context: InContext, caller: Reader
) -> OnePlivoSubaccount:
    """Show a subaccount with its Auth Token."""
    async with context.database.transaction() as session:
        await _see_one_moment(session)
        row = _present(await subaccounts.find(session, account.id, subaccount_id))
        shown = await _opened(session, row, caller, context)
    return OnePlivoSubaccount(api_id=api_id(request), **shown)


@router.post(ONE_PATH, status_code=202, dependencies=[Depends(MainAccount("money"))])
async def update_plivo_subaccount(
    subaccount_id: str, body: PlivoSubaccountUpdate, request: Request, account: OwnAccount, context: InContext
) -> Changed:
    """Give a subaccount another name, enable or disable it."""
    body.check_address(subaccount_id)
    async with context.database.transaction() as session:
        _, found = await subaccounts.locked(session, account.id, subaccount_id)
        row = _present(found)
        fields = body.model_dump(exclude_none=True, exclude={"auth_id"})
        await subaccounts.change(session, row, fields, now=context.now())
    return Changed(api_id=api_id(request))


@router.delete(ONE_PATH, status_code=204)
async def delete_plivo_subaccount(
    subaccount_id: str,
    account: OwnAccount,
    context: InContext,
    caller: Writer,
    body: PlivoSubaccountDeletion | None = None,
) -> None:
    """Delete a subaccount: its credentials end at once, its history stays."""
    if body is not None:
        body.check_address(subaccount_id)
    now = context.now()
    async with context.database.transaction() as session:
        _, found = await subaccounts.locked(session, account.id, subaccount_id)
        row = _present(found)
        await subaccounts.delete(session, row, now=now)
        await audit.record(session, caller, "subaccount.deleted", now=now, account_id=account.id, object_id=row.id)


def _present(row: Subaccount | None) -> Subaccount:
    """A subaccount that is not deleted: Plivo's clients know no others."""
    if row is None or row.deleted_at is not None:
        raise Problem("not_found", "The account has no such subaccount.")
    return row


async def _see_one_moment(session: AsyncSession) -> None:
    """Let a beginning transaction see the present alone: what it finds has its token, whoever deletes it meanwhile."""
    await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})


async def _opened(session: AsyncSession, row: Subaccount, caller: Caller, context: Context) -> dict[str, Any]:
    """The members of a subaccount, with its token opened for ``caller``, which is written down."""
    await audit.record(
        session,
        caller,
        "subaccount.credentials_opened",
        now=context.now(),
        account_id=row.account_id,
        object_id=row.id,
    )
    return {
        "account": account_uri(row.account_id),
        "auth_id": row.id,
        "auth_token": await subaccounts.open_token(session, row, seals=context.seals),
        "created": day(row.created_at),
        "enabled": row.enabled,
        "modified": None if row.modified_at is None else day(row.modified_at),
        "name": row.name,
        "resource_uri": f"{account_uri(row.account_id)}Subaccount/{row.id}/",
    }


def _meta(account_id: str, query: PlivoListQuery, *, total: int) -> PlivoMeta:
    def page(offset: int) -> str:
        return f"{account_uri(account_id)}Subaccount/?limit={query.limit}&offset={offset}"

    after, before = query.offset + query.limit, max(query.offset - query.limit, 0)
    return PlivoMeta(
        limit=query.limit,
        offset=query.offset,
        total_count=total,
        next=page(after) if after < total else None,
        previous=page(before) if query.offset else None,
    )
