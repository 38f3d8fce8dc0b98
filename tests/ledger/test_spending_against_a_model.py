"""The spending path against a model in plain Python (requirements B1, B4, F2-F7, H6).

Two APIs on one real book are asked for random usage, batches, retries, holds, budgets and months: both know it all.
"""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import hypothesis.strategies as st
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from sqlalchemy import text

import ledger
from ledger import AlreadyEndedError, KeyReusedError
from rules.money import Money
from store.hold_expiry import expire_due
from store.proof import prove
from tests.api.client import START, Api, Clock, serving, settings_for

ZONE = "America/New_York"
#: In the middle of a month, and half an hour before its end.
BEGINNINGS = (START, datetime(2026, 12, 1, 4, 30, tzinfo=UTC))
EXHAUSTED = {"budget_exhausted", "balance_exhausted"}
LATE = timedelta(days=30)
amounts = st.integers(1, 40)
references = st.integers(0, 24).map("r{}".format)
payers = st.integers(0, 3)
"""0 is the main account, the others its subaccounts."""
senders = st.sampled_from([None, None, "A", "B"])
waits = st.tuples(
    st.sampled_from([timedelta()] * 6 + [timedelta(seconds=61), timedelta(hours=2), timedelta(days=10)]),
    st.sampled_from([False, False, True]),
)
budgets = st.none() | st.integers(0, 120)
ends = st.sampled_from(["captured", "captured for more", "released", "expired"])
lists = st.sampled_from([None, None, [], ["A"], ["A", "B"]])


@dataclass(frozen=True)
class Charge:
    """What a reference stands for."""

    amount: int
    payer: int
    sender: str | None = None
    kind: str = "usage"
    settled: bool = False
    expires_in: int | None = None
    """Seconds, of a hold."""


@dataclass
class Payer:
    """The main account or a subaccount."""

    id: str
    token: str
    enabled: bool = True
    ended_at: datetime | None = None
    deleted: bool = False
    senders: list[str] | None = None
    budget: int | None = None


@dataclass
class Hold:
    id: str
    amount: int
    payer: int
    month: date
    expires_at: datetime
    status: str = "open"
    captured: int = 0
    settled: bool = False

    @property
    def counts(self) -> int:
        """What it takes of its month's budget."""
        return {"open": self.amount, "captured": self.captured}.get(self.status, 0)


@dataclass
class Truth:
    """What the book of one account should be, kept the naive way: all there is is added up for each question."""

    payers: list[Payer]
    now: datetime
    credit: int = 0
    charged: list[tuple[Charge, date]] = field(default_factory=list)
    """Usage, with the month in which it was charged."""
    stored: dict[str, tuple[Charge, str]] = field(default_factory=dict)
    """Reference → what it stands for, and the id that was answered."""
    holds: dict[str, Hold] = field(default_factory=dict)
    pending: dict[str, int] = field(default_factory=dict)
    suspended_at: datetime | None = None

    @property
    def month(self) -> date:
        return self.now.astimezone(ZoneInfo(ZONE)).date().replace(day=1)

    @property
    def held(self) -> int:
        return sum(hold.amount for hold in self.holds.values() if hold.status == "open")

    @property
    def used(self) -> int:
        return sum(charge.amount for charge, _ in self.charged) + sum(hold.captured for hold in self.holds.values())

    @property
    def available(self) -> int:
        return self.credit - self.used - self.held

    def spent(self, payer: int) -> int:
        """This month, by usage and holds."""
        usage = sum(c.amount for c, month in self.charged if (c.payer, month) == (payer, self.month))
        return usage + sum(h.counts for h in self.holds.values() if (h.payer, h.month) == (payer, self.month))

    def room(self, payer: int) -> int:
        """How much may be charged now, or less than zero."""
        budget = self.payers[payer].budget
        return min(self.available, self.available if budget is None else budget - self.spent(payer))

    def is_over(self, hold: Hold) -> bool:
        return hold.status == "open" and hold.expires_at <= self.now

    def expire(self) -> bool:
        """Free what expired holds keep; whether there were any."""
        due = [hold for hold in self.holds.values() if self.is_over(hold)]
        for hold in due:
            hold.status = "expired"
        return bool(due)

    def barred(self, charge: Charge) -> str | None:
        """Why it may not be, whatever there is to spend."""
        payer = self.payers[charge.payer]
        if charge.settled:
            late = any(end is not None and self.now >= end + LATE for end in (self.suspended_at, payer.ended_at))
            return "settled_too_late" if late else None
        if self.suspended_at is not None:
            return "account_suspended"
        if payer.deleted:
            return "subaccount_deleted"
        if not payer.enabled:
            return "subaccount_disabled"
        unlisted = payer.senders is not None and charge.sender is not None and charge.sender not in payer.senders
        return "sender_not_allowed" if unlisted else None

    def short(self, charge: Charge) -> str | None:
        """Which of budget and balance does not allow it."""
        if charge.settled:
            return None
        budget = self.payers[charge.payer].budget
        if budget is not None and self.spent(charge.payer) + charge.amount > budget:
            return "budget_exhausted"
        return "balance_exhausted" if self.available < charge.amount else None

    def decide(self, reference: str, charge: Charge) -> str:
        """What is answered to usage or a hold; what is to be posted is not posted yet."""
        if reference in self.stored:
            return "replayed" if self.stored[reference][0] == charge else "reference_reused"
        return self.barred(charge) or self.short(charge) or "posted"

    def post(self, reference: str, charge: Charge, given: str) -> None:
        self.charged.append((charge, self.month))
        self.stored[reference] = charge, given


class Spending(RuleBasedStateMachine):
    """Asks one of two doors, and the model, and compares after every step. Runs in a thread beside the loop."""

    loop: asyncio.AbstractEventLoop
    doors: list[Api]
    clock: Clock

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    def call(self, method: str, path: str = "", body: Any = None, *, door: int = 0) -> Any:
        return self.run(self._call(method, path, body, door))

    async def _call(self, method: str, path: str, body: Any, door: int) -> Any:
        return await self.doors[door % 2].operator.request(method, f"{self.path}{path}", json=body)

    @initialize(credit=st.integers(0, 900), limits=st.tuples(*[budgets] * 3), beginning=st.sampled_from(BEGINNINGS))
    def open(self, credit, limits, beginning):
        self.clock.time = beginning

        async def make():
            account = await self.doors[0].open_account(timezone=ZONE)
            shown = [None if limit is None else str(Money(limit)) for limit in limits]
            return [account, *[await self.doors[0].subaccount(account, monthly_budget=limit) for limit in shown]]

        made = self.run(make())
        self.account = made[0].id
        self.path = f"/v1/accounts/{self.account}"
        payers = [Payer(one.id, one.token, budget=limit) for one, limit in zip(made, (None, *limits), strict=True)]
        self.truth = Truth(payers, now=self.clock.time)
        self.recharges: dict[str, str] = {}
        self.adjustments: dict[str, int] = {}
        self.named = 0
        if credit:
            self.adjust(n=9, amount=credit)

    # Usage

    def new_reference(self):
        self.named += 1
        return f"new-{self.named}"

    def body(self, reference, charge, *, batch=False):
        body = {
            "amount": str(Money(charge.amount)),
            "reference": reference,
            "sender_id": charge.sender,
            "subaccount": self.truth.payers[charge.payer].id if charge.payer else None,
        }
        if charge.expires_in is not None:
            return body | {"expires_in": charge.expires_in}
        return body | {"kind": charge.kind, "settled": charge.settled} | ({"account": self.account} if batch else {})

    def answered(self, answer):
        if answer.status_code == 201:
            return "replayed" if "Idempotent-Replayed" in answer.headers else "posted"
        return answer.json()["code"]

    @rule(
        after=waits,
        door=st.integers(0, 1),
        reference=references,
        amount=amounts,
        payer=payers,
        sender=senders,
        settled=st.sampled_from([False, False, False, True]),
        kind=st.sampled_from(["usage", "usage", "fee"]),
    )
    def charge(self, door, reference, amount, payer, sender, settled, kind, after):
        self.wait(after)
        self.charge_one(reference, Charge(amount, payer, sender, kind, settled), door)

    @rule(
        after=waits,
        door=st.integers(0, 1),
        n=st.integers(0, 99),
        other=st.sampled_from(
            [{}, {}, {"amount": 41}, {"payer": 2}, {"sender": "C"}, {"kind": "tax"}, {"settled": True}]
        ),
    )
    @precondition(lambda self: self.truth.stored)
    def retry(self, door, n, other, after):
        """The same again, or the same reference for something else."""
        self.wait(after)
        reference, (charge, _) = sorted(self.truth.stored.items())[n % len(self.truth.stored)]
        if charge.expires_in is None or other.keys() <= {"amount", "payer", "sender"}:  # a hold has no more to change
            charge = replace(charge, **other)
        if charge.expires_in is None:
            self.charge_one(reference, charge, door)
        else:
            self.reserve_one(reference, charge, door)

    def charge_one(self, reference, charge, door):
        expected = self.truth.decide(reference, charge)
        if expected in EXHAUSTED and self.truth.expire():
            expected = self.truth.decide(reference, charge)
        answer = self.call("POST", "/usage", self.body(reference, charge), door=door)
        assert self.answered(answer) == expected, answer.text
        if expected == "posted":
            self.truth.post(reference, charge, answer.json()["id"])
            assert answer.json()["available"] == str(Money(self.truth.available))
        if expected == "replayed":
            assert answer.json()["id"] == self.truth.stored[reference][1]
        self.compare()

    @rule(
        after=waits,
        door=st.integers(0, 1),
        items=st.lists(
            st.tuples(references, st.builds(Charge, amounts, payers, senders, settled=st.booleans())), max_size=8
        ),
        twice=st.booleans(),
    )
    def batch(self, door, items, twice, after):
        self.wait(after)
        if not items:
            return
        body = {"charges": [self.body(reference, charge, batch=True) for reference, charge in items]}
        expected = [self.decide_in_batch(n, reference, charge) for n, (reference, charge) in enumerate(items)]
        if EXHAUSTED & set(expected) and self.truth.expire():
            for n, (reference, charge) in enumerate(items):
                if expected[n] in EXHAUSTED:
                    expected[n] = self.decide_in_batch(n, reference, charge)
        results = self.send_batch(body, door)
        assert [result["code"] or result["status"] for result in results] == expected
        for (reference, charge), result in zip(items, results, strict=True):
            if result["status"] == "posted":
                self.truth.stored[reference] = charge, result["transaction"]
        # One that was refused first is decided again after a later one has taken its reference.
        for (reference, _), result in zip(items, results, strict=True):
            if result["status"] == "replayed" or result["code"] == "reference_reused":
                assert result["transaction"] == self.transaction_of(reference)
        if twice:
            stored = [(r, c) for r, c in items if self.truth.stored.get(r, (None,))[0] == c]
            again = self.send_batch({"charges": [self.body(r, c, batch=True) for r, c in stored]}, door + 1)
            assert {result["status"] for result in again} <= {"replayed"}
        self.compare()

    def decide_in_batch(self, n, reference, charge):
        outcome = self.truth.decide(reference, charge)
        if outcome == "posted":
            self.truth.post(reference, charge, f"item {n}")
        return outcome

    def send_batch(self, body, door):
        if not body["charges"]:
            return []
        answer = self.run(self.doors[door % 2].operator.post("/v1/usage/batch", json=body))
        assert answer.status_code == 200, answer.text
        return answer.json()["results"]

    def transaction_of(self, reference):
        charge, given = self.truth.stored[reference]
        if charge.expires_in is None:
            return given
        return self.run(self._opening(given))

    async def _opening(self, hold_id):
        async with self.doors[0].context.database.transaction() as session:
            seq = await session.scalar(
                text("SELECT seq FROM ledger_transfer WHERE account_id = :a AND source = :h AND kind = 9"),
                {"a": self.account, "h": hold_id},
            )
        return ledger.transaction_id(self.account, seq)

    @rule(
        after=waits,
        amount=st.integers(1, 120),
        payer=payers,
        count=st.integers(2, 12),
        one_reference=st.booleans(),
        held=st.integers(0, 500),
    )
    def many_at_once(self, amount, payer, count, one_reference, held, after):
        """Through both doors; which of them pass is for the book to say, how many is not. Some money is in a hold of
        which the time is over, and whoever comes first frees it for all.
        """
        self.wait(after)
        if held:
            self.reserve_one(self.new_reference(), Charge(held, payer, expires_in=60), 0)
            self.wait((timedelta(seconds=61), False))
        charge = Charge(amount, payer)
        name = self.new_reference()
        names = [name if one_reference else f"{name}-{n}" for n in range(count)]
        wanted = 1 if one_reference else count
        barred = self.truth.barred(charge)
        if barred is None and self.truth.room(payer) < wanted * amount:
            self.truth.expire()
        passing = 0 if barred else min(wanted, max(self.truth.room(payer), 0) // amount)

        async def send():
            bodies = (self.body(name, charge) for name in names)
            return await asyncio.gather(*(self._call("POST", "/usage", body, n) for n, body in enumerate(bodies)))

        answers = self.run(send())
        outcomes = Counter(map(self.answered, answers))
        assert outcomes["posted"] == passing
        assert outcomes["replayed"] == (count - 1 if one_reference and passing else 0)
        for name, answer in zip(names, answers, strict=True):
            if self.answered(answer) == "posted":
                self.truth.post(name, charge, answer.json()["id"])
        if passing < wanted:
            assert set(outcomes) - {"posted"} == {barred or self.truth.short(charge)}
        self.compare()

    @rule(after=waits, door=st.integers(0, 1), amount=st.none() | amounts, payer=payers, sender=senders)
    def authorize(self, door, amount, payer, sender, after):
        """The same answer as usage would have, without any effect but on expired holds."""
        self.wait(after)
        who, charge = self.truth.payers[payer], Charge(amount or 1, payer, sender)
        expected = self.truth.barred(charge) or self.truth.short(charge)
        if expected in EXHAUSTED and self.truth.expire():
            expected = self.truth.short(charge)
        body = {"auth_id": who.id, "auth_token": who.token, "sender_id": sender}
        body |= {} if amount is None else {"amount": str(Money(amount))}
        answer = self.run(self.doors[door].operator.post("/v1/authorize", json=body)).json()
        assert answer["reason"] == ("unauthenticated" if who.deleted else expected)
        assert answer["allowed"] == (answer["reason"] is None)
        self.compare()

    # Holds

    @rule(door=st.integers(0, 1), amount=amounts, payer=st.integers(1, 3), charged=amounts, end=ends)
    def over_the_end_of_a_month(self, door, amount, payer, charged, end):
        """What ends a hold counts in the month of its opening, though another has begun to be counted."""
        ends_at = (self.truth.month + timedelta(days=31)).replace(day=1)
        midnight = datetime(ends_at.year, ends_at.month, 1, tzinfo=ZoneInfo(ZONE))
        self.clock.time = max(self.clock.time, midnight - timedelta(minutes=10))
        self.truth.now = self.clock.time
        reference = self.new_reference()
        self.reserve_one(reference, Charge(amount, payer, expires_in=3600), door)
        self.wait((timedelta(minutes=20), False))
        self.charge_one(self.new_reference(), Charge(charged, payer), door)
        if reference in self.truth.stored:
            hold = self.truth.holds[self.truth.stored[reference][1]]
            match end:
                case "captured":
                    self.capture_one(hold, 1, settled=False, door=door)
                case "captured for more":
                    self.capture_one(hold, amount + charged, settled=True, door=door)
                case "released":
                    self.release_one(hold, door)
                case _:
                    self.wait((timedelta(hours=1), True))
        self.compare()

    @rule(
        after=waits,
        door=st.integers(0, 1),
        reference=references,
        amount=amounts,
        payer=payers,
        sender=senders,
        expires_in=st.sampled_from([60, 3600, 86400]),
    )
    def reserve(self, door, reference, amount, payer, sender, expires_in, after):
        self.wait(after)
        self.reserve_one(reference, Charge(amount, payer, sender, expires_in=expires_in), door)

    def reserve_one(self, reference, charge, door):
        expected = self.truth.decide(reference, charge)
        if expected in EXHAUSTED and self.truth.expire():
            expected = self.truth.decide(reference, charge)
        answer = self.call("POST", "/holds", self.body(reference, charge), door=door)
        assert self.answered(answer) == expected, answer.text
        if expected == "posted":
            made = answer.json()
            self.truth.holds[made["id"]] = Hold(
                made["id"], charge.amount, charge.payer, self.truth.month, datetime.fromisoformat(made["expires_at"])
            )
            self.truth.stored[reference] = charge, made["id"]
        if expected == "replayed":
            assert answer.json()["id"] == self.truth.stored[reference][1]
        self.compare()

    def ended(self, hold):
        return "hold_ended" if hold.status != "open" or self.truth.is_over(hold) else None

    def some_hold(self, n):
        return sorted(self.truth.holds.values(), key=lambda hold: hold.id)[n % len(self.truth.holds)]

    @rule(
        after=waits,
        door=st.integers(0, 1),
        n=st.integers(0, 99),
        amount=st.none() | st.integers(1, 90),
        settled=st.booleans(),
    )
    @precondition(lambda self: self.truth.holds)
    def capture(self, door, n, amount, settled, after):
        self.wait(after)
        self.capture_one(self.some_hold(n), amount, settled=settled, door=door)

    def capture_one(self, hold, amount, *, settled, door):
        micros = amount or hold.amount
        if (hold.status, hold.captured, hold.settled) == ("captured", micros, settled):
            expected = None
        else:
            expected = self.ended(hold) or ("capture_above_hold" if micros > hold.amount and not settled else None)
        body = {"settled": settled} | ({} if amount is None else {"amount": str(Money(amount))})
        answer = self.call("POST", f"/holds/{hold.id}/capture", body, door=door)
        assert answer.json().get("code") == expected, answer.text
        if expected is None:
            hold.status, hold.captured, hold.settled = "captured", micros, settled
        self.compare()

    @rule(after=waits, door=st.integers(0, 1), n=st.integers(0, 99))
    @precondition(lambda self: self.truth.holds)
    def release(self, door, n, after):
        self.wait(after)
        self.release_one(self.some_hold(n), door)

    def release_one(self, hold, door):
        expected = None if hold.status == "released" else self.ended(hold)
        answer = self.call("POST", f"/holds/{hold.id}/release", door=door)
        assert answer.json().get("code") == expected, answer.text
        if expected is None:
            hold.status = "released"
        self.compare()

    def wait(self, after):
        """Let time pass before what is asked next, and let the sweep come by, or not."""
        by, swept = after
        self.clock.time += by
        self.truth.now = self.clock.time
        if swept:
            self.run(self._sweep())
            self.truth.expire()

    async def _sweep(self):
        async with self.doors[0].context.database.transaction() as session:
            await expire_due(session, account_id=self.account, now=self.clock.now())

    # Money in

    async def _in_the_book(self, verb, **fields):
        async with self.doors[0].context.database.transaction() as session:
            try:
                return (await verb(session, account_id=self.account, now=self.clock.now(), **fields)).replayed
            except (AlreadyEndedError, KeyReusedError) as error:
                return type(error)

    @rule(n=st.integers(0, 5), amount=st.integers(-80, 300).filter(bool))
    def adjust(self, n, amount):
        key = f"adj_{n}"
        before = self.adjustments.setdefault(key, amount)
        found = self.run(
            self._in_the_book(ledger.adjust, adjustment_id=key, kind="goodwill", amount_micros=amount, reason="because")
        )
        if found is False:
            self.truth.credit += amount
        else:
            assert found == (True if before == amount else KeyReusedError)
        self.compare()

    @rule(n=st.integers(0, 5), amount=st.integers(1, 200), end=st.sampled_from(["settled", "voided", None]))
    def recharge(self, n, amount, end):
        key = f"rchg_{n}"
        state = self.recharges.get(key)
        if state is None:
            self.run(self._in_the_book(ledger.recharge_expected, recharge_id=key, amount_micros=amount))
            self.recharges[key], self.truth.pending[key] = "expected", amount
        elif end is not None:
            fields = {"recharge_id": key, "amount_micros": self.truth.pending.get(key, amount)}
            if state != "expected":
                return
            verb = ledger.recharge_settled if end == "settled" else ledger.recharge_voided
            charge = {"charge_id": f"ch_{n}"} if end == "settled" else {}
            assert self.run(self._in_the_book(verb, **fields, **charge)) is False
            assert self.run(self._in_the_book(verb, **fields, **charge)) is True
            self.recharges[key] = end
            self.truth.credit += self.truth.pending.pop(key) if end == "settled" else 0
            self.truth.pending.pop(key, None)
        self.compare()

    # Who may spend

    @rule(
        door=st.integers(0, 1),
        payer=payers,
        change=st.one_of(
            st.tuples(st.just("budget"), budgets),
            st.tuples(st.just("senders"), lists),
            st.tuples(st.just("enabled"), st.sampled_from([True, True, False])),
            st.tuples(st.just("suspended"), st.sampled_from([True, False, False])),
            st.tuples(st.just("deleted"), st.just(None)),
        ),
    )
    def change(self, door, payer, change):
        """One door is told, and the other must notice, which has just judged by what was."""
        self.charge_one(self.new_reference(), Charge(1, payer, "A"), door + 1)
        what, value = change
        who = self.truth.payers[payer]
        if what == "suspended":
            self.suspend(door, value)
        elif what == "senders":
            path = "/sender_ids" if payer == 0 else f"/subaccounts/{who.id}/sender_ids"
            if self.changed(door, "PUT", path, {"sender_ids": value}, who):
                who.senders = value
        elif payer > 0 and what == "budget":
            body = {"monthly_budget": None if value is None else str(Money(value))}
            if self.changed(door, "PATCH", f"/subaccounts/{who.id}", body, who):
                who.budget = value
        elif payer > 0 and what == "enabled":
            if self.changed(door, "PATCH", f"/subaccounts/{who.id}", {"enabled": value}, who):
                who.enabled, who.ended_at = value, None if value else who.ended_at or self.clock.time
        elif payer == 3 and len(self.truth.stored) > 5:
            assert self.call("DELETE", f"/subaccounts/{who.id}", door=door).is_success
            who.enabled, who.deleted, who.ended_at = False, True, who.ended_at if who.deleted else self.clock.time
        self.truth.now = self.clock.time
        self.charge_one(self.new_reference(), Charge(1, payer, "A"), door + 1)

    def suspend(self, door, suspend):
        if suspend != (self.truth.suspended_at is not None):
            body = {"status": "suspended" if suspend else "active", "reason": "because"}
            assert self.call("PATCH", body=body, door=door).is_success
            self.truth.suspended_at = self.clock.time if suspend else None

    def changed(self, door, method, path, body, who):
        """Whether it was, as it must be unless it is deleted."""
        answer = self.call(method, path, body, door=door)
        assert answer.json().get("code") == ("subaccount_deleted" if who.deleted else None), answer.text
        return not who.deleted

    # What the book says

    def compare(self):
        self.run(self._compare())
        self.truth.now = self.clock.time

    async def _compare(self):
        """Everything sums to zero, what is stored is the sum of transfers, and all of it is what the model says."""
        truth, given = self.truth, {"a": self.account}
        truth.now = self.clock.time
        async with self.doors[0].context.database.transaction() as session:
            stored = (await session.execute(BALANCE, given)).one()
            sums = dict(iter(await session.execute(SUMS, given)))
            budgets = await ledger.budgets(session, self.account, [payer.id for payer in truth.payers])
            found = {key: (budget.limit_micros, budget.spent_in(truth.month)) for key, budget in budgets.items()}
        assert sum(sums.values()) == 0
        assert tuple(stored) == (
            sums.get("spendable", 0), sums.get("pending", 0), sums.get("held", 0), 0, 0, 0,
            sums.get("held", 0), 0,
        )  # fmt: skip
        assert (stored.spendable, stored.pending, stored.held) == (
            truth.available, sum(truth.pending.values()), truth.held,
        )  # fmt: skip
        assert sums.get("usage", 0) == truth.used
        wanted = {p.id: (p.budget, truth.spent(n)) for n, p in enumerate(truth.payers) if p.budget is not None}
        assert {key: value for key, value in found.items() if key in wanted} == wanted
        assert all(truth.payers[3].deleted and key == truth.payers[3].id for key in found if key not in wanted)

    def teardown(self):
        async def findings():
            async with self.doors[0].context.database.transaction() as session:
                return await prove(session)

        if hasattr(self, "truth"):
            assert self.run(findings()) == []


BALANCE = text("""
    SELECT spendable, pending, held, provisional, at_risk, refund_due,
        (SELECT coalesce(sum(amount_micros), 0)::bigint FROM hold WHERE account_id = :a AND status = 'open') AS open,
        (SELECT count(*) FROM ledger_transfer
            WHERE account_id = :a AND kind < 10 AND NOT settled AND spendable_after < 0) AS below_zero
    FROM ledger_balance WHERE account_id = :a
""")
SUMS = text("""
    SELECT name, sum(amount)::bigint FROM ledger_entry JOIN ledger_code USING (code)
    WHERE account_id = :a GROUP BY name
""")


async def test_any_sequence_of_spending(database):
    clock = Clock()
    async with AsyncExitStack() as stack:
        doors = [await stack.enter_async_context(serving(settings_for(database.app_url), clock)) for _ in range(2)]
        Spending.loop, Spending.doors, Spending.clock = asyncio.get_running_loop(), doors, clock
        await asyncio.to_thread(
            run_state_machine_as_test,
            Spending,
            settings=settings(
                max_examples=25,
                stateful_step_count=40,
                deadline=None,
                database=None,
                phases=[Phase.generate],  # to make a failure shorter takes minutes; what is printed can be run again
                suppress_health_check=list(HealthCheck),
            ),
        )
