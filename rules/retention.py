"""What follows zero: for how long an account keeps what it has, and when its owner is told (requirement B2)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

#: Days before the end on which the owner is reminded, the earliest first.
REMINDERS = (7, 1)
#: Where the last reminder comes late the end waits this long for it: an outage of ours takes no warning from anybody.
LAST_WARNING = timedelta(days=REMINDERS[-1])
#: So late it may come without putting the end off: no timer is exact.
ON_TIME = timedelta(hours=1)

Outcome = Literal["canceled", "closed", "ended"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """A retention clock that runs. ``told`` are the reminders that were given, in days before the end."""

    started_at: datetime
    ends_at: datetime
    told: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What is to be done now.

    ``outcome`` ends the clock. ``remind`` is a reminder to give, in days before ``ends_at``. Then nothing is to be
    done before ``look_at``. ``told`` are the reminders that were given or are not to be given any more.
    """

    ends_at: datetime
    told: frozenset[int]
    outcome: Outcome | None = None
    remind: int | None = None
    look_at: datetime | None = None


def ends(started_at: datetime, *, days: int) -> datetime:
    """When a clock ends that started then."""
    return started_at + timedelta(days=days)


def days_left(ends_at: datetime, *, now: datetime) -> int:
    """Whole days until then, a begun one counted."""
    return max(-(-(ends_at - now) // timedelta(days=1)), 0)


def reminders(clock: Clock) -> tuple[int, ...]:
    """The reminders that a clock of this length has: those that come after its start."""
    return tuple(days for days in REMINDERS if clock.ends_at - timedelta(days=days) > clock.started_at)


def step(clock: Clock, *, account_status: str, spendable_micros: int, now: datetime) -> Step:
    """What is to be done about a running clock.

    A closed account has nothing left to lose, money ends the clock, and a suspended account's clock runs on. After an
    outage over several reminders the newest alone is given; where the last one was not given in time, the end is put
    off until it has been.
    """
    if account_status == "closed":
        return _over(clock, "closed")
    if spendable_micros > 0:
        return _over(clock, "canceled")
    due = [days for days in reminders(clock) if days not in clock.told and now >= _before(clock.ends_at, days)]
    if not due:
        if now >= clock.ends_at:
            return _over(clock, "ended")
        return _wait(clock, ends_at=clock.ends_at, told=clock.told)
    newest = min(due)
    too_late = newest == REMINDERS[-1] and now + LAST_WARNING - clock.ends_at > ON_TIME
    ends_at = now + LAST_WARNING if too_late else clock.ends_at
    over = {days for days in REMINDERS if days >= newest}
    return _wait(clock, ends_at=ends_at, told=clock.told | over, remind=newest)


def _over(clock: Clock, outcome: Outcome) -> Step:
    return Step(ends_at=clock.ends_at, told=clock.told, outcome=outcome)


def _wait(clock: Clock, *, ends_at: datetime, told: Iterable[int], remind: int | None = None) -> Step:
    known = frozenset(told)
    later = [_before(ends_at, days) for days in reminders(clock) if days not in known]
    return Step(ends_at=ends_at, told=known, remind=remind, look_at=min([*later, ends_at]))


def _before(moment: datetime, days: int) -> datetime:
    return moment - timedelta(days=days)
