"""Accounts: opened by operators, changed by their owners, suspended by operators; and their Auth Tokens."""

import zoneinfo
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import Depends, Query
from pydantic import AfterValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from api.access import Access, OwnAccount
from api.context import InContext
from api.metadata import merged_metadata
from api.paging import ListQuery
from api.routing import router as make_router
from api.shapes import (
    Line,
    LineOrEmpty,
    Listing,
    Metadata,
    MetadataKey,
    MetadataValue,
    Moment,
    Reason,
    Reference,
    Resource,
    Shape,
    like,
)
from models.account import Account
from rules.access import Caller
from rules.problems import Problem
from store import accounts, audit

router = make_router("Accounts")
# A plain address: what every mail server takes, and nothing that could start another header or recipient.
_EMAIL = r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$"
_ZONES = frozenset(zoneinfo.available_timezones())
NULLABLE = {"external_id", "metadata"}


def _timezone(name: str) -> str:
    if name not in _ZONES:
        raise PydanticCustomError("timezone", "must be a time zone of the IANA database such as America/New_York")
    return name


Email = Annotated[
    str,
    StringConstraints(max_length=254),
    like(_EMAIL, "must be an e-mail address such as ada@example.com: no name, no spaces, plain letters"),
    Field(json_schema_extra={"pattern": _EMAIL}),
]
Timezone = Annotated[str, AfterValidator(_timezone), Field(examples=["America/New_York"])]


class NewAccount(Shape):
    """An account to be opened."""

    name: Line
    email: Email
    timezone: Timezone = "UTC"
    external_id: Reference | None = Field(default=None, description="Your own identifier of this customer, unique")
    address: LineOrEmpty = ""
    city: LineOrEmpty = ""
    state: LineOrEmpty = ""
    metadata: Metadata = Field(default_factory=dict)


class AccountChanges(Shape):
    """Fields to be changed; those left out stay. ``metadata`` is merged: null or "" takes a key out, null takes all."""

    name: Line | None = None
    email: Email | None = None
    timezone: Timezone | None = None
    external_id: Reference | None = None
    address: LineOrEmpty | None = None
    city: LineOrEmpty | None = None
    state: LineOrEmpty | None = None
    metadata: dict[MetadataKey, MetadataValue | None] | None = None
    status: Literal["active", "suspended"] | None = Field(default=None, description="Operators only, with a reason")
    reason: Reason | None = Field(default=None, description="Why the status is changed")

    @model_validator(mode="after")
    def _whole(self) -> "AccountChanges":
        for name in self.model_fields_set - NULLABLE:
            if getattr(self, name) is None:
                raise PydanticCustomError("null", "{name} cannot be null", {"name": name})
        if (self.status is None) != (self.reason is None):
            raise PydanticCustomError("reason", "status and reason are given together")
        return self


class TokenRotation(Shape):
    """How long the token before stays valid."""

    overlap_days: int = Field(default=1, ge=0, le=7, description="0: the token before dies at once")


class AccountView(Resource):
    """An account. ``status`` is what an operator decided; the balance's ``status`` tells ``exhausted`` too."""

    id: str = Field(description="The Auth ID")
    external_id: str | None
    name: str
    email: str
    timezone: str
    address: str
    city: str
    state: str
    currency: str
    status: Literal["active", "suspended", "closed"]
    status_reason: str | None
    sender_ids: list[str] | None = Field(description="Senders its own usage may name; null: any, empty: none")
    metadata: dict[str, str]
    created_at: Moment


class AccountWithToken(AccountView):
    """An account with its new Auth Token, which is not shown again."""

    auth_id: str
    auth_token: str


class RotatedToken(AccountWithToken):
    """An account with its new Auth Token, and how long the one before is still valid."""

    previous_token_valid_until: Moment | None


class AccountsQuery(ListQuery):
    """Filters of accounts."""

    status: Literal["active", "suspended", "closed"] | None = None
    external_id: Reference | None = None


def shown_fields(account: Account, *, livemode: bool) -> dict[str, Any]:
    """The fields of an AccountView."""
    return account.model_dump(exclude={"details", "customer", "status_changed_at"}) | {
        "metadata": account.details,
        "livemode": livemode,
    }


@router.post("/v1/accounts", status_code=201)
async def open_account(
    body: NewAccount, context: InContext, caller: Annotated[Caller, Depends(Access("money"))]
) -> AccountWithToken:
    """Open an account. The Auth Token in the answer is shown this once."""
    fields = body.model_dump(exclude={"metadata"}) | {"details": body.metadata}
    now = context.now()
    async with context.database.transaction() as session:
        account, token = await accounts.open_account(session, fields=fields, pepper=context.pepper, now=now)
        await audit.record(session, caller, "account.opened", now=now, account_id=account.id)
    shown = shown_fields(account, livemode=context.livemode)
    return AccountWithToken(**shown, auth_id=account.id, auth_token=token)


@router.get("/v1/accounts", dependencies=[Depends(Access("read"))])
async def list_accounts(query: Annotated[AccountsQuery, Query()], context: InContext) -> Listing[AccountView]:
    """List accounts, newest first."""
    async with context.database.transaction() as session:
        found, more = await accounts.page(session, query.page, status=query.status, external_id=query.external_id)
    return Listing(data=[AccountView(**shown_fields(row, livemode=context.livemode)) for row in found], has_more=more)


@router.get("/v1/accounts/{account_id}", dependencies=[Depends(Access("read", owner=True))])
async def get_account(account: OwnAccount, context: InContext) -> AccountView:
    """Show one account."""
    return AccountView(**shown_fields(account, livemode=context.livemode))


@router.patch("/v1/accounts/{account_id}")
async def change_account(
    body: AccountChanges,
    account: OwnAccount,
    context: InContext,
    caller: Annotated[Caller, Depends(Access("money", owner=True))],
) -> AccountView:
    """Change an account. Its status is changed by operators only, and with a reason."""
    if body.status is not None and not caller.is_operator:
        raise Problem("forbidden", "Only an operator changes an account's status.", param="status")
    now = context.now()
    async with context.database.transaction() as session:
        locked = await accounts.lock(session, account.id)
        if locked.status == "closed":
            raise Problem("account_closed", "The account is closed.")
        changes = _changes(body, locked, now=now)
        await accounts.change(session, locked, changes, now=now)
        action = {"suspended": "account.suspended", "active": "account.activated"}.get(
            body.status or "", "account.changed"
        )
        if caller.is_operator:
            details = {"fields": sorted(body.model_fields_set - {"reason"}), "reason": body.reason}
            await audit.record(session, caller, action, now=now, account_id=locked.id, details=details)
    return AccountView(**shown_fields(locked, livemode=context.livemode))


@router.post("/v1/accounts/{account_id}/rotate_token")
async def rotate_token(
    account: OwnAccount,
    context: InContext,
    caller: Annotated[Caller, Depends(Access("money", owner=True))],
    body: TokenRotation | None = None,
) -> RotatedToken:
    """Make a new Auth Token. At most two are valid: the one before for ``overlap_days``, any older one no longer."""
    overlap = timedelta(days=(body or TokenRotation()).overlap_days)
    now = context.now()
    async with context.database.transaction() as session:
        locked = await accounts.lock(session, account.id)
        if locked.status == "closed":
            raise Problem("account_closed", "The account is closed.")
        token, until = await accounts.rotate_token(session, locked.id, overlap=overlap, pepper=context.pepper, now=now)
        details = {"overlap_days": overlap.days}
        await audit.record(session, caller, "account.token_rotated", now=now, account_id=locked.id, details=details)
    shown = shown_fields(locked, livemode=context.livemode)
    return RotatedToken(**shown, auth_id=locked.id, auth_token=token, previous_token_valid_until=until)


def _changes(body: AccountChanges, account: Account, *, now: datetime) -> dict[str, Any]:
    """Columns to set, from the fields that were sent."""
    changes = body.model_dump(exclude_unset=True, exclude={"metadata", "reason"})
    if body.status is not None:
        changes["status_reason"] = body.reason if body.status == "suspended" else None
        if body.status != account.status:
            changes["status_changed_at"] = now
    if "metadata" in body.model_fields_set:
        changes["details"] = merged_metadata(account.details, body.metadata)
    return changes
