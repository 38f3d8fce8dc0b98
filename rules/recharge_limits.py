"""Limits of auto-recharge: money in a calendar day, an ISO week and a month of the account's zone (rule D4)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from rules.days import day_of

LimitName = Literal["daily", "weekly", "monthly"]
NAMES: tuple[LimitName, ...] = ("daily", "weekly", "monthly")

#: Recharges that count, by the time of their creation; a refund or return gives no room back.
COUNTED_KINDS = frozenset({"manual", "auto"})
NOT_COUNTED_STATUSES = frozenset({"failed", "canceled"})


@dataclass(frozen=True, slots=True)
class Window:
    """From ``opens_at`` to before ``ends_at`` (UTC); ``first`` is its first day in the account's zone."""

    first: date
    opens_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Limited:
    """A recharge that limits forbid, whole. ``by``: the exceeded limit whose next window opens last, at ``until``.

    ``first`` is the first day of its present window: the owner is told once per limit and window.
    """

    by: LimitName
    until: datetime
    first: date
    exceeded: tuple[LimitName, ...]
    limit_cents: int
    used_cents: int


def windows(now: datetime, timezone: str) -> dict[LimitName, Window]:
    """The windows that ``now``, which must be aware, falls in where clocks show ``timezone``."""
    day = day_of(now, timezone)
    monday = day - timedelta(days=day.weekday())
    month = day.replace(day=1)
    next_month = (month + timedelta(days=31)).replace(day=1)
    spans: dict[LimitName, tuple[date, date]] = {
        "daily": (day, day + timedelta(days=1)),
        "weekly": (monday, monday + timedelta(days=7)),
        "monthly": (month, next_month),
    }
    return {
        name: Window(first, _start(first, timezone), _start(after, timezone)) for name, (first, after) in spans.items()
    }


def limited(
    *,
    limits: Mapping[LimitName, int | None],
    used: Mapping[LimitName, int],
    cents: int,
    now: datetime,
    timezone: str,
) -> Limited | None:
    """Whether a recharge of ``cents`` goes over a limit; ``used`` are the cents that count in each present window."""
    present = windows(now, timezone)
    over: list[LimitName] = [
        name for name in NAMES if (most := limits.get(name)) is not None and used[name] + cents > most
    ]
    if not over:
        return None
    by: LimitName = max(over, key=lambda name: present[name].ends_at)
    return Limited(by, present[by].ends_at, present[by].first, tuple(over), limits[by] or 0, used[by])


def _start(day: date, timezone: str) -> datetime:
    return datetime.combine(day, time.min, tzinfo=ZoneInfo(timezone)).astimezone(UTC)
