"""Events for the platform: written in the transaction that makes them true, with one delivery for each endpoint."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from sqlalchemy import func, insert, select
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from models.base import table_of
from models.event import Event
from models.webhook_delivery import WebhookDelivery
from models.webhook_endpoint import WebhookEndpoint
from rules.events import complete, wants
from store import outbox
from store.ids import new_id

#: Enabled endpoints with what they hear of. They are few (see rules/webhooks.py), and read with the event's own insert.
_ENABLED = (
    select(
        func.jsonb_agg(
            aggregate_order_by(
                func.jsonb_build_array(col(WebhookEndpoint.id), col(WebhookEndpoint.events)), col(WebhookEndpoint.id)
            ),
            type_=JSONB,
        )
    )
    .where(col(WebhookEndpoint.status) == "enabled")
    .scalar_subquery()
)
_ADD = insert(table_of(Event)).returning(_ENABLED)


async def add(
    session: AsyncSession,
    *,
    type: str,  # noqa: A002  the event's own word for it
    account_id: str | None,
    data: Mapping[str, object],
    now: datetime,
) -> str:
    """Write an event in the caller's transaction, and a delivery with its hand-off for each endpoint that wants it.

    ``type`` and what ``data`` carries are in ``rules/events.py``; dates and times are written as ISO text, all else as
    it is. Raises EventError for an unknown type or for data that it does not carry. Returns the event's id.
    """
    event_id = new_id("evt", now)
    shown = {name: _plain(value) for name, value in complete(type, data).items()}
    row = {"id": event_id, "account_id": account_id, "type": type, "data": shown, "created_at": now}
    enabled: Sequence[tuple[str, Sequence[str]]] = await session.scalar(_ADD, row) or ()
    for endpoint_id in (one for one, hears in enabled if wants(hears, type)):
        session.add(
            WebhookDelivery(
                event_id=event_id, endpoint_id=endpoint_id, state="pending", next_try_at=now, created_at=now
            )
        )
        await hand_off(session, event_id, endpoint_id, event_type=type, account_id=account_id, sending=1, now=now)
    return event_id


async def hand_off(
    session: AsyncSession,
    event_id: str,
    endpoint_id: str,
    *,
    event_type: str,
    account_id: str | None,
    sending: int,
    now: datetime,
) -> None:
    """Write what Temporal must hear: deliver this event to this endpoint, for the ``sending``-th time it is asked."""
    await outbox.add(
        session,
        kind="webhook",
        workflow_id=f"webhook/{event_id}/{endpoint_id}",
        arguments={
            "event_id": event_id,
            "endpoint_id": endpoint_id,
            "event_type": event_type,
            "account_id": account_id,
            "round": sending,
        },
        now=now,
        account_id=account_id,
    )


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else value
