"""Waiting for a record to change: the row is watched, never a workflow (LISTEN, with a look each 200 ms)."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from api.context import Context
from store.database import DatabaseUnavailableError

T = TypeVar("T")
PATIENCE_SECONDS = 10.0
LOOK_SECONDS = 0.2


async def until(
    context: Context,
    *,
    channel: str,
    record_id: str,
    read: Callable[[AsyncSession], Awaitable[T]],
    done: Callable[[T], bool],
    seconds: float = PATIENCE_SECONDS,
) -> T:
    """The record as soon as it is ``done``, else as it is after ``seconds``."""
    deadline = asyncio.get_running_loop().time() + seconds
    async with context.listener.wakes(channel, record_id) as changed:
        while True:
            changed.clear()
            async with context.database.transaction() as session:
                found = await read(session)
            left = deadline - asyncio.get_running_loop().time()
            if done(found) or left <= 0:
                return found
            try:
                await asyncio.wait_for(changed.wait(), timeout=min(LOOK_SECONDS, left))
            except TimeoutError:
                continue
            except DatabaseUnavailableError:
                return found
