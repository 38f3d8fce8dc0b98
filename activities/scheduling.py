"""The monthly debits that are due, made page by page (requirement E8)."""

from dataclasses import dataclass
from datetime import datetime

import structlog
from temporalio import activity

from store import payment_schedules
from store.database import Database, DatabaseUnavailableError

log = structlog.get_logger(__name__)
PAGE = 100


@dataclass(frozen=True)
class DebitsRef:
    """The accounts that come after ``after``, at the workflow's time."""

    after: str
    now: datetime


@dataclass(frozen=True)
class DebitsDone:
    """The last account looked at, None when there was no other; how many were debited, were not, or failed."""

    last: str | None
    made: int = 0
    skipped: int = 0
    failed: int = 0


class Scheduling:
    """The hand that makes monthly debits. ``largest_cents`` is the largest recharge that is taken."""

    def __init__(self, *, database: Database, largest_cents: int) -> None:
        self._database = database
        self._largest_cents = largest_cents

    @activity.defn
    async def debit_page(self, ref: DebitsRef) -> DebitsDone:
        """Make the next accounts' debits, each in a transaction of its own; a repeat finds them made.

        An account whose debit cannot be made for a fault of ours is logged, keeps nobody waiting, and is tried again by
        the next sweep.
        """
        async with self._database.transaction() as session:
            due = await payment_schedules.due(session, after=ref.after, limit=PAGE, now=ref.now)
        made = skipped = failed = 0
        for account_id in due:
            try:
                async with self._database.transaction() as session:
                    done = await payment_schedules.debit(
                        session, account_id, largest_cents=self._largest_cents, now=ref.now
                    )
            except DatabaseUnavailableError:
                raise
            except Exception:
                log.exception("debit_failed", account_id=account_id)
                failed += 1
            else:
                made, skipped = made + done, skipped + (not done)
        return DebitsDone(last=due[-1] if due else None, made=made, skipped=skipped, failed=failed)
