"""What the workflow of auto-recharge is told at each turn: ids, cents, dates and enumerations alone (I5)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from rules.retry_ladder import MethodKind, Trigger

Standing = Literal["charging", "watching", "limited", "waiting", "off", "paused", "suspended", "closed"]
FirstStep = Literal["charge", "confirm", "look"]
Turn = Literal["confirm", "wait", "await_customer", "give_up", "drop"]


@dataclass(frozen=True, kw_only=True)
class Try:
    """One numbered confirm to be made: by which method, and what led to it."""

    number: int
    method_id: str
    method_kind: MethodKind
    trigger: Trigger
    step_percent: int | None = None
    off_session: bool = True


@dataclass(frozen=True, kw_only=True)
class Begun:
    """What ``begin`` found or made.

    ``charging``: there is a recharge to drive, beginning with ``first``; after ``look`` nothing is to be confirmed
    before a decision. ``limited`` and ``waiting``: nothing may be charged before ``until``. Else nothing is to be done.
    """

    standing: Standing
    until: datetime | None = None
    recharge_id: str | None = None
    amount_cents: int = 0
    method_kind: MethodKind = "card"
    first: FirstStep = "charge"
    confirm: Try | None = None
    on_session: bool = False
    """Whether the customer has confirmed already, since the last try without them."""


@dataclass(frozen=True, kw_only=True)
class Next:
    """What follows a decline, a timer or news: ``confirm`` belongs to its turn, ``until`` to waiting."""

    turn: Turn
    confirm: Try | None = None
    until: datetime | None = None
    trigger: Trigger | None = None
    """What is waited for: the next rung, or the soonest moment for a balance step."""
    reason: str | None = None
    """Why it is given up or dropped: a code."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """The recharge's final status, and whether T asks for another one at once."""

    status: str
    again: bool
    paused: bool = False
