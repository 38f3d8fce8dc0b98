"""What the hot path's own connections raise, as problems: overload and outages."""

from collections.abc import Generator
from contextlib import contextmanager

from ledger.driver import is_outage
from ledger.gathering import OverloadedError
from rules.problems import Problem


@contextmanager
def outages_answered() -> Generator[None]:
    """Turn OverloadedError and the driver's errors into Problem ``unavailable``."""
    try:
        yield
    except Exception as error:
        if (problem := as_problem(error)) is None:
            raise
        raise problem from error


def as_problem(error: BaseException) -> Problem | None:
    """The Problem that ``error`` is for a caller; None if it is a fault of ours."""
    if isinstance(error, OverloadedError):
        return Problem("unavailable", "Too much is waiting. Nothing was begun for this request.", retry_after_seconds=1)
    if isinstance(error, TimeoutError) or is_outage(error):
        detail = "The database cannot be reached. Send the same request again: its reference makes that safe."
        return Problem("unavailable", detail, retry_after_seconds=2)
    return None
