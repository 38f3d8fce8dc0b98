"""Auto-recharge at a glance: its states and decisions in words, and what is watched for it (requirements D1 to D7)."""

from datetime import datetime
from typing import Literal

from rules.retry_ladder import STEPS

State = Literal["off", "watching", "charging", "retrying", "limited", "paused"]
Decided = Literal[
    "enabled", "changed", "disabled", "charged", "recharged", "declined", "retried", "waiting", "awaiting_customer",
    "limited", "dropped", "paused", "resumed",
]  # fmt: skip
#: Why a pause was lifted.
Lifted = Literal["settings_put", "recharged_by_owner", "new_default", "method_changed"]
LIFTED: dict[Lifted, str] = {
    "settings_put": "The settings were sent anew.",
    "recharged_by_owner": "A recharge that was asked for has succeeded.",
    "new_default": "Another card is the default now.",
    "method_changed": "A payment method that auto-recharge uses has changed.",
}


def watched_minimum(minimum_micros: int, *, arriving_micros: int, provisional_micros: int) -> int:
    """Below which available T is at or below the minimum, in micros (D2): T = available + arriving - provisional."""
    return minimum_micros - arriving_micros + provisional_micros + 1


def watched_steps(minimum_micros: int) -> list[int]:
    """Below which available each balance step is reached ("at or below"), in micros."""
    return [minimum_micros * percent // 100 + 1 for percent in STEPS]


def state(
    *, enabled: bool, paused: bool, in_flight: bool, next_attempt_at: datetime | None, limited: bool
) -> State:  # fmt: skip
    """What auto-recharge does now; ``limited``: T is at or below the minimum and a limit stands in the way."""
    if not enabled:
        return "off"
    if paused:
        return "paused"
    if next_attempt_at is not None:
        return "retrying"
    if in_flight:
        return "charging"
    return "limited" if limited else "watching"
