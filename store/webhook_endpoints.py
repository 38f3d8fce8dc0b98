"""Endpoints that hear of events, and their secrets, sealed."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from models.webhook_endpoint import WebhookEndpoint
from rules.problems import Problem
from rules.webhooks import MOST_ENDPOINTS, SECRET_BYTES, encode_secret
from store.ids import new_id
from store.paging import Page, fetch
from store.seals import Seal


async def create(
    session: AsyncSession, *, url: str, events: Sequence[str], description: str | None, seals: Seal, now: datetime
) -> tuple[WebhookEndpoint, str]:
    """Make an endpoint, enabled, and give it with its secret. Raises Problem ``too_many_webhook_endpoints``."""
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtext("webhook_endpoint"))))
    there = await session.scalar(
        select(func.count()).select_from(WebhookEndpoint).where(col(WebhookEndpoint.deleted_at).is_(None))
    )
    if (there or 0) >= MOST_ENDPOINTS:
        raise Problem("too_many_webhook_endpoints", f"There are {there} endpoints: delete one.", maximum=MOST_ENDPOINTS)
    endpoint_id = new_id("whk", now)
    secret = _new_secret()
    row = WebhookEndpoint(
        id=endpoint_id,
        url=url,
        events=list(events),
        description=description,
        secret_sealed=seals.seal(secret, *_bound_to(endpoint_id)),
        created_at=now,
    )
    session.add(row)
    await session.flush()
    return row, secret


async def find(session: AsyncSession, endpoint_id: str) -> WebhookEndpoint | None:
    """The endpoint, unless it was deleted."""
    return await session.scalar(
        select(WebhookEndpoint).where(col(WebhookEndpoint.id) == endpoint_id, col(WebhookEndpoint.deleted_at).is_(None))
    )


async def find_locked(session: AsyncSession, endpoint_id: str) -> WebhookEndpoint | None:
    """The endpoint, its row locked and read anew, unless it was deleted."""
    return await session.scalar(
        select(WebhookEndpoint)
        .where(col(WebhookEndpoint.id) == endpoint_id, col(WebhookEndpoint.deleted_at).is_(None))
        .with_for_update()
        .execution_options(populate_existing=True)
    )


async def locked(session: AsyncSession, endpoint_id: str) -> WebhookEndpoint:
    """The endpoint, its row locked. Raises Problem ``not_found``."""
    row = await find_locked(session, endpoint_id)
    if row is None:
        raise Problem("not_found", "There is no such webhook endpoint.")
    return row


async def page(session: AsyncSession, page: Page, *, status: str | None = None) -> tuple[list[WebhookEndpoint], bool]:
    """Endpoints that were not deleted, newest first; of one status where given."""
    query = select(WebhookEndpoint).where(col(WebhookEndpoint.deleted_at).is_(None))
    if status is not None:
        query = query.where(col(WebhookEndpoint.status) == status)
    return await fetch(session, query, model=WebhookEndpoint, id_column=WebhookEndpoint.id, page=page)


async def change(session: AsyncSession, row: WebhookEndpoint, fields: Mapping[str, Any]) -> None:
    """Set columns of the locked endpoint. Events of the time when it was disabled are not sent later by themselves."""
    for name, value in fields.items():
        setattr(row, name, value)
    if "status" in fields:
        row.disabled_reason = None if row.status == "enabled" else row.disabled_reason or "operator"
    session.add(row)
    await session.flush()


async def disable(session: AsyncSession, row: WebhookEndpoint, *, reason: str) -> None:
    """From here on the locked endpoint hears of nothing."""
    row.status, row.disabled_reason = "disabled", reason
    session.add(row)
    await session.flush()


async def delete(session: AsyncSession, row: WebhookEndpoint, *, now: datetime) -> None:
    """Delete the locked endpoint: its secrets are erased, its record is kept for its deliveries."""
    row.deleted_at = now
    row.secret_sealed, row.previous_secret_sealed, row.previous_until = b"", None, None
    await disable(session, row, reason="deleted")


async def rotate_secret(
    session: AsyncSession, row: WebhookEndpoint, *, overlap: timedelta, seals: Seal, now: datetime
) -> str:
    """Give the locked endpoint a new secret. The one before signs too for ``overlap``; any older one no longer."""
    secret = _new_secret()
    row.previous_secret_sealed = row.secret_sealed if overlap else None
    row.previous_until = now + overlap if overlap else None
    row.secret_sealed = seals.seal(secret, *_bound_to(row.id))
    session.add(row)
    await session.flush()
    return secret


def valid_secrets(row: WebhookEndpoint, *, seals: Seal, now: datetime) -> list[str]:
    """The secrets that sign at ``now``, the newest first. Raises SealBrokenError."""
    found = [seals.open(row.secret_sealed, *_bound_to(row.id))]
    if row.previous_secret_sealed is not None and row.previous_until is not None and row.previous_until > now:
        found.append(seals.open(row.previous_secret_sealed, *_bound_to(row.id)))
    return found


def _new_secret() -> str:
    return encode_secret(secrets.token_bytes(SECRET_BYTES))


def _bound_to(endpoint_id: str) -> tuple[str, str]:
    return endpoint_id, "webhook_secret"
