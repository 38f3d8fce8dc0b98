"""Crossings against a model: any path of the balance, by any door, with thresholds that change on the way."""

import asyncio
from dataclasses import dataclass, field

import hypothesis.strategies as st
from hypothesis import HealthCheck, given, settings
from sqlalchemy import text

import ledger
from ledger import Posting
from ledger.charge import Charge
from ledger.group_commit import GroupCommit
from rules import chart
from rules.thresholds import Threshold
from store.database import Database
from tests.ledger import accounts
from tests.ledger.accounts import NOW, new_account_id

ALERT, ZERO, MINIMUM = Threshold.ALERT, Threshold.ZERO, Threshold.MINIMUM
amounts = st.integers(1, 12)
#: Ways to move the balance, each with what it needs.
steps = st.one_of(
    st.tuples(st.just("batch"), st.lists(st.tuples(amounts, st.booleans()), min_size=2, max_size=5)),
    st.tuples(st.just("lone"), amounts, st.booleans()),
    st.tuples(st.just("hold"), amounts),
    st.tuples(st.just("release")),
    st.tuples(st.just("capture"), st.integers(0, 20)),
    st.tuples(st.just("adjust"), st.integers(-25, 40).filter(bool)),
    st.tuples(st.just("withdrawn"), amounts),
    st.tuples(st.just("watch"), st.sampled_from([ALERT, MINIMUM]), st.sets(st.integers(-6, 40), max_size=3)),
    st.tuples(st.just("rolled back"), amounts),
)


@dataclass
class Model:
    """The balance, what is watched and what was crossed, kept the naive way."""

    balance: int = 0
    seq: int = 0
    watched: set[tuple[Threshold, int]] = field(default_factory=lambda: {(ZERO, 1)})
    crossed: list[tuple[int, Threshold, int, bool, int]] = field(default_factory=list)

    def move(self, change: int, *, legs: int = 1) -> None:
        before, self.balance = self.balance, self.balance + change
        for kind, below in sorted(self.watched, key=lambda one: (-one[1], one[0])):
            if self.balance < below <= before or (kind is ZERO and before < below <= self.balance):
                self.crossed.append((self.seq + 1, kind, below, change > 0, self.balance))
        self.seq += legs


class Path:
    """One account that goes a path in the book and in the model."""

    def __init__(self, db: Database, commit: GroupCommit) -> None:
        self.db, self.commit, self.model = db, commit, Model()
        self.account = new_account_id()
        self.n = 0
        self.holds: list[tuple[str, int]] = []

    async def go(self, path) -> None:
        async with self.db.transaction() as session:
            await ledger.open_account(session, self.account)
            await ledger.watch(session, self.account, ALERT, [])
        for what, *rest in path:
            self.n += 1
            await getattr(self, what.replace(" ", "_"))(*rest)
        await self.compare()

    async def post(self, operation, source) -> None:
        async with self.db.transaction() as session:
            posting = Posting(account_id=self.account, operation=operation, key=source, source=source, now=NOW)
            assert await accounts.post(session, posting) == "posted"
        change = sum(
            leg.amount * ((leg.credit is chart.Code.SPENDABLE) - (leg.debit is chart.Code.SPENDABLE))
            for leg in operation.legs
        )
        self.model.move(change, legs=len(operation.legs))

    async def batch(self, charges) -> None:
        wanted = [
            Charge(
                account_id=self.account, reference=f"{self.n}/{n}", amount_micros=amount, settled=settled, epoch=0
            )
            for n, (amount, settled) in enumerate(charges)
        ]  # fmt: skip
        for charge, answer in zip(wanted, await self.commit.charge_batch(wanted), strict=True):
            fits = charge.settled or charge.amount_micros <= self.model.balance
            assert answer.outcome == ("posted" if fits else "balance_exhausted")
            if fits:
                self.model.move(-charge.amount_micros)

    async def lone(self, amount, settled) -> None:
        answer = await self.commit.charge(
            Charge(account_id=self.account, reference=str(self.n), amount_micros=amount, settled=settled, epoch=0)
        )
        fits = settled or amount <= self.model.balance
        assert answer.outcome == ("posted" if fits else "balance_exhausted")
        if fits:
            self.model.move(-amount)

    async def hold(self, amount) -> None:
        if amount <= self.model.balance:
            source = f"hold_{self.n}"
            await self.post(chart.hold(amount), source)
            self.holds.append((source, amount))

    async def release(self) -> None:
        if self.holds:
            source, amount = self.holds.pop()
            await self.post(chart.hold_released(amount), source)

    async def capture(self, captured) -> None:
        if self.holds and captured:
            source, held = self.holds.pop()
            await self.post(chart.hold_captured(held, captured, settled=captured > held), source)

    async def adjust(self, amount) -> None:
        await self.post(chart.adjustment("correction", amount), f"adj_{self.n}")

    async def withdrawn(self, amount) -> None:
        await self.post(chart.withdrawn(amount), f"dp_{self.n}")

    async def watch(self, kind, below) -> None:
        async with self.db.transaction() as session:
            await ledger.watch(session, self.account, kind, below)
        self.model.watched = {one for one in self.model.watched if one[0] is not kind} | {(kind, one) for one in below}

    async def rolled_back(self, amount) -> None:
        async with self.db.transaction() as session:
            await ledger.watch(session, self.account, ALERT, [amount])
            await accounts.charge(
                session, account_id=self.account, reference="never", amount_micros=amount, settled=True
            )
            await session.rollback()

    async def compare(self) -> None:
        async with self.db.transaction() as session:
            found = await ledger.crossed(session, self.account)
            balances = await ledger.balances(session, self.account)
            row = await session.execute(
                text("SELECT next_below, next_above FROM ledger_balance WHERE account_id = :a"), {"a": self.account}
            )
            below = [one for _, one in self.model.watched if one <= self.model.balance]
            above = [one for _, one in self.model.watched if one > self.model.balance]
            assert row.one() == (max(below, default=None), min(above, default=None))
        assert (balances.available, balances.seq) == (self.model.balance, self.model.seq)
        assert [
            (one.seq, one.kind, one.below_micros, one.rising, one.spendable_after) for one in found
        ] == self.model.crossed


def test_any_path(book):
    async def opened():
        return Database(book.app_url, pool_size=2), GroupCommit(book.app_url, now=lambda: NOW)

    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        db, commit = runner.run(opened())
        gone = []

        @settings(
            max_examples=120, deadline=None, database=None, suppress_health_check=list(HealthCheck)
        )  # fmt: skip
        @given(st.lists(steps, min_size=4, max_size=25))
        def walk(path):
            one = Path(db, commit)
            gone.append(one.account)
            runner.run(one.go([("adjust", 30), *path]))

        async def prove():
            async with db.transaction() as session:
                return [one for one in await ledger.verify(session) if one.account_id in gone]

        walk()
        assert runner.run(prove()) == []
        runner.run(commit.close())
        runner.run(db.close())
