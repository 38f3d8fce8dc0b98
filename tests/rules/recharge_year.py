"""A year of one account, drawn from a seed: usage, holds, declines, an owner who acts, and what the rules make of it.

`Year` does what the database and the workflow do (wake at crossings, decide, confirm, end) and asks the rules alone
what comes next. `Observer` knows nothing of the rules' code: it watches what was done, and says where a promise was
broken.
"""

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from rules import recharge_limits, recharge_sizing, retry_ladder
from rules.auto_recharge import watched_minimum, watched_steps
from rules.declines import ACH_RETURNS, RATE_LIMITED, explain
from rules.retry_ladder import AwaitCustomer, Confirm, Drop, Episode, GiveUp, Tried, Wait

START = datetime(2026, 1, 1, tzinfo=UTC)
END = START + timedelta(days=365)
DOLLAR, CENT = 1_000_000, 10_000
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ZONES = ["UTC", "America/New_York", "Asia/Kolkata", "America/Santiago"]
LADDERS = [
    (HOUR, DAY, 3 * DAY),
    (HOUR, DAY, 3 * DAY),
    (15 * MINUTE, HOUR, 6 * HOUR, DAY),
    (2 * DAY, 30 * DAY, 30 * DAY, 30 * DAY),
]
CARD_DECLINES = ["insufficient_funds"] * 6 + ["generic_decline"] * 3 + [RATE_LIMITED, "lost_card", "expired_card"]
CARD_DECLINES += ["authentication_required"] * 2
BANK_DECLINES = ["R01"] * 5 + ["R09", "R02", "R10", "processing_error"]


_FOR_GOOD = {"lost_card", "expired_card", "R02", "R10"}


class BrokenError(AssertionError):
    """A promise was broken."""


@dataclass
class Made:
    """A recharge; `status` as in the database."""

    kind: str
    cents: int
    created_at: datetime
    status: str = "processing"
    action_expires_at: datetime | None = None
    version: int = 0


@dataclass
class Act:
    """A confirm as the processor sees it."""

    method: str
    by: str
    episode: int
    began: datetime
    step: int | None
    ended: datetime | None = None
    code: str | None = None


@dataclass
class Owner:
    """What the owner has chosen."""

    primary: str
    backup: str | None
    minimum: int
    cents: int
    limits: dict[str, int | None]
    ladder: tuple[timedelta, ...]
    enabled: bool = True


@dataclass
class Timer:
    at: datetime
    what: str


@dataclass
class Year:
    """Run it: `Year(seed).run()` gives the observer, whose counts say what happened."""

    seed: int
    now: datetime = START
    held: int = 0
    paused: bool = False
    suspended: bool = False
    version: int = 0
    open: Made | None = None
    in_flight: bool = False
    timer: Timer | None = None
    tried: list[Tried] = field(default_factory=list)
    watched: list[int] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.draw = random.Random(self.seed)
        self.zone = self.draw.choice(ZONES)
        self.cap = self.draw.choice([10_000_00, 10_000_00, 400_00])
        self.owner = self.chosen()
        self.posted = self.draw.randrange(0, 400) * DOLLAR
        self.bad: dict[str, bool] = {}
        self.made: list[Made] = []
        self.events: list[tuple[datetime, int, Callable[[], None]]] = []
        self.order = itertools.count()
        self.observer = Observer(self)

    # The balance

    @property
    def available(self) -> int:
        return self.posted - self.held

    @property
    def arriving(self) -> int:
        return sum(one.cents for one in self.made[-40:] if one.status == "processing") * CENT

    @property
    def total(self) -> int:
        return self.available + self.arriving

    def moves(self, micros: int, *, held: int = 0) -> None:
        """A posting or a hold; who watches is told as the ledger does it: at or above before, below after."""
        before = self.available
        self.posted, self.held = self.posted + micros, self.held + held
        if any(before >= below > self.available for below in self.watched):
            self.look()

    def rearm(self) -> None:
        owner, self.watched = self.owner, []
        if owner.enabled and not self.paused:
            self.watched = [watched_minimum(owner.minimum, arriving_micros=self.arriving, provisional_micros=0)]
            if self.timer is not None and self.timer.what == "retry" and owner.primary.startswith("card"):
                self.watched += watched_steps(owner.minimum)

    def tested(self) -> None:
        """After a change of arriving or of the settings: the level is tested, and an open recharge is woken."""
        self.rearm()
        if self.total <= self.owner.minimum or self.open is not None:
            self.look()

    # The episode

    def look(self) -> None:
        """What a wake or a timer leads to. While a confirm is under way its end will look."""
        if self.in_flight:
            return
        self.timer = None
        while self.step():
            pass
        self.rearm()

    def step(self) -> bool:
        """One decision; whether another one is to be made at once."""
        cents = self.open.cents if self.open is not None else self.sized()
        if cents is None:
            return False
        match retry_ladder.decide(self.episode(), now=self.now):
            case Confirm() as confirm:
                if self.open is None:
                    self.open = Made("auto", cents, self.now, version=self.version)
                    self.observer.making(self.open, cents)
                    self.made.append(self.open)
                self.confirm(confirm.method_id, confirm.trigger, confirm.step_percent)
            case Wait() as wait:
                self.sleep("retry", wait.until)
            case AwaitCustomer() as customer:
                if self.open is not None:
                    self.open.status = "requires_action"
                self.sleep("customer", customer.until)
            case GiveUp():
                self.end("failed")
                self.paused = True
                self.observer.counts["paused"] += 1
            case Drop():
                self.end("canceled")
                self.observer.counts["dropped"] += 1
                return True
        return False

    def sized(self) -> int | None:
        """What a new recharge would be; None where there is nothing to do, or a limit stands in the way."""
        owner = self.owner
        if not owner.enabled or self.paused or self.suspended or self.total > owner.minimum:
            return None
        found = recharge_sizing.size(
            total_micros=self.total, minimum_micros=owner.minimum, amount_cents=owner.cents, cap_cents=self.cap
        )
        if found is None:
            raise BrokenError("an amount that was accepted is above the cap")
        used = self.used()
        limit = recharge_limits.limited(
            limits=owner.limits, used=used, cents=found.cents, now=self.now, timezone=self.zone
        )  # fmt: skip
        if limit is not None:
            self.observer.counts["limited"] += 1
            self.sleep("limit", limit.until)
            return None
        return found.cents

    def used(self) -> dict[recharge_limits.LimitName, int]:
        windows = recharge_limits.windows(self.now, self.zone)
        counted = [
            one
            for one in self.made
            if one.kind in recharge_limits.COUNTED_KINDS and one.status not in recharge_limits.NOT_COUNTED_STATUSES
        ]
        return {
            name: sum(one.cents for one in counted if window.opens_at <= one.created_at < window.ends_at)
            for name, window in windows.items()
        }

    def episode(self) -> Episode:
        owner, mine = self.owner, self.open
        arriving = mine.cents * CENT if mine is not None and mine.status == "processing" else 0
        stop = "off" if not owner.enabled else "suspended" if self.suspended else None
        if mine is not None and mine.version != self.version and stop is None:
            stop = "settings_changed"
        return Episode(
            primary=owner.primary,
            primary_kind="card" if owner.primary.startswith("card") else "bank",
            backup=owner.backup,
            tried=tuple(self.tried),
            minimum_micros=owner.minimum,
            available_micros=self.available,
            total_without_micros=self.total - arriving,
            refused=self.refused.get(owner.primary),
            action_expires_at=mine.action_expires_at if mine is not None else None,
            stop=stop,
            ladder=owner.ladder,
        )

    def confirm(self, method: str, trigger: str, step: int | None) -> None:
        assert self.open is not None
        self.open.status = "processing"
        number = len(self.tried) + 1
        self.tried.append(
            Tried(
                number=number, method_id=method, trigger=trigger, step_percent=step, created_at=self.now,
                ended_at=None, failure_code=None, retry=None,
            )
        )  # fmt: skip
        act = self.observer.confirming(method, trigger, step)
        self.in_flight = True
        takes = self.draw.randrange(1, 40) * timedelta(seconds=1) if method.startswith("card") else 4 * DAY
        self.at(self.now + takes, lambda: self.answered(act, self.outcome(method)))

    def outcome(self, method: str) -> str | None:
        """None: it succeeded; else the code of its decline."""
        if self.draw.random() > (0.93 if self.bad.get(method) else 0.08):
            return None
        return self.draw.choice(CARD_DECLINES if method.startswith("card") else BANK_DECLINES)

    def answered(self, act: Act, code: str | None) -> None:
        assert self.open is not None
        self.in_flight = False
        self.observer.ended(act, code)
        if code is None:
            self.end("succeeded")
            self.fresh()
            self.look()
            return
        decline = explain(code=code, network_decline_code=code if code in ACH_RETURNS else None)
        self.tried[-1] = replace(
            self.tried[-1], ended_at=self.now, failure_code=decline.code, retry=decline.retry
        )  # fmt: skip
        if decline.retry == "other_method":
            self.refused[act.method] = code
        if code == "authentication_required" and self.open.action_expires_at is None:
            self.open.action_expires_at = self.now + DAY
            if self.draw.random() < 0.5:
                self.at(self.now + self.draw.randrange(1, 1500) * MINUTE, lambda made=self.open: self.customer(made))
        self.look()

    def customer(self, made: Made) -> None:
        """The customer opens the link, if it still leads to a payment that waits for them."""
        if self.open is not made or made.status != "requires_action" or self.in_flight:
            return
        self.timer = None
        self.confirm(self.tried[-1].method_id, "customer", None)

    def end(self, status: str) -> None:
        """The open recharge, if there is one, has ended."""
        if self.open is None:
            return
        self.open.status, done, self.open = status, self.open, None
        if status == "succeeded":
            self.posted += done.cents * CENT
        self.rearm()

    def fresh(self) -> None:
        """An episode ends here."""
        self.tried = []
        self.observer.episode += 1

    def sleep(self, what: str, until: datetime) -> None:
        timer = self.timer = Timer(until, what)
        self.at(until, lambda: self.look() if self.timer is timer else None)

    # The world

    def chosen(self) -> Owner:
        draw = self.draw
        cents = draw.choice([25_00, 50_00, 100_00, 250_00, 333_33])
        limits = {
            name: draw.choice([None, None, cents * times])
            for name, times in (("daily", draw.randrange(1, 4)), ("weekly", draw.randrange(2, 7)), ("monthly", 15))
        }
        cards = draw.sample(["card_a", "card_b", "card_c"], 3)
        primary = draw.choice([cards[0], cards[0], cards[0], "bank"])
        backup = draw.choice([None, cards[1], cards[2], primary, "bank"])
        return Owner(
            primary=primary, backup=backup, minimum=draw.randrange(0, 250) * DOLLAR // 2 + draw.randrange(3),
            cents=cents, limits=limits, ladder=draw.choice(LADDERS),
        )  # fmt: skip

    def at(self, when: datetime, act: Callable[[], None]) -> None:
        heapq.heappush(self.events, (when, next(self.order), act))

    def every(self, mean: timedelta, act: Callable[[], None]) -> None:
        """``act`` again and again, at random, so often on average."""

        def again() -> None:
            self.at(self.now + mean * self.draw.expovariate(1.0), again)
            act()

        self.at(self.now + mean * self.draw.expovariate(1.0), again)

    def spend(self) -> None:
        if self.available > 0 or self.draw.random() < 0.05:
            self.moves(-self.draw.choice([1, 3, 7, 12, 12, 30, 90]) * DOLLAR - self.draw.randrange(DOLLAR))

    def flap(self) -> None:
        """Holds that are placed and released around the minimum, seconds apart."""
        held = max(self.total - self.owner.minimum, 0) + DOLLAR
        for n in range(12):
            self.at(self.now + n * timedelta(seconds=50), lambda: self.moves(0, held=held))
            self.at(self.now + n * timedelta(seconds=50, milliseconds=500), lambda: self.moves(0, held=-held))

    def put(self) -> None:
        """The owner sends settings: the same, others, or off for a while."""
        before = replace(self.owner)
        if self.draw.random() < 0.6:
            self.owner = replace(self.chosen(), ladder=self.owner.ladder)
        self.owner.enabled = self.draw.random() < 0.85
        if self.in_flight:
            self.owner.primary = before.primary
        self.version += before != self.owner
        self.lift()

    def lift(self) -> None:
        self.paused = False
        self.refused = {}
        self.observer.acted = self.now
        if not self.in_flight:
            self.fresh()
        self.tested()

    def suspend(self) -> None:
        self.suspended = not self.suspended
        self.tested()

    def recharge(self) -> None:
        """A recharge by the owner's hand: by card at once, or by bank in four days."""
        made = Made("manual", self.draw.choice([25_00, 80_00]), self.now)
        self.made.append(made)
        self.tested()
        takes = self.draw.choice([timedelta(seconds=2), 4 * DAY])

        def settle() -> None:
            made.status = self.draw.choice(["succeeded", "succeeded", "failed"])
            if made.status == "succeeded":
                self.posted += made.cents * CENT
                self.lift()
            else:
                self.tested()

        self.at(self.now + takes, settle)

    def turn(self) -> None:
        """A method goes bad, or good again."""
        method = self.draw.choice(["card_a", "card_b", "card_c", "bank"])
        self.bad[method] = not self.bad.get(method, False)

    def run(self) -> "Observer":
        """The whole year."""
        self.rearm()
        for mean, act in (
            (18 * HOUR, self.spend), (70 * DAY, self.flap), (60 * DAY, self.put), (30 * DAY, self.recharge),
            (15 * DAY, self.turn), (120 * DAY, self.suspend),
        ):  # fmt: skip
            self.every(mean, act)
        self.tested()
        while self.events and self.events[0][0] < END:
            self.now, _, act = heapq.heappop(self.events)
            act()
            self.observer.rests()
        return self.observer


class Observer:
    """What was promised, looked at from outside: from confirms, recharges and the balance alone."""

    def __init__(self, year: Year) -> None:
        self.year, self.episode, self.acts, self.acted = year, 0, list[Act](), year.now
        self.counts = dict.fromkeys(
            ["confirms", "succeeded", "paused", "dropped", "limited", "rung", "step", "backup", "customer"], 0
        )

    def broken(self, words: str) -> BrokenError:
        return BrokenError(f"seed {self.year.seed}, {self.year.now.isoformat()}: {words}")

    def making(self, made: Made, cents: int) -> None:
        """A recharge is about to be made."""
        year, owner = self.year, self.year.owner
        if any(one.kind == "auto" and one.status in {"processing", "requires_action"} for one in year.made):
            raise self.broken("two automatic recharges in flight")
        enough = [
            n for n in range(1, year.cap // owner.cents + 1) if year.total + n * owner.cents * CENT > owner.minimum
        ]
        if cents != (enough[0] if enough else year.cap // owner.cents) * owner.cents:
            raise self.broken(f"sized {cents}")
        for name, limit in owner.limits.items():
            used = self._used(name, made.created_at)
            if limit is not None and used + cents > limit:
                raise self.broken(f"the {name} limit of {limit} was passed: {used} + {cents}")

    def _wanted(self) -> int:
        """The smallest multiple that does, by counting."""
        year, owner = self.year, self.year.owner
        times = 1
        while year.total + times * owner.cents * CENT <= owner.minimum and (times + 1) * owner.cents <= year.cap:
            times += 1
        return times * owner.cents

    def _used(self, name: str, at: datetime) -> int:
        """What counts in the day, week or month of `at`, by the calendar on the wall."""
        zone = ZoneInfo(self.year.zone)
        period = {
            "daily": lambda day: day,
            "weekly": lambda day: day.isocalendar()[:2],
            "monthly": lambda day: (day.year, day.month),
        }[name]
        here = period(at.astimezone(zone).date())
        return sum(
            one.cents
            for one in self.year.made
            if one.kind in {"manual", "auto"} and one.status not in {"failed", "canceled"}
            and period(one.created_at.astimezone(zone).date()) == here
        )  # fmt: skip

    def confirming(self, method: str, by: str, step: int | None) -> Act:
        """A confirm is sent to the processor."""
        act = Act(method, by, self.episode, self.year.now, step)
        mine = [one for one in self.acts if one.episode == self.episode]
        if any(one.ended is None for one in self.acts):
            raise self.broken("two confirms in flight")
        same = [one for one in mine if one.method == method and one.by != "backup"]
        if by == "backup":
            if any(one.by == "backup" for one in mine):
                raise self.broken("a second back-up confirm")
        elif by != "customer":
            self._allowed(act, same)
            for one in self.acts:
                if one.method == method and one.code in _FOR_GOOD and one.ended is not None and one.ended > self.acted:
                    raise self.broken(f"{method} in a later episode after {one.code}")
        if by == "step" and any(one.step is not None and step is not None and one.step <= step for one in mine):
            raise self.broken(f"the step of {step} % twice")
        self.acts.append(act)
        self.counts["confirms"] += 1
        if by in self.counts:
            self.counts[by] += 1
        return act

    def _allowed(self, act: Act, same: list[Act]) -> None:
        most = 5 if act.method.startswith("card") else 3
        if len(same) >= most:
            raise self.broken(f"confirm {len(same) + 1} of {act.method}")
        for one in same:
            since = act.began - one.ended if one.ended is not None else timedelta(0)
            rest = DAY if one.code == RATE_LIMITED else 15 * MINUTE
            if since < rest:
                raise self.broken(f"{act.method} again {since} after {one.code}")
            if one.code in _FOR_GOOD | {"authentication_required", "processing_error"}:
                raise self.broken(f"{act.method} again after {one.code}")
            if act.method == "bank" and act.began - same[0].began > 180 * DAY:
                raise self.broken("a bank debit sent again after 180 days")

    def ended(self, act: Act, code: str | None) -> None:
        """The processor has answered."""
        act.ended, act.code = self.year.now, code
        self.counts["succeeded"] += code is None

    def rests(self) -> None:
        """Nobody acts: then nothing may be waiting that nobody will come back to."""
        year, owner = self.year, self.year.owner
        if year.in_flight:
            return
        due = owner.enabled and not year.paused and not year.suspended and year.total <= owner.minimum
        if not due and year.open is None:
            return
        timer = year.timer
        if timer is None or timer.at < year.now:
            raise self.broken(f"asleep: balance {year.total}, minimum {owner.minimum}, open {year.open}, {timer}")
        if timer.at == year.now:
            return  # it is the next event
        if timer.what == "limit":
            self._limited_until(timer.at)
        elif timer.what == "retry":
            last = max(one.ended for one in self.acts if one.ended is not None)
            if timer.at > last + max(*owner.ladder, DAY):
                raise self.broken(f"waits until {timer.at} for its next try")
        elif year.open is None or year.open.status != "requires_action" or timer.at != year.open.action_expires_at:
            raise self.broken(f"waits until {timer.at} for no customer")

    def _limited_until(self, until: datetime) -> None:
        """A limit is in the way, and `until` is when its next window opens."""
        year = self.year
        zone, cents = ZoneInfo(year.zone), self._wanted()
        opens, before = until.astimezone(zone), (until - timedelta(microseconds=1)).astimezone(zone)
        first = {
            "daily": opens.date() != before.date(),
            "weekly": opens.date() != before.date() and opens.weekday() == 0,
            "monthly": opens.month != before.month,
        }
        longest = {"daily": 1, "weekly": 7, "monthly": 31}
        for name, limit in year.owner.limits.items():
            over = limit is not None and self._used(name, year.now) + cents > limit
            if over and first[name] and until - year.now <= longest[name] * DAY + HOUR:
                return
        raise self.broken(f"waits until {until} for no limit")
