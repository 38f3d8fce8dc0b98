"""Subaccounts as requests and answers show them."""

from datetime import date, datetime

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from api.paging import ListQuery
from api.shapes import (
    Amount,
    AmountOrZero,
    Line,
    Metadata,
    MetadataKey,
    MetadataValue,
    Moment,
    Resource,
    SenderIds,
    Shape,
)
from ledger import Budget
from models.account import Account
from models.subaccount import Status, Subaccount
from rules.money import Money
from rules.months import month_of

_BUDGET = "The most that it may spend in a month of the account's time zone; null: no budget, 0: nothing"
_SENDERS = "Senders its usage may name; null: any, empty: none. Usage that names no sender passes"


class NewSubaccount(Shape):
    """A subaccount to be made."""

    name: Line
    enabled: bool = Field(default=False, description="Whether it may spend")
    monthly_budget: AmountOrZero | None = Field(default=None, description=_BUDGET)
    sender_ids: SenderIds | None = Field(default=None, description=_SENDERS)
    metadata: Metadata = Field(default_factory=dict)


class SubaccountChanges(Shape):
    """Fields to be changed; those left out stay. ``metadata`` is merged: null or "" takes a key out, null takes all."""

    name: Line | None = None
    enabled: bool | None = Field(default=None, description="Whether it may spend")
    monthly_budget: AmountOrZero | None = Field(default=None, description=_BUDGET)
    sender_ids: SenderIds | None = Field(default=None, description=_SENDERS)
    metadata: dict[MetadataKey, MetadataValue | None] | None = None

    @field_validator("name", "enabled", mode="before")
    @classmethod
    def _not_null(cls, value: object) -> object:
        if value is None:
            raise PydanticCustomError("null", "cannot be null")
        return value


class SubaccountView(Resource):
    """A subaccount. A deleted one stays as a record of what it was."""

    id: str = Field(description="The Auth ID")
    account: str
    name: str
    enabled: bool
    status: Status
    currency: str
    monthly_budget: Amount | None
    budget_spent: Amount | None = Field(description="Usage and holds of this month so far; null without a budget")
    budget_month: date | None = Field(description="The first day of that month, in the account's time zone")
    sender_ids: list[str] | None
    metadata: dict[str, str]
    created_at: Moment
    modified_at: Moment | None
    deleted_at: Moment | None


class SubaccountWithToken(SubaccountView):
    """A subaccount with its new Auth Token."""

    auth_id: str
    auth_token: str


class RotatedSubaccountToken(SubaccountWithToken):
    """A subaccount with its new Auth Token, and how long the one before is still valid."""

    previous_token_valid_until: Moment | None


class CredentialsView(Resource):
    """What a subaccount identifies itself with."""

    auth_id: str
    auth_token: str = Field(description="The newest token")


class SubaccountsQuery(ListQuery):
    """Filters of subaccounts."""

    status: Status | None = Field(default=None, description="Without it: all that are not deleted")


def view(account: Account, row: Subaccount, budget: Budget | None, *, livemode: bool, now: datetime) -> SubaccountView:
    """A subaccount of ``account`` as an answer shows it at ``now``."""
    month = None if budget is None else month_of(now, account.timezone)
    return SubaccountView(
        id=row.id,
        account=row.account_id,
        name=row.name,
        enabled=row.enabled,
        status=row.status,
        currency=account.currency,
        monthly_budget=None if budget is None else Money(budget.limit_micros),
        budget_spent=None if budget is None or month is None else Money(budget.spent_in(month)),
        budget_month=month,
        sender_ids=row.sender_ids,
        metadata=row.details,
        created_at=row.created_at,
        modified_at=row.modified_at,
        deleted_at=row.deleted_at,
        livemode=livemode,
    )
