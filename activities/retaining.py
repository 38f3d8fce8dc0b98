"""A look at an account's retention clock: what is due is done in one transaction, under the account's lock (B2)."""

from dataclasses import dataclass
from datetime import datetime

from temporalio import activity

from store import retention
from store.database import Database


@dataclass(frozen=True)
class RetentionRef:
    """Whose clock, and the workflow's time."""

    account_id: str
    now: datetime


@dataclass(frozen=True)
class ClockState:
    """How the clock stands: ``running``, ``canceled``, ``closed``, ``ended``, or ``none`` where there never was one."""

    state: str
    ends_at: datetime | None = None
    look_at: datetime | None = None
    """When something is due next, while it runs."""


class Retaining:
    """The hand that minds the clock."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    @activity.defn(name="look_at_retention")
    async def look(self, ref: RetentionRef) -> ClockState:
        """Remind, cancel or end, whatever is due; gives how the clock stands then."""
        async with self._database.transaction() as session:
            clock, look_at = await retention.look(session, ref.account_id, now=ref.now)
        if clock is None:
            return ClockState(state="none")
        if clock.outcome is not None:
            return ClockState(state=clock.outcome, ends_at=clock.ends_at)
        return ClockState(state="running", ends_at=clock.ends_at, look_at=look_at)
