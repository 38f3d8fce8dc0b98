"""The main account in Plivo's form."""

from typing import Literal

from fastapi import Depends, Request
from pydantic import Field

import ledger
from api.access import OwnAccount
from api.context import InContext
from api.plivo.access import MainAccount
from api.plivo.access import router as make_router
from api.plivo.errors import PREFIX
from api.plivo.shapes import Addressed, Answer, Changed, account_uri, api_id
from api.shapes import Line, LineOrEmpty
from rules.problems import Problem
from store import accounts, auto_recharge

router = make_router()
PATH = f"{PREFIX}{{account_id}}/"
#: The Node SDK puts an empty part at the end of the path.
PATH_OF_NODE = f"{PATH}/"
_MICROS, _PLACES = 10, 100_000


class AccountUpdate(Addressed):
    """Fields to be changed; the SDK sends null for those that stay."""

    name: Line | None = None
    city: LineOrEmpty | None = None
    address: LineOrEmpty | None = None


class PlivoAccount(Answer):
    """An account, as the SDK shows it."""

    account_type: Literal["standard"] = "standard"
    address: str
    auth_id: str
    auto_recharge: bool = Field(description="Whether the balance is filled up by itself")
    billing_mode: Literal["prepaid"] = "prepaid"
    cash_credits: str = Field(
        description="What may be spent, in dollars of five places, rounded down; may be negative", examples=["1.80900"]
    )
    city: str
    name: str
    resource_uri: str
    state: str
    timezone: str


@router.get(PATH_OF_NODE, dependencies=[Depends(MainAccount("read"))], include_in_schema=False)
@router.get(PATH, dependencies=[Depends(MainAccount("read"))])
async def get_plivo_account(request: Request, account: OwnAccount, context: InContext) -> PlivoAccount:
    """Show the account and what it may spend."""
    async with context.database.transaction() as session:
        book = await ledger.balances(session, account.id)
        chosen = await auto_recharge.get(session, account.id)
    if book is None:
        raise LookupError("an account without a balance row")
    return PlivoAccount(
        api_id=api_id(request),
        address=account.address,
        auth_id=account.id,
        auto_recharge=chosen is not None and chosen.enabled,
        cash_credits=cash_credits(book.available),
        city=account.city,
        name=account.name,
        resource_uri=account_uri(account.id),
        state=account.state,
        timezone=account.timezone,
    )


@router.post(
    PATH_OF_NODE,
    status_code=202,
    dependencies=[Depends(MainAccount("money"))],
    include_in_schema=False,
)
@router.post(PATH, status_code=202, dependencies=[Depends(MainAccount("money"))])
async def update_plivo_account(
    body: AccountUpdate, request: Request, account: OwnAccount, context: InContext
) -> Changed:
    """Change name, city or address; what is null or left out stays."""
    body.check_address(account.id)
    async with context.database.transaction() as session:
        locked = await accounts.lock(session, account.id)
        if locked.status == "closed":
            raise Problem("account_closed", "The account is closed.")
        fields = body.model_dump(exclude_none=True, exclude={"auth_id"})
        await accounts.change(session, locked, fields, now=context.now())
    return Changed(api_id=api_id(request))


def cash_credits(micros: int) -> str:
    """An amount of millionths as dollars with five places, rounded down."""
    units = micros // _MICROS
    whole, rest = divmod(abs(units), _PLACES)
    return f"{'-' if units < 0 else ''}{whole}.{rest:05d}"
