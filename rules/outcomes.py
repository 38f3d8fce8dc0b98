"""What a confirm of a PaymentIntent came to, as far as a workflow needs to know."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class State(StrEnum):
    """Where the one PaymentIntent of a recharge stands."""

    UNCONFIRMED = "unconfirmed"
    PROCESSING = "processing"
    REQUIRES_ACTION = "requires_action"
    DECLINED = "declined"
    SUCCEEDED = "succeeded"
    CANCELED = "canceled"
    ALTERED = "altered"
    """It is for another amount or currency than the recharge: somebody changed it at the processor."""


_PLAIN = {
    "succeeded": State.SUCCEEDED,
    "canceled": State.CANCELED,
    "processing": State.PROCESSING,
    "requires_capture": State.PROCESSING,
    "requires_action": State.REQUIRES_ACTION,
}
FINAL = frozenset({State.SUCCEEDED, State.CANCELED})


@dataclass(frozen=True)
class Outcome:
    """Ids, dates and enumerations alone: this value stands in Temporal's history."""

    state: State
    attempt: int
    charge: str | None = None
    failure_code: str | None = None
    expected_on: date | None = None

    @property
    def final(self) -> bool:
        """Whether the processor will not change it any more (before returns and disputes)."""
        return self.state in FINAL


def state_of(*, status: str, failure_code: str | None, attempted: bool) -> State:
    """The state behind a PaymentIntent's ``status``.

    ``attempted``: a confirm of ours has run. A confirm that wanted the customer off session leaves
    ``requires_payment_method`` and the code ``authentication_required`` (rule C4).
    """
    if status in _PLAIN:
        return _PLAIN[status]
    if not attempted:
        return State.UNCONFIRMED
    return State.REQUIRES_ACTION if failure_code == "authentication_required" else State.DECLINED
