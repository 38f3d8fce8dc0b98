"""The sweep that frees what expired holds keep: each second, and as long as there are any (requirement H6)."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from store import hold_expiry
from store.database import Database, DatabaseUnavailableError

log = structlog.get_logger(__name__)
EVERY_SECONDS = 1.0
AFTER_OUTAGE_SECONDS = 2.0
#: How long an account whose holds could not be freed is left alone, so that those behind it have their turn.
LEFT_ALONE = timedelta(minutes=1)


class HoldExpiry:
    """Ends holds that have expired, also those that did while nobody ran; several may sweep side by side."""

    def __init__(self, *, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now
        self._left_alone: dict[str, datetime] = {}

    async def run(self) -> None:
        """Sweep for ever."""
        while True:
            pause = EVERY_SECONDS
            try:
                while await self.step():
                    continue
            except DatabaseUnavailableError as outage:
                log.warning("expiry_waits_for_postgres", error=type(outage).__name__)
                pause = AFTER_OUTAGE_SECONDS
            except Exception:
                log.exception("expiry_failed")
            await asyncio.sleep(pause)

    async def step(self) -> int:
        """Free what the holds that expired first still keep; how many were freed."""
        now = self._now()
        self._left_alone = {account_id: until for account_id, until in self._left_alone.items() if until > now}
        async with self._database.transaction() as session:
            due = await hold_expiry.accounts_due(session, now=now, without=self._left_alone)
        return sum([await self._free(account_id) for account_id in due])

    async def _free(self, account_id: str) -> int:
        """An account whose holds cannot be freed is logged, and stops no other."""
        try:
            async with self._database.transaction() as session:
                return await hold_expiry.expire_due(session, account_id=account_id, now=self._now())
        except DatabaseUnavailableError:
            raise
        except Exception:
            log.exception("hold_not_freed", account_id=account_id)
            self._left_alone[account_id] = self._now() + LEFT_ALONE
            return 0
