"""Crossings to their effects: notices, events and the retention clock, each once (requirement H4)."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog

from ledger import Crossing
from ledger.crossings import handed, put_off, take
from store.crossing_effects import CrossingEffects
from store.database import Database, DatabaseUnavailableError

log = structlog.get_logger(__name__)
#: Crossings that one process hands on at the same time, each of another account, once there is a backlog.
AT_ONCE = 4
#: As many as this from one step, and there may be more.
MORE = 2
LONGEST_WAIT_SECONDS = 60


class CrossingsRelay:
    """Gives each crossing its effect in one transaction with the mark that it had it; several may run side by side."""

    def __init__(self, *, database: Database, effects: CrossingEffects, now: Callable[[], datetime]) -> None:
        self._database = database
        self._effects = effects
        self._now = now

    async def step(self) -> int:
        """Hand on the oldest, and where more wait some at once; how many were tried."""
        found = await self._oldest(of=MORE)
        if found < MORE:
            return found
        return 1 + sum(await asyncio.gather(*(self._oldest(of=1) for _ in range(AT_ONCE))))

    async def _oldest(self, *, of: int) -> int:
        """Hand on the oldest: a transaction for each, so that no account's lock is waited for while another is held.

        Gives how many there were, at most ``of``: the others are taken to see whether there are any.
        """
        seen: Sequence[Crossing] = ()
        crossing: Crossing | None = None
        try:
            async with self._database.transaction() as session:
                seen = await take(session, now=self._now(), limit=of)
                for crossing in seen[:1]:
                    await self._effects.apply(session, crossing, now=self._now())
                    await handed(session, [crossing], now=self._now())
        except DatabaseUnavailableError:
            raise
        except Exception as error:
            if crossing is None:
                raise
            await self._put_off(crossing, error)
        return len(seen)

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
