"""Events: what was told to webhook endpoints, how each delivery fares, and sending it again."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import Depends, Query
from pydantic import BaseModel, Field

from api.access import Access
from api.context import Context, InContext
from api.paging import ListQuery
from api.routing import router as make_router
from api.shapes import Listing, Moment, Resource, Shape
from models.event import Event
from models.webhook_delivery import WebhookDelivery
from rules.access import Caller
from rules.problems import Problem
from store import audit, webhook_deliveries, webhook_endpoints

router = make_router("Events")


class EventsQuery(ListQuery):
    """Filters of events."""

    kind: str | None = Field(default=None, max_length=64, description="Only this type, such as recharge.succeeded")
    account: str | None = Field(default=None, max_length=64, description="Only events of this account")


class DeliveryView(BaseModel):
    """One endpoint's copy of an event."""

    endpoint: str
    state: Literal["pending", "delivered", "failed"]
    attempts: int
    last_status: int | None = Field(description="HTTP status of the last answer")
    last_error: str | None = Field(description="Why the last try failed; docs/webhooks.md lists the words")
    next_try_at: Moment | None
    delivered_at: Moment | None


class EventView(Resource):
    """One event."""

    id: str
    type: str
    account: str | None
    at: Moment
    data: dict[str, Any] = Field(description="What the type carries; docs/webhooks.md lists it")
    deliveries: list[DeliveryView]


class Resending(Shape):
    """Where to send it again."""

    endpoint: str | None = Field(
        default=None, max_length=64, description="One endpoint; left out: every enabled one that hears of the type"
    )


@router.get("/v1/events", dependencies=[Depends(Access("read"))])
async def list_events(query: Annotated[EventsQuery, Query()], context: InContext) -> Listing[EventView]:
    """List events, newest first."""
    async with context.database.transaction() as session:
        found, more = await webhook_deliveries.page(
            session, query.page, event_type=query.kind, account_id=query.account
        )
        rows = await webhook_deliveries.of_events(session, [event.id for event in found])
    return Listing(data=[_view(event, rows, context) for event in found], has_more=more)


@router.get("/v1/events/{event_id}", dependencies=[Depends(Access("read"))])
async def get_event(event_id: str, context: InContext) -> EventView:
    """Show one event with its deliveries."""
    async with context.database.transaction() as session:
        event = _known(await webhook_deliveries.find_event(session, event_id))
        return _view(event, await webhook_deliveries.of_events(session, [event.id]), context)


@router.post("/v1/events/{event_id}/resend")
async def resend_event(
    event_id: str,
    context: InContext,
    caller: Annotated[Caller, Depends(Access("admin"))],
    body: Resending | None = None,
) -> EventView:
    """Send an event again, with its first id and content; where it is under way its tries begin anew."""
    now = context.now()
    endpoint_id = body.endpoint if body else None
    async with context.database.transaction() as session:
        event = _known(await webhook_deliveries.find_event(session, event_id))
        if endpoint_id is not None and await webhook_endpoints.find(session, endpoint_id) is None:
            raise Problem("invalid_field", "endpoint names no webhook endpoint.", param="endpoint")
        sent = await webhook_deliveries.resend(session, event, endpoint_id=endpoint_id, now=now)
        if not sent:
            raise Problem("webhook_endpoint_disabled", "No enabled endpoint is there to send it to.")
        await audit.record(
            session, caller, "event.resent", now=now, account_id=event.account_id, object_id=event.id,
            details={"endpoints": list(sent)},
        )  # fmt: skip
        return _view(event, await webhook_deliveries.of_events(session, [event.id]), context)


def _known(event: Event | None) -> Event:
    if event is None:
        raise Problem("not_found", "There is no such event.")
    return event


def _view(event: Event, rows: Sequence[WebhookDelivery], context: Context) -> EventView:
    shown = {"state", "attempts", "last_status", "last_error", "next_try_at", "delivered_at"}
    return EventView(
        id=event.id,
        type=event.type,
        account=event.account_id,
        at=event.created_at,
        data=event.data,
        deliveries=[
            DeliveryView(endpoint=row.endpoint_id, **row.model_dump(include=shown))
            for row in rows
            if row.event_id == event.id
        ],
        livemode=context.livemode,
    )
