"""Deliveries of events to endpoints: opened for a try, answered, asked for again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert as insert_or_update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from models.event import Event
from models.webhook_delivery import WebhookDelivery
from models.webhook_endpoint import WebhookEndpoint
from rules.events import wants
from store import events
from store.paging import Page, fetch


@dataclass(frozen=True, slots=True)
class Open:
    """A delivery with what it takes to make it."""

    event: Event
    endpoint: WebhookEndpoint
    delivery: WebhookDelivery


async def opened(session: AsyncSession, event_id: str, endpoint_id: str) -> Open:
    """The delivery, its row locked, read anew. Raises NoResultFound when there is none."""
    delivery = await session.get_one(
        WebhookDelivery, (event_id, endpoint_id), populate_existing=True, with_for_update=True
    )
    return Open(
        event=await session.get_one(Event, event_id),
        endpoint=await session.get_one(WebhookEndpoint, endpoint_id, populate_existing=True),
        delivery=delivery,
    )


async def answered(
    session: AsyncSession,
    row: WebhookDelivery,
    *,
    status: int | None,
    error: str | None,
    next_try_at: datetime | None,
    now: datetime,
) -> None:
    """Keep what came of a try of the locked row: delivered without ``error``; failed for good without a next try."""
    row.attempts += 1
    row.last_status, row.last_error = status, error
    await settle(session, row, error=error, next_try_at=next_try_at, now=now)


async def settle(
    session: AsyncSession, row: WebhookDelivery, *, error: str | None, next_try_at: datetime | None, now: datetime
) -> None:
    """The state that follows, without counting a try."""
    row.last_error = error
    if error is None:
        row.state, row.delivered_at, row.next_try_at = "delivered", now, None
    else:
        row.state, row.next_try_at = ("failed" if next_try_at is None else "pending"), next_try_at
    session.add(row)
    await session.flush()


async def of_events(session: AsyncSession, event_ids: Sequence[str]) -> Sequence[WebhookDelivery]:
    """Every delivery of these events, the oldest endpoint first."""
    rows = await session.scalars(
        select(WebhookDelivery)
        .where(col(WebhookDelivery.event_id).in_(event_ids))
        .order_by(col(WebhookDelivery.event_id), col(WebhookDelivery.endpoint_id))
        .execution_options(populate_existing=True)
    )
    return rows.all()


async def resend(session: AsyncSession, event: Event, *, endpoint_id: str | None, now: datetime) -> Sequence[str]:
    """Ask for the event once more: to one enabled endpoint, or to all that want it. Gives the endpoints' ids.

    A delivery under way begins again with its first try.
    """
    query = select(WebhookEndpoint).where(col(WebhookEndpoint.status) == "enabled").order_by(col(WebhookEndpoint.id))
    found = [
        row.id
        for row in (await session.scalars(query)).all()
        if (row.id == endpoint_id if endpoint_id else wants(row.events, event.type))
    ]
    for each in found:
        statement = insert_or_update(WebhookDelivery).values(
            event_id=event.id, endpoint_id=each, state="pending", round=1, attempts=0, next_try_at=now, created_at=now
        )
        sending = await session.scalar(
            statement.on_conflict_do_update(
                index_elements=["event_id", "endpoint_id"],
                set_={
                    "state": "pending",
                    "round": col(WebhookDelivery.round) + 1,
                    "next_try_at": now,
                    "delivered_at": None,
                },
            ).returning(col(WebhookDelivery.round))
        )
        await events.hand_off(
            session, event.id, each, event_type=event.type, account_id=event.account_id, sending=sending or 1, now=now
        )
    return found


async def waiting(session: AsyncSession) -> tuple[int, int]:
    """Deliveries that are pending, and those of them that were tried at least once."""
    found = await session.execute(
        select(func.count(), func.count().filter(col(WebhookDelivery.attempts) > 0)).where(
            col(WebhookDelivery.state) == "pending"
        )
    )
    pending, tried = found.one()
    return pending, tried


async def page(
    session: AsyncSession, page: Page, *, event_type: str | None = None, account_id: str | None = None
) -> tuple[list[Event], bool]:
    """Events, newest first; of one type or account where given."""
    query = select(Event)
    if event_type is not None:
        query = query.where(col(Event.type) == event_type)
    if account_id is not None:
        query = query.where(col(Event.account_id) == account_id)
    return await fetch(session, query, model=Event, id_column=Event.id, page=page)


async def find_event(session: AsyncSession, event_id: str) -> Event | None:
    """The event with this id."""
    return await session.get(Event, event_id)
