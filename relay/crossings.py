"""Crossings to their effects: notices, events and the retention clock, each once (requirement H4)."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from ledger import Crossing
from ledger.crossings import handed, put_off, take
from store.crossing_effects import CrossingEffects
from store.database import Database, DatabaseUnavailableError

log = structlog.get_logger(__name__)
#: Crossings that one process hands on at the same time, each of another account, once there is a backlog.
AT_ONCE = 4
LONGEST_WAIT_SECONDS = 60


class CrossingsRelay:
    """Gives each crossing its effect in one transaction with the mark that it had it; several may run side by side."""

    def __init__(self, *, database: Database, effects: CrossingEffects, now: Callable[[], datetime]) -> None:
        self._database = database
        self._effects = effects
        self._now = now
        self._more = False

    async def step(self) -> int:
        """Hand on the oldest, and some at once where one was found just before; how many were tried."""
        tried = await self._one()
        if tried and self._more:
            tried += sum(await asyncio.gather(*(self._one() for _ in range(AT_ONCE))))
        self._more = tried > 0
        return tried

    async def _one(self) -> int:
        """A transaction for each, so that no lock of one account is waited for while another is held."""
        crossing: Crossing | None = None
        try:
            async with self._database.transaction() as session:
                for crossing in await take(session, now=self._now(), limit=1):
                    await self._effects.apply(session, crossing, now=self._now())
                    await handed(session, [crossing], now=self._now())
        except DatabaseUnavailableError:
            raise
        except Exception as error:
            if crossing is None:
                raise
            await self._put_off(crossing, error)
        return 0 if crossing is None else 1

    async def _put_off(self, crossing: Crossing, error: Exception) -> None:
        """A crossing whose effect fails is tried after 1, 2, 4 … seconds, at most a minute, and stops no other one."""
        log.exception(
            "crossing_put_off",
            account_id=crossing.account_id,
            transaction_id=crossing.transaction_id,
            kind=crossing.kind.name,
            attempt=crossing.tries + 1,
        )
        wait = timedelta(seconds=min(2 ** min(crossing.tries, 10), LONGEST_WAIT_SECONDS))
        async with self._database.transaction() as session:
            text = f"{type(error).__name__}: {error}"
            await put_off(session, crossing, error=text, until=self._now() + wait)
