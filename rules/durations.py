"""Spans of time as an operator writes them: ``15m``, ``1h``, ``3d``."""

import re
from datetime import timedelta

#: Between a decline and the next try of the same method lies this much at least (rule D6).
SOONEST_RETRY = timedelta(minutes=15)
#: One first try, and one for each rung (rule D6).
MOST_RUNGS = 4
LONGEST_RUNG = timedelta(days=30)
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_SPAN = re.compile(r"([1-9][0-9]{0,4})([mhd])", re.ASCII)


def parse_span(text: str) -> timedelta:
    """``1h`` is an hour. Raises ValueError for anything but a whole number of minutes, hours or days."""
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text.strip()!r} is no span of time such as 15m, 1h or 3d")
    return int(found[1]) * _UNITS[found[2]]


def parse_ladder(text: str) -> tuple[timedelta, ...]:
    """The rungs of the retry ladder, each counted from the decline before it (rule D6).

    Raises ValueError unless it is one to four spans, each of 15 minutes to 30 days.
    """
    rungs = tuple(parse_span(part) for part in text.split(","))
    if len(rungs) > MOST_RUNGS:
        raise ValueError(f"a retry ladder has at most {MOST_RUNGS} rungs: five tries are the most")
    if min(rungs) < SOONEST_RETRY or max(rungs) > LONGEST_RUNG:
        raise ValueError("a rung of the retry ladder is from 15m to 30d")
    return rungs
