"""Pages of a list, newest first: keyset by the sortable id, never by offset."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute
from sqlmodel import col

from models.base import Record

Row = TypeVar("Row", bound=Record)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Which part of a list is asked for: after (older than) one id or before (newer than) another."""

    limit: int = 10
    starting_after: str | None = None
    ending_before: str | None = None
    created_gte: datetime | None = None
    created_lt: datetime | None = None


async def fetch(
    session: AsyncSession, query: Select[Row], *, model: type[Row], id_column: Any, page: Page
) -> tuple[list[Row], bool]:
    """The rows of ``page``, newest first, and whether the list goes on in the direction of paging."""
    key: InstrumentedAttribute[str] = col(id_column)  # pyright: ignore[reportAssignmentType] - col() names the mapped type
    created = col(model.created_at)
    if page.created_gte is not None:
        query = query.where(created >= page.created_gte)
    if page.created_lt is not None:
        query = query.where(created < page.created_lt)
    if page.ending_before is not None:
        query = query.where(key > page.ending_before).order_by(key.asc())
    else:
        query = query.order_by(key.desc())
        if page.starting_after is not None:
            query = query.where(key < page.starting_after)
    found = list((await session.scalars(query.limit(page.limit + 1))).all())
    rows, has_more = found[: page.limit], len(found) > page.limit
    return (rows[::-1] if page.ending_before is not None else rows), has_more
