"""Webhooks of the processor: verified on the raw body, stored, acknowledged; acted on later (decision 5)."""

import json
from logging import DEBUG, INFO
from typing import Any, Literal

import structlog
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.body import read_raw
from api.context import get_context
from rules.problems import Problem
from rules.signatures import SignatureError, verify
from store import inbox

router = APIRouter(tags=["Webhooks"])
log = structlog.get_logger("api")
_HEADER = "Stripe-Signature"


class _Data(BaseModel):
    object: dict[str, Any]


class _Event(BaseModel):
    """What an event must have for us to store it."""

    model_config = ConfigDict(strict=True)

    id: str = Field(min_length=1, max_length=255)
    object: Literal["event"]
    type: str = Field(min_length=1, max_length=255)
    created: int
    livemode: bool
    data: _Data


@router.post("/webhooks/stripe", include_in_schema=False)
async def take_in(request: Request) -> Response:
    """Store a signed event of the processor and acknowledge it; a second delivery changes nothing."""
    context = get_context(request)
    secret = context.settings.stripe_webhook_secret.get_secret_value()
    if not secret:
        raise Problem("unavailable", "PREPAY_STRIPE_WEBHOOK_SECRET is not set.", retry_after_seconds=60)
    raw = await read_raw(request)
    try:
        verify(raw, request.headers.get(_HEADER), secret=secret, now=context.now())
    except SignatureError as error:
        raise Problem("signature_invalid", f"{error}.") from None
    try:
        payload: dict[str, Any] = json.loads(raw)
        event = _Event.model_validate(payload)
    except (ValueError, RecursionError):
        raise _not_an_event() from None
    async with context.database.transaction() as session:
        await context.learn_mode(session)
        if event.livemode != context.livemode:
            raise Problem("signature_invalid", "The event is of the other mode (live or test) than this database.")
        try:
            is_new = await inbox.take_in(session, payload, now=context.now())
        except inbox.UnreadableEventError:
            raise _not_an_event() from None
    log.log(
        INFO if is_new else DEBUG, "event_stored" if is_new else "event_seen_before", event_id=event.id, kind=event.type
    )
    return Response(status_code=200)


def _not_an_event() -> Problem:
    return Problem("invalid_request", "The body is not an event.")
