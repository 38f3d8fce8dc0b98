"""Balance alerts: whom to tell by mail when available goes below an amount (requirements A1 to A8)."""

from datetime import date
from typing import Annotated

from fastapi import Depends
from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from api.access import Access, OwnAccount
from api.accounts import Email
from api.context import InContext
from api.routing import router as make_router
from api.shapes import Amount, AmountAboveZero, Resource, Shape
from rules import alerts
from rules.access import Caller
from rules.alerts import BUILT_IN, MOST_EMAILS, MOST_THRESHOLDS, ConfiguredBy
from rules.money import CURRENCY, Money
from rules.problems import Problem
from store import accounts, audit, balance_alerts
from store.balance_alerts import Settings

router = make_router("Balance alerts")


def _thresholds(given: list[Money]) -> list[Money]:
    if len(given) > MOST_THRESHOLDS:
        raise PydanticCustomError(
            "too_many", "{most} alerts can be set beside those that are built in, not more", {"most": MOST_THRESHOLDS}
        )
    if len(set(given)) != len(given):
        raise PydanticCustomError("duplicates", "must not name an amount twice")
    return given


def _emails(given: list[str]) -> list[str]:
    if len(given) > MOST_EMAILS:
        raise PydanticCustomError("too_many", "must be at most {most} addresses", {"most": MOST_EMAILS})
    if len({email.casefold() for email in given}) != len(given):
        raise PydanticCustomError("duplicates", "must not name an address twice")
    return given


class NewAlerts(Shape):
    """The whole list of what is given; a list that is left out stays as it is."""

    thresholds: Annotated[list[AmountAboveZero], AfterValidator(_thresholds)] | None = Field(
        default=None,
        description="Beside those that are built in. From the first time on they are the owner's, an empty list too",
        json_schema_extra={"maxItems": MOST_THRESHOLDS, "uniqueItems": True},
    )
    emails: Annotated[list[Email], AfterValidator(_emails)] | None = Field(
        default=None,
        description="Told beside the account's registered address",
        json_schema_extra={"maxItems": MOST_EMAILS, "uniqueItems": True},
    )

    @model_validator(mode="after")
    def _something(self) -> "NewAlerts":
        for name in self.model_fields_set:
            if getattr(self, name) is None:
                raise PydanticCustomError("null", "{name} cannot be null: send an empty list", {"name": name})
        if not self.model_fields_set:
            raise PydanticCustomError("nothing", "thresholds, emails or both are needed")
        return self


class AlertsView(Resource):
    """An account's balance alerts. Each fires when available was at or above its amount and is below it."""

    account: str
    currency: str
    built_in: list[Amount] = Field(description="Watched for every account, always")
    thresholds: list[Amount] = Field(description="Watched beside those; one that is in both lists is mailed once")
    emails: list[str] = Field(description="Told beside the account's registered address")
    configured_by: ConfiguredBy = Field(
        description="`system`: `thresholds` follow the recommendation; `owner`: as they were set, for ever"
    )
    recommended: Amount | None = Field(
        description="Average daily usage, rounded up to whole dollars; null without usage"
    )
    recommended_on: date | None = Field(description="The account's local day on which it was worked out")
    recommended_why: str


@router.get("/v1/accounts/{account_id}/balance_alerts", dependencies=[Depends(Access("read", owner=True))])
async def get_balance_alerts(account: OwnAccount, context: InContext) -> AlertsView:
    """Show an account's balance alerts, and always the recommended one."""
    async with context.database.transaction() as session:
        settings = await balance_alerts.get(session, account.id)
    return _view(account.id, settings, livemode=context.livemode)


@router.put("/v1/accounts/{account_id}/balance_alerts")
async def set_balance_alerts(
    body: NewAlerts,
    account: OwnAccount,
    context: InContext,
    caller: Annotated[Caller, Depends(Access("money", owner=True))],
) -> AlertsView:
    """Set an account's own alerts, who is told beside the registered address, or both.

    An alert above the balance sends nothing until available has risen to it and falls below it.
    """
    now = context.now()
    async with context.database.transaction() as session:
        locked = await accounts.lock(session, account.id)
        if locked.status == "closed":
            raise Problem("account_closed", "The account is closed.")
        settings = await balance_alerts.put(
            session,
            locked.id,
            thresholds=None if body.thresholds is None else [amount.micros for amount in body.thresholds],
            emails=body.emails,
            now=now,
        )
        if caller.is_operator:
            details = {"fields": sorted(body.model_fields_set)}
            await audit.record(session, caller, "account.alerts_set", now=now, account_id=locked.id, details=details)
    return _view(account.id, settings, livemode=context.livemode)


def _view(account_id: str, settings: Settings, *, livemode: bool) -> AlertsView:
    recommended = settings.recommended_micros
    return AlertsView(
        livemode=livemode,
        account=account_id,
        currency=CURRENCY,
        built_in=[Money(micros) for micros in BUILT_IN],
        thresholds=[Money(micros) for micros in settings.thresholds],
        emails=list(settings.emails),
        configured_by=settings.configured_by,
        recommended=None if recommended is None else Money(recommended),
        recommended_on=settings.recommended_on,
        recommended_why=alerts.why(recommended, settings.recommended_on),
    )
