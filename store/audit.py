"""The audit log: what operators did, and what accounts did to credentials. The database refuses any change to it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from models.audit import AuditEntry
from rules.access import Caller
from store.ids import new_id
from store.paging import Page, fetch


async def record(
    session: AsyncSession,
    caller: Caller,
    action: str,
    *,
    now: datetime,
    account_id: str | None = None,
    object_id: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Write one act, in the transaction that does it.

    ``action`` is a noun and a past participle, such as ``account.suspended``. ``details`` hold ids, amounts,
    enumerations and reasons: nothing secret, and no personal data.
    """
    session.add(
        AuditEntry(
            id=new_id("aud", now),
            actor=caller.actor,
            action=action,
            account_id=account_id,
            object_id=object_id,
            request_id=caller.request_id or None,
            details=dict(details or {}),
            created_at=now,
        )
    )
    await session.flush()


async def page(
    session: AsyncSession, page: Page, *, action: str | None = None, account_id: str | None = None
) -> tuple[list[AuditEntry], bool]:
    """Entries, newest first; of one action or account where given."""
    query = select(AuditEntry)
    if action is not None:
        query = query.where(col(AuditEntry.action) == action)
    if account_id is not None:
        query = query.where(col(AuditEntry.account_id) == account_id)
    return await fetch(session, query, model=AuditEntry, id_column=AuditEntry.id, page=page)
