"""The outbox: what Temporal must hear, written in the transaction that makes it true (decision 6)."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ARRAY, Integer, Text, any_, bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from models.base import JSON, table_of
from models.outbox import Outbox
from store.ids import new_id

LONGEST_WAIT_SECONDS = 60
#: While Temporal is away, which is no fault of the row: it is not kept waiting long after.
OUTAGE_WAIT_SECONDS = 4
_ADD = insert(table_of(Outbox))
_DUE = (
    select(Outbox)
    .where(col(Outbox.handed_at).is_(None), col(Outbox.next_try_at) <= bindparam("now"))
    .order_by(col(Outbox.next_try_at), col(Outbox.id))
    .limit(bindparam("most", type_=Integer))
    .with_for_update(skip_locked=True)
)
_HANDED = (
    update(table_of(Outbox))
    .where(col(Outbox.id) == any_(bindparam("ids", type_=ARRAY(Text))))
    .values(handed_at=bindparam("now"), tries=col(Outbox.tries) + 1)
)


async def add(
    session: AsyncSession, *, kind: str, workflow_id: str, arguments: JSON, now: datetime, account_id: str | None
) -> str:
    """Write one hand-off and return its id. ``kind`` is one of ``workflows/starting.py``; arguments hold ids alone."""
    outbox_id = new_id("out", now)
    row = {
        "id": outbox_id,
        "account_id": account_id,
        "kind": kind,
        "workflow_id": workflow_id,
        "arguments": arguments,
        "next_try_at": now,
        "created_at": now,
    }
    await session.execute(_ADD, row)
    return outbox_id


async def claim(session: AsyncSession, *, now: datetime, limit: int) -> Sequence[Outbox]:
    """Due rows, oldest first, locked until the caller's transaction ends; rows another relay holds are skipped."""
    return (await session.scalars(_DUE, {"now": now, "most": limit})).all()


async def claim_one(session: AsyncSession, outbox_id: str) -> Outbox | None:
    """The row ``outbox_id``, locked, unless it is handed over already or another holds it."""
    return await session.scalar(
        select(Outbox)
        .where(col(Outbox.id) == outbox_id, col(Outbox.handed_at).is_(None))
        .with_for_update(skip_locked=True)
    )


async def handed(session: AsyncSession, outbox_ids: Sequence[str], *, now: datetime) -> None:
    """Mark rows as handed over."""
    await session.execute(_HANDED, {"ids": list(outbox_ids), "now": now})


async def put_off(session: AsyncSession, row: Outbox, *, error: str, outage: bool, now: datetime) -> None:
    """Try ``row`` again later: after 1, 2, 4 … seconds, at most a minute; four seconds when it is an ``outage``."""
    longest = OUTAGE_WAIT_SECONDS if outage else LONGEST_WAIT_SECONDS
    row.tries += 1
    row.last_error = error[:500]
    row.next_try_at = now + timedelta(seconds=min(2 ** min(row.tries - 1, 10), longest))
    session.add(row)
    await session.flush()
