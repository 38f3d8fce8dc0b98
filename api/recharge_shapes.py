"""How a recharge is asked for and shown."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Literal
from urllib.parse import quote

from pydantic import AnyHttpUrl, BaseModel, Field, UrlConstraints

from api.cards import FailureView
from api.context import Context
from api.paging import ListQuery
from api.shapes import Amount, Currency, Metadata, Moment, PaymentAmount, Resource, Shape, like
from models.recharge import Recharge
from models.timeline import TimelineEntry
from rules.money import Money
from rules.pay_links import pay_token
from store import recharges, timeline

Kind = Literal["manual", "auto", "scheduled"]
Status = Literal["processing", "requires_action", "succeeded", "failed", "canceled", "returned"]
_METHOD_ID = r"^(card|bank)_[0-9A-Z]{1,60}$"
MethodId = Annotated[
    str,
    like(_METHOD_ID, "must be the id of a card (card_…) or of a bank account (bank_…)"),
    Field(examples=["card_…"], json_schema_extra={"pattern": _METHOD_ID}),
]
ReturnUrl = Annotated[AnyHttpUrl, UrlConstraints(max_length=2000), Field(strict=False)]


class NewRecharge(Shape):
    """Money to be taken in."""

    amount: PaymentAmount = Field(description="At least 25.00, at most `max_recharge`")
    payment_method: MethodId = Field(description="A card that is `active` or a bank account that is `verified`")
    currency: Currency = "usd"
    return_url: ReturnUrl | None = Field(
        default=None, description="Where the customer goes after confirming the payment with the bank, if that is asked"
    )
    metadata: Metadata = Field(default_factory=dict)


class TimelineView(BaseModel):
    """One thing that happened."""

    at: Moment
    what: str
    detail: str | None


class WorkflowView(BaseModel):
    """The workflow that carries the payment."""

    id: str
    url: str


class RechargeView(Resource):
    """A recharge: one PaymentIntent at the processor for life."""

    id: str
    kind: Kind
    amount: Amount
    currency: str
    status: Status
    payment_method: str
    schedule_month: str | None = Field(
        description="Of kind `scheduled`: the month whose one debit it is, such as `2026-11`"
    )
    expected_on: date | None = Field(description="The business day on which the bank's answer is expected")
    expected_why: str | None
    action_url: str | None = Field(description="Where the customer finishes the payment, while that is needed")
    action_expires_at: Moment | None
    amount_refunded: Amount
    amount_withdrawn: Amount
    refunds: list[dict[str, Any]]
    failure: FailureView | None
    metadata: dict[str, str]
    timeline: list[TimelineView]
    workflow: WorkflowView
    created_at: Moment
    finished_at: Moment | None


class RechargesQuery(ListQuery):
    """Filters of recharges."""

    status: Status | None = None
    kind: Kind | None = None


async def view(context: Context, row: Recharge) -> RechargeView:
    """The recharge as shown, with its timeline."""
    async with context.database.transaction() as session:
        happened = await timeline.entries(session, account_id=row.account_id, recharge_id=row.id)
    return shown(context, row, happened)


def shown(context: Context, row: Recharge, happened: Sequence[TimelineEntry]) -> RechargeView:
    """The recharge with what ``happened`` to it."""
    waits = row.status == "requires_action"
    zero = Money(0)
    return RechargeView(
        id=row.id,
        kind=row.kind,  # pyright: ignore[reportArgumentType] - checked by the table
        amount=Money.from_cents(row.amount_cents),
        currency=row.currency,
        status=row.status,  # pyright: ignore[reportArgumentType] - checked by the table
        payment_method=row.method_id,
        schedule_month=f"{row.schedule_month:%Y-%m}" if row.schedule_month else None,
        expected_on=row.expected_on,
        expected_why=row.expected_why,
        action_url=customers_link(context, account_id=row.account_id, recharge_id=row.id) if waits else None,
        action_expires_at=row.action_expires_at if waits else None,
        amount_refunded=zero,
        amount_withdrawn=zero,
        refunds=[],
        failure=FailureView.model_validate(row.failure) if row.failure else None,
        metadata=row.details,
        timeline=[TimelineView(at=one.created_at, what=one.what, detail=one.detail) for one in happened],
        workflow=_workflow(context, row),
        created_at=row.created_at,
        finished_at=row.finished_at,
        livemode=context.livemode,
    )


def customers_link(context: Context, *, account_id: str, recharge_id: str) -> str:
    """Where the customer finishes the payment (rule C4). It is made when it is shown, and kept nowhere."""
    return f"{context.public_url}/pay/{pay_token(context.pepper, account_id=account_id, recharge_id=recharge_id)}"


def _workflow(context: Context, row: Recharge) -> WorkflowView:
    workflow_id = recharges.workflow_id(row)
    ui = str(context.settings.temporal_ui_url).rstrip("/")
    namespace = quote(context.settings.temporal_namespace, safe="")
    return WorkflowView(id=workflow_id, url=f"{ui}/namespaces/{namespace}/workflows/{quote(workflow_id, safe='')}")
