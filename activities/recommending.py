"""Average daily usage, worked out anew for accounts whose local day has changed (requirements A6, A8)."""

from dataclasses import dataclass
from datetime import datetime

import structlog
from temporalio import activity

import ledger
from rules import alerts
from store import balance_alerts
from store.balance_alerts import Due
from store.database import Database, DatabaseUnavailableError

log = structlog.get_logger(__name__)
PAGE = 100


@dataclass(frozen=True)
class PageRef:
    """The accounts that come after ``after``, at the workflow's time."""

    after: str
    now: datetime


@dataclass(frozen=True)
class PageDone:
    """The last account looked at, None when there was no other; how many got a recommendation, or could not."""

    last: str | None
    done: int = 0
    failed: int = 0


class Recommending:
    """The hand that recommends."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    @activity.defn
    async def recommend_page(self, ref: PageRef) -> PageDone:
        """Work out the next accounts' recommendations, each in a transaction of its own; a repeat finds them done.

        An account that cannot be worked out is logged, keeps nobody waiting, and is tried again by the next sweep.
        """
        async with self._database.transaction() as session:
            due = await balance_alerts.due(session, after=ref.after, limit=PAGE, now=ref.now)
        done = failed = 0
        for this in due:
            try:
                done += await self._recommend(this, now=ref.now)
            except DatabaseUnavailableError:
                raise
            except Exception:
                log.exception("recommendation_failed", account_id=this.account_id)
                failed += 1
        return PageDone(last=due[-1].account_id if due else None, done=done, failed=failed)

    async def _recommend(self, this: Due, *, now: datetime) -> bool:
        days = alerts.full_days(created_at=this.created_at, timezone=this.timezone, now=now)
        micros = None
        if days is not None:
            # Summed without the account's lock, for it may be long: nothing is posted into a day that is over.
            async with self._database.transaction() as session:
                used = await ledger.used(
                    session, this.account_id, first=days.first, last=days.last, timezone=this.timezone
                )
            micros = alerts.recommended(used, days.count)
        async with self._database.transaction() as session:
            return await balance_alerts.recommend(session, this, micros=micros, now=now)
