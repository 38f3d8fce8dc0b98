"""Webhook endpoints: where a platform hears of events, signed by the Standard Webhooks convention."""

from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import Depends, Query
from pydantic import Field, PlainValidator, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from api.access import Access
from api.context import Context, InContext
from api.paging import ListQuery
from api.routing import router as make_router
from api.shapes import Listing, Moment, OneLine, Resource, Shape
from models.webhook_endpoint import WebhookEndpoint
from rules.access import Caller
from rules.events import EVERY, TYPES
from rules.problems import Problem
from rules.webhook_urls import LONGEST, WebhookUrlError, parse
from rules.webhooks import LONGEST_OVERLAP_HOURS
from store import audit, webhook_endpoints

router = make_router("Webhooks")
Admin = Annotated[Caller, Depends(Access("admin"))]
Status = Literal["enabled", "disabled"]


def _event_types(value: object) -> list[str]:
    if not isinstance(value, list) or not value:
        raise PydanticCustomError("events_invalid", 'must be a list of event types, or ["*"] for all of them')
    known = [name for name in value if isinstance(name, str) and (name == EVERY or name in TYPES)]  # pyright: ignore[reportUnknownVariableType]
    if len(known) != len(value) or len(set(known)) != len(known):  # pyright: ignore[reportUnknownArgumentType]
        raise PydanticCustomError(
            "events_invalid", 'must name event types that exist (docs/webhooks.md), each once, or "*" for all of them'
        )
    return known


Url = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST)]
EventTypes = Annotated[
    list[str],
    PlainValidator(_event_types),
    WithJsonSchema(
        {
            "type": "array",
            "items": {"type": "string", "enum": [EVERY, *TYPES]},
            "minItems": 1,
            "uniqueItems": True,
            "description": "Types of events to hear of; `*` for all, those to come too",
        }
    ),
]
_URL = "https, to a public address, port 443 or from 1024; redirects are not followed"


class NewWebhookEndpoint(Shape):
    """An endpoint to be made."""

    url: Url = Field(description=_URL)
    events: EventTypes = Field(default_factory=lambda: [EVERY])
    description: OneLine | None = None


class WebhookEndpointChanges(Shape):
    """What to change; what is left out stays."""

    url: Url | None = Field(default=None, description=_URL)
    events: EventTypes | None = None
    description: OneLine | None = None
    status: Status | None = Field(default=None, description="An endpoint that answered 410 is enabled again by this")


class SecretRotation(Shape):
    """How long the secret before the new one still signs."""

    overlap_hours: int = Field(default=24, ge=0, le=LONGEST_OVERLAP_HOURS, description="0: it signs nothing any more")


class WebhookEndpointsQuery(ListQuery):
    """Filters of endpoints."""

    status: Status | None = Field(default=None, description="Only endpoints in this state")


class WebhookEndpointView(Resource):
    """An endpoint, without its secret."""

    id: str
    url: str
    events: list[str]
    description: str | None
    status: Status
    disabled_reason: Literal["operator", "gone"] | None = Field(description="`gone`: it answered 410")
    previous_secret_valid_until: Moment | None = Field(description="Until then the secret before this one signs too")
    created_at: Moment


class WebhookEndpointWithSecret(WebhookEndpointView):
    """An endpoint with its new secret, which is not shown again."""

    secret: str = Field(description="`whsec_…`: what verifies the signatures")


@router.post("/v1/webhook_endpoints", status_code=201)
async def create_webhook_endpoint(
    body: NewWebhookEndpoint, context: InContext, caller: Admin
) -> WebhookEndpointWithSecret:
    """Make an endpoint; its secret is shown this once. It hears of what happens from now on."""
    _check_url(context, body.url)
    now = context.now()
    async with context.database.transaction() as session:
        row, secret = await webhook_endpoints.create(
            session, url=body.url, events=body.events, description=body.description, seals=context.seals, now=now
        )
        await audit.record(session, caller, "webhook_endpoint.created", now=now, object_id=row.id)
    return WebhookEndpointWithSecret(**_fields(row, context), secret=secret)


@router.get("/v1/webhook_endpoints", dependencies=[Depends(Access("admin"))])
async def list_webhook_endpoints(
    query: Annotated[WebhookEndpointsQuery, Query()], context: InContext
) -> Listing[WebhookEndpointView]:
    """List endpoints, newest first."""
    async with context.database.transaction() as session:
        found, more = await webhook_endpoints.page(session, query.page, status=query.status)
    return Listing(data=[WebhookEndpointView(**_fields(row, context)) for row in found], has_more=more)


@router.get("/v1/webhook_endpoints/{endpoint_id}", dependencies=[Depends(Access("admin"))])
async def get_webhook_endpoint(endpoint_id: str, context: InContext) -> WebhookEndpointView:
    """Show one endpoint."""
    async with context.database.transaction() as session:
        row = await webhook_endpoints.find(session, endpoint_id)
    if row is None:
        raise Problem("not_found", "There is no such webhook endpoint.")
    return WebhookEndpointView(**_fields(row, context))


@router.patch("/v1/webhook_endpoints/{endpoint_id}")
async def change_webhook_endpoint(
    endpoint_id: str, body: WebhookEndpointChanges, context: InContext, caller: Admin
) -> WebhookEndpointView:
    """Change an endpoint, or enable and disable it. What happened while it was disabled is sent by resending alone."""
    changes = body.model_dump(exclude_unset=True)
    for name in ("url", "events", "status"):
        if name in changes and changes[name] is None:
            raise Problem("invalid_field", f"{name} must not be null: leave it out to keep it.", param=name)
    if body.url is not None:
        _check_url(context, body.url)
    now = context.now()
    async with context.database.transaction() as session:
        row = await webhook_endpoints.locked(session, endpoint_id)
        await webhook_endpoints.change(session, row, changes)
        details = {"fields": sorted(changes), "status": row.status}
        await audit.record(session, caller, "webhook_endpoint.changed", now=now, object_id=row.id, details=details)
    return WebhookEndpointView(**_fields(row, context))


@router.delete("/v1/webhook_endpoints/{endpoint_id}")
async def delete_webhook_endpoint(endpoint_id: str, context: InContext, caller: Admin) -> WebhookEndpointView:
    """Delete an endpoint. What is under way to it is not sent any more; its secrets are erased."""
    now = context.now()
    async with context.database.transaction() as session:
        row = await webhook_endpoints.locked(session, endpoint_id)
        shown = WebhookEndpointView(**_fields(row, context))
        await webhook_endpoints.delete(session, row, now=now)
        await audit.record(session, caller, "webhook_endpoint.deleted", now=now, object_id=row.id)
    return shown.model_copy(update={"status": "disabled", "previous_secret_valid_until": None})


@router.post("/v1/webhook_endpoints/{endpoint_id}/rotate_secret")
async def rotate_webhook_secret(
    endpoint_id: str, context: InContext, caller: Admin, body: SecretRotation | None = None
) -> WebhookEndpointWithSecret:
    """Make a new secret. For ``overlap_hours`` each webhook carries its signature and that of the one before."""
    overlap = timedelta(hours=(body or SecretRotation()).overlap_hours)
    now = context.now()
    async with context.database.transaction() as session:
        row = await webhook_endpoints.locked(session, endpoint_id)
        secret = await webhook_endpoints.rotate_secret(session, row, overlap=overlap, seals=context.seals, now=now)
        details = {"overlap_hours": int(overlap.total_seconds()) // 3600}
        await audit.record(
            session, caller, "webhook_endpoint.secret_rotated", now=now, object_id=row.id, details=details
        )
    return WebhookEndpointWithSecret(**_fields(row, context), secret=secret)


def _check_url(context: Context, url: str) -> None:
    try:
        parse(url, allowed=context.settings.webhook_networks)
    except WebhookUrlError as error:
        raise Problem("invalid_field", f"url {error}.", param="url") from None


def _fields(row: WebhookEndpoint, context: Context) -> dict[str, Any]:
    shown = row.model_dump(include={"id", "url", "events", "description", "status", "disabled_reason", "created_at"})
    return shown | {"previous_secret_valid_until": row.previous_until, "livemode": context.livemode}
