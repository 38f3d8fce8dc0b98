"""Waiting for a record to change: the row is watched, never a workflow (LISTEN, with a look each 200 ms)."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from api.context import Context
from store.database import DatabaseUnavailableError

T = TypeVar("T")
#: With the two seconds that a hand-over may take and one for the rest: the ten after which a payment is answered.
PATIENCE_SECONDS = 7.0
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
    """The record as soon as it is ``done``, else as it is after ``seconds``.

    Looks that fail are repeated. Raises DatabaseUnavailableError when none has succeeded by then.
    """
    now = asyncio.get_running_loop().time
    deadline = now() + seconds
    found: list[T] = []
    async with context.listener.wakes(channel, record_id) as changed:
        while True:
            changed.clear()
            try:
                async with asyncio.timeout_at(deadline), context.database.transaction() as session:
                    seen = await read(session)
                # Not before the transaction has ended: one that is cut off at the deadline takes its record along.
                found[:] = [seen]
            except (DatabaseUnavailableError, TimeoutError) as error:
                if now() >= deadline and not found:
                    raise DatabaseUnavailableError(type(error).__name__) from error
            else:
                if done(found[0]):
                    return found[0]
            if now() >= deadline:
                return found[0]
            try:
                async with asyncio.timeout(min(LOOK_SECONDS, deadline - now())):
                    await changed.wait()
            except TimeoutError:
                continue
