"""What an automatic recharge does after a decline: the retry ladder (rules D6, D7, D8), pure.

An **episode** is the run of confirms from a trigger to success or pause. A recharge that was dropped because T rose by
itself does not end it: a hold placed and released around the minimum would else be a fresh start each time, and a
card that declines would be asked as often as that happens.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from rules.declines import RATE_LIMITED, Retry, may_present_again
from rules.durations import SOONEST_RETRY

Trigger = Literal["first", "rung", "step", "backup", "customer"]
MethodKind = Literal["card", "bank"]
Stop = Literal["off", "suspended", "closed", "settings_changed"]

LADDER = (timedelta(hours=1), timedelta(days=1), timedelta(days=3))
MOST_CONFIRMS = 5
#: Of a bank debit: the original and two more (Nacha, rule D8), none later than this after the original.
MOST_PRESENTMENTS = 3
PRESENTED_WITHIN = timedelta(days=180)
RATE_LIMIT_WAIT = timedelta(hours=24)
STEPS = (75, 50, 25, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One confirm: a ``charge_attempt`` row. ``failure_code`` and ``retry`` are None while it has not failed."""

    number: int
    method_id: str
    trigger: Trigger
    step_percent: int | None
    """The lowest of ``STEPS`` that available had reached when it was made: that one and those above are used up."""
    created_at: datetime
    ended_at: datetime | None
    failure_code: str | None
    retry: Retry | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """All that a decision is made from, read in one transaction under the account's lock.

    ``tried``: every confirm of the account's automatic recharges since the episode began, oldest first, those of
    dropped recharges too. It began after the latest of: a succeeded automatic or manual recharge, the owner's PUT, a
    lifted pause; a confirm that ended after that is of it. Empty: nothing was tried yet, the first confirm is due.
    ``primary`` and ``backup`` are usable methods by the settings as they stand; an equal backup is ignored.
    ``refused``: the code by which the primary was refused for good in an earlier episode; None where it was not, or the
    owner has acted or the method was renewed since. It is passed over then: a lost card would else be asked at each
    recharge that the back-up pays.
    ``total_without_micros``: T without the episode's own open recharge, in millionths of a dollar.
    ``action_expires_at``: until when the customer's link works; None where there is none.
    """

    primary: str
    primary_kind: MethodKind
    backup: str | None
    tried: Sequence[Tried]
    minimum_micros: int
    available_micros: int
    total_without_micros: int
    refused: str | None = None
    action_expires_at: datetime | None = None
    stop: Stop | None = None
    ladder: Sequence[timedelta] = LADDER


@dataclass(frozen=True, slots=True)
class Confirm:
    """Confirm now, by this method; ``step_percent`` belongs on the attempt's row."""

    method_id: str
    trigger: Trigger
    step_percent: int | None
    why: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Ask again at ``until``, or when available falls to one of the steps ``watched`` (percent of the minimum)."""

    until: datetime
    trigger: Trigger
    watched: tuple[int, ...]
    why: str


@dataclass(frozen=True, slots=True)
class AwaitCustomer:
    """The customer has the link until then; nothing is tried without them."""

    until: datetime
    why: str


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Cancel the payment; auto-recharge pauses for ``reason``: the code of the last failure, or ``action_expired``."""

    reason: str
    why: str


@dataclass(frozen=True, slots=True)
class Drop:
    """Cancel the payment without a pause: the recharge is not wanted any more."""

    reason: Stop | Literal["above_minimum"]
    why: str


Decision = Confirm | Wait | AwaitCustomer | GiveUp | Drop


def decide(episode: Episode, *, now: datetime) -> Decision:
    """What comes next.

    Raises ValueError while a confirm of ours has not ended: two are never in flight. (The customer's own may be open:
    they are on their bank's page.)
    """
    tried = episode.tried
    with_them = bool(tried) and tried[-1].ended_at is None and tried[-1].trigger == "customer"
    if tried and tried[-1].ended_at is None and not with_them:
        raise ValueError("the newest confirm has not ended")
    unwanted = _unwanted(episode)
    if unwanted is not None:
        return unwanted
    return _end(episode, "The customer is on the bank's page.", now) if with_them else _next(episode, now)


def _unwanted(episode: Episode) -> Drop | None:
    if episode.stop is not None:
        return Drop(episode.stop, _STOPPED[episode.stop])
    if episode.total_without_micros > episode.minimum_micros:
        return Drop("above_minimum", "The balance is above the minimum again without this recharge.")
    return None


def _next(episode: Episode, now: datetime) -> Confirm | Wait | AwaitCustomer | GiveUp:
    step = reached(episode.available_micros, episode.minimum_micros)
    mine = [one for one in episode.tried if one.method_id == episode.primary]
    if not mine and episode.refused is None:
        return Confirm(episode.primary, "first", step, "The balance has reached the minimum.")
    again = _over(episode, mine) or _again(episode, mine, step, now)
    if not isinstance(again, str):
        return again
    if episode.backup not in {None, episode.primary} and all(one.trigger != "backup" for one in episode.tried):
        return Confirm(str(episode.backup), "backup", step, f"{again} The back-up method is tried, once.")
    return _end(episode, again, now)


def reached(available_micros: int, minimum_micros: int) -> int | None:
    """The lowest balance step at or below which available is, in percent of the minimum; None above all."""
    return min((step for step in STEPS if available_micros * 100 <= minimum_micros * step), default=None)


def steps_left(tried: Sequence[Tried]) -> tuple[int, ...]:
    """The balance steps that no confirm has used up, highest first."""
    used = min((one.step_percent for one in tried if one.step_percent is not None), default=101)
    return tuple(step for step in STEPS if step < used)


def _over(episode: Episode, mine: Sequence[Tried]) -> str | None:
    """In words, why the primary method is not tried (again) whatever the clock shows; None while it may be."""
    if not mine:
        return f"The first method was refused for good ({episode.refused}): it is asked when it or the settings change."
    bank = episode.primary_kind == "bank"
    if any(one.retry == "with_customer" for one in mine):
        return "Only the customer can finish this payment."
    for one in mine:
        if one.retry == "other_method" or (bank and one.failure_code and not may_present_again(one.failure_code)):
            return f"A decline such as this one ({one.failure_code}) does not pass."
    if bank and len(mine) >= MOST_PRESENTMENTS:
        return "A returned bank debit is sent again twice at most."
    if len(mine) >= MOST_CONFIRMS:
        return "The method has been tried five times."
    return "The last rung of the ladder was declined." if _rungs_used(mine) >= len(episode.ladder) else None


def _again(episode: Episode, mine: Sequence[Tried], step: int | None, now: datetime) -> Confirm | Wait | str:
    """The next try of the primary method, or in words why it would come too late."""
    span = episode.ladder[_rungs_used(mine)]
    last = max(one.ended_at or one.created_at for one in mine)
    soonest = max([last + SOONEST_RETRY, *_rate_limited_until(mine)])
    rung = max(last + span, soonest)
    if episode.primary_kind == "bank" and max(rung, now) > mine[0].created_at + PRESENTED_WITHIN:
        return "A returned bank debit is sent again within 180 days alone."
    if now >= rung:
        return Confirm(episode.primary, "rung", step, f"The ladder's next try, {_spoken(span)} after the last decline.")
    steps = steps_left(episode.tried) if episode.primary_kind == "card" else ()
    if step is None or step not in steps:
        return Wait(rung, "rung", steps, f"The same method is tried again {_spoken(rung - last)} after its decline.")
    fallen = f"Available has fallen to {step} % of the minimum"
    if now >= soonest:
        return Confirm(episode.primary, "step", step, f"{fallen}.")
    return Wait(soonest, "step", steps, f"{fallen}: tried again {_spoken(soonest - last)} after the decline.")


def _end(episode: Episode, over: str, now: datetime) -> AwaitCustomer | GiveUp:
    """Nothing is left to try without the customer."""
    until = episode.action_expires_at
    if until is not None and any(one.retry == "with_customer" for one in episode.tried):
        if now < until:
            return AwaitCustomer(until, f"{over} They have a link until then.")
        return GiveUp("action_expired", "The customer did not confirm the payment in time.")
    codes = [one.failure_code for one in episode.tried if one.failure_code]
    return GiveUp(codes[-1] if codes else episode.refused or "unknown", f"{over} No other method is left.")


def _rungs_used(mine: Sequence[Tried]) -> int:
    return sum(one.trigger == "rung" for one in mine)


def _rate_limited_until(mine: Sequence[Tried]) -> list[datetime]:
    return [(one.ended_at or one.created_at) + RATE_LIMIT_WAIT for one in mine if one.failure_code == RATE_LIMITED]


def _spoken(span: timedelta) -> str:
    """``1 day``, ``2 hours``, ``15 minutes``: in the widest unit that fits; never less than it is."""
    seconds = int(span.total_seconds())
    unit, name = next((one for one in _UNITS if seconds >= one[0] and seconds % one[0] == 0), (60, "minute"))
    count = -(-seconds // unit)
    return f"{count} {name}{'' if count == 1 else 's'}"


_UNITS = ((86_400, "day"), (3_600, "hour"))
_STOPPED: dict[Stop, str] = {
    "off": "Auto-recharge was switched off.",
    "suspended": "The account is suspended.",
    "closed": "The account is closed.",
    "settings_changed": "The settings were changed: it begins again by the new ones.",
}
