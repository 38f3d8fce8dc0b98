"""Balance alerts: which amounts are watched, and the recommended one (requirements A1 to A8)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from rules.days import day_of, starts
from rules.money import MICROS_PER_DOLLAR, Money

ConfiguredBy = Literal["system", "owner"]

#: Watched for every account, without set-up (A1). Micros.
BUILT_IN = (250 * MICROS_PER_DOLLAR, 100 * MICROS_PER_DOLLAR, 10 * MICROS_PER_DOLLAR)
#: What the system sets beside the recommended value (A4). Micros.
_SYSTEM = (100 * MICROS_PER_DOLLAR, 10 * MICROS_PER_DOLLAR)
MOST_THRESHOLDS = 3
MOST_EMAILS = 20
#: Average daily usage looks at so many full days (A8).
DAYS = 30


@dataclass(frozen=True, slots=True)
class FullDays:
    """Days that are over, in the account's time zone: from ``first`` to ``last``."""

    first: date
    last: date

    @property
    def count(self) -> int:
        """How many."""
        return (self.last - self.first).days + 1


def full_days(*, created_at: datetime, timezone: str, now: datetime) -> FullDays | None:
    """The last 30 full days before ``now``; those that a younger account has, and None while it has none (A8)."""
    born = day_of(created_at, timezone)
    begun = starts(born, born, timezone)[0]
    oldest = born if created_at <= begun else born + timedelta(days=1)
    today = day_of(now, timezone)
    first = max(oldest, today - timedelta(days=DAYS))
    return FullDays(first, today - timedelta(days=1)) if first < today else None


def recommended(used_micros: int, days: int) -> int | None:
    """Average daily usage in micros, rounded up to whole dollars (A6); None without usage."""
    if used_micros <= 0 or days <= 0:
        return None
    return -(-used_micros // (days * MICROS_PER_DOLLAR)) * MICROS_PER_DOLLAR


def set_by_system(recommended_micros: int | None) -> tuple[int, ...]:
    """The system's own alerts (A4), the highest first: average daily usage, 100 and 10; without usage 100 and 10."""
    return _falling({*_SYSTEM} | ({recommended_micros} if recommended_micros else set()))


def settings(configured_by: ConfiguredBy, own: Sequence[int], recommended_micros: int | None) -> tuple[int, ...]:
    """The additional alerts that stand now: the owner's in their order, else the system's."""
    return tuple(own) if configured_by == "owner" else set_by_system(recommended_micros)


def watched(additional: Collection[int]) -> tuple[int, ...]:
    """All that is watched: what is both built-in and additional is watched once, and so mailed once (A7)."""
    return _falling({*BUILT_IN, *additional})


def why(recommended_micros: int | None, on: date | None) -> str:
    """The recommendation in words, always shown beside the settings (A6)."""
    if on is None:
        return "No recommendation yet: average daily usage is worked out every night, from the first full day on."
    if recommended_micros is None:
        return f"No recommendation: there was no usage yet in the full days before {on}."
    return (
        f"${Money(recommended_micros)} is the average daily usage of the last {DAYS} full days before {on}, or of those"
        " that a younger account has, rounded up to whole dollars."
    )


def _falling(amounts: Collection[int]) -> tuple[int, ...]:
    return tuple(sorted(amounts, reverse=True))
