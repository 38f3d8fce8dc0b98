"""Named activity options: how long one try may take, and when the next one follows."""

from datetime import timedelta
from typing import Any

from temporalio.common import RetryPolicy

# Money is never given up by a clock: what the processor answers decides, and every step looks before it acts.
UNTIL_ANSWERED = RetryPolicy(
    initial_interval=timedelta(seconds=1), backoff_coefficient=2.0, maximum_interval=timedelta(seconds=60)
)
# A worker that dies is noticed by its missing heartbeats (activities/heartbeats.py), and its step runs elsewhere.
HEARTBEAT = timedelta(seconds=6)


def processor_call(summary: str) -> dict[str, Any]:
    """A step that speaks to the processor: up to 45 seconds a try, repeated until it is answered."""
    return _step(timedelta(seconds=45), summary)


def book_entry(summary: str) -> dict[str, Any]:
    """A step inside our own database: up to 20 seconds a try, repeated until it is done."""
    return _step(timedelta(seconds=20), summary)


def _step(longest: timedelta, summary: str) -> dict[str, Any]:
    return {
        "start_to_close_timeout": longest,
        "heartbeat_timeout": HEARTBEAT,
        "retry_policy": UNTIL_ANSWERED,
        "summary": summary,
    }
