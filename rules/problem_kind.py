"""What one error code means."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """What one error code means: HTTP status, a short title, why it happens, and what to do."""

    status: int
    title: str
    cause: str
    fix: str
