"""What an account and its subaccounts used: totals by day, subaccount and kind."""

import re
from datetime import date, timedelta
from typing import Annotated, Literal

from fastapi import Depends, Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

import ledger
from api.access import Access, OwnAccount
from api.context import InContext
from api.routing import router as make_router
from api.shapes import Amount, Resource
from api.transactions import SubaccountFilter, check_subaccount
from rules.days import day_of
from rules.money import CURRENCY, Money
from rules.problems import Problem

router = make_router("Usage totals")
MOST_DAYS = 400
DEFAULT_DAYS = 30
#: Lines of one answer: some 10 MB.
MOST_LINES = 50_000
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_EARLIEST, _LATEST = date(2000, 1, 1), date(2999, 12, 31)


def _day(value: object) -> object:
    if isinstance(value, str) and not _DATE.fullmatch(value):
        raise PydanticCustomError("date", "must be a date such as 2026-11-24")
    return value


Day = Annotated[date, BeforeValidator(_day), Field(ge=_EARLIEST, le=_LATEST)]


class UsageTotalsQuery(BaseModel):
    """Which days, in the account's time zone."""

    model_config = ConfigDict(extra="forbid")

    first: Day | None = Field(default=None, alias="from", description="First day; by default the 30th up to the last")
    last: Day | None = Field(default=None, alias="to", description="Last day, itself included; by default today")
    subaccount: SubaccountFilter | None = Field(default=None, description="Only this subaccount's, or `main`")


class UsageTotalView(BaseModel):
    """What was charged in one day."""

    date: date
    subaccount: str | None = Field(description="null: the main account's own")
    kind: Literal["usage", "fee", "tax", "rental"] = Field(description="Captured holds are `usage`")
    amount: Amount
    count: int = Field(description="Charges and captured holds")


class UsageTotalsView(Resource):
    """Totals by day, subaccount and kind, newest day first. Days without usage have no line."""

    account: str
    first: date = Field(serialization_alias="from")
    last: date = Field(serialization_alias="to")
    timezone: str = Field(description="Of the account: where its days begin")
    currency: str
    total: Amount
    data: list[UsageTotalView]


@router.get("/v1/accounts/{account_id}/usage", dependencies=[Depends(Access("read", owner=True))])
async def get_usage_totals(
    query: Annotated[UsageTotalsQuery, Query()], account: OwnAccount, context: InContext
) -> UsageTotalsView:
    """Sum what was used in up to 400 days, by day, subaccount and kind."""
    last = query.last or day_of(context.now(), account.timezone)
    first = query.first or last - timedelta(days=DEFAULT_DAYS - 1)
    if last < first:
        raise Problem("invalid_field", f"The last day, {last}, is before the first, {first}.", param="to")
    if (last - first).days >= MOST_DAYS:
        raise Problem("invalid_field", f"At most {MOST_DAYS} days can be asked for at a time.", param="from")
    async with context.database.transaction() as session:
        await check_subaccount(session, account.id, query.subaccount)
        try:
            totals = await ledger.sum_usage(
                session,
                account.id,
                first=first,
                last=last,
                timezone=account.timezone,
                subaccount=query.subaccount,
                most=MOST_LINES,
            )
        except ledger.TooManyTotalsError:
            detail = f"These are more than {MOST_LINES} totals: ask for fewer days, or for one subaccount."
            raise Problem("invalid_field", detail, param="from") from None
    return UsageTotalsView(
        livemode=context.livemode,
        account=account.id,
        first=first,
        last=last,
        timezone=account.timezone,
        currency=CURRENCY,
        total=Money(sum(total.amount for total in totals)),
        data=[_shown(total) for total in totals],
    )


def _shown(total: ledger.UsageTotal) -> UsageTotalView:
    kind = total.kind.name.lower()
    return UsageTotalView.model_validate(
        {
            "date": total.day,
            "subaccount": total.subaccount_id,
            "kind": kind,
            "amount": Money(total.amount),
            "count": total.count,
        }
    )
