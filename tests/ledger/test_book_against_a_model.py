"""The book against a model in plain Python: any sequence of verbs, replays and refusals leaves both the same."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

import ledger
from ledger import Posting
from rules import chart
from rules.chart import CARRIED, ENDINGS, POSTED, Code, Leg
from store.database import Database
from tests.ledger import accounts
from tests.ledger.accounts import NOW, new_account_id

REFERENCES = 10  # kinds below share one space of keys
amounts = st.integers(1, 60)
few = st.integers(0, 4)


@dataclass
class Model:
    """What the book of one account should be, kept the naive way."""

    balances: dict[Code, int] = field(default_factory=lambda: dict.fromkeys(Code, 0))
    journal: list[tuple[Leg, int, int]] = field(default_factory=list)
    keys: dict[tuple[int, str], Posting] = field(default_factory=dict)
    opened: dict[str, int] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    lent: dict[str, int] = field(default_factory=dict)

    @property
    def posted(self):
        return sum(self.balances[code] for code in POSTED)

    def post(self, posting: Posting) -> str:
        operation = posting.operation
        name = (0 if operation.kind < REFERENCES else operation.kind, posting.key)
        if name in self.keys:
            before = self.keys[name]
            same = before.operation == operation and (before.source == posting.source or operation.kind < REFERENCES)
            return "replayed" if same else "conflict"
        ends = any(operation.kind in kinds for kinds in ENDINGS.values())
        if ends and posting.source in self.ended:
            return "ended"
        left = self.balances[Code.SPENDABLE] + chart.balances(operation.legs)[Code.SPENDABLE]
        if left < 0 and left < self.balances[Code.SPENDABLE] and not operation.may_overdraw:
            return "balance_exhausted"
        for leg in operation.legs:
            self.balances[leg.debit] -= leg.amount
            self.balances[leg.credit] += leg.amount
            self.journal.append((leg, self.balances[Code.SPENDABLE], self.posted))
        self.keys[name] = posting
        if operation.kind in ENDINGS:
            self.opened[posting.source] = operation.legs[0].amount
        if ends:
            self.ended.add(posting.source)
        return "posted"


class Book(RuleBasedStateMachine):
    """Posts to two accounts of the real book and to their models, and compares after every step."""

    runner: asyncio.Runner
    db: Database

    @initialize()
    def open(self):
        self.models = {new_account_id(): Model() for _ in range(2)}
        self.names = list(self.models)
        self.step = 0

        async def open_all():
            async with self.db.transaction() as session:
                for account in self.names:
                    await ledger.open_account(session, account)

        self.runner.run(open_all())
        self.post(0, chart.adjustment("opening_balance", 200), "adj_start")

    def post(self, which, operation, key, source=None, keep=True):
        account = self.names[which]
        self.step += 1
        posting = Posting(
            account_id=account, operation=operation, key=key, source=source, now=NOW + timedelta(seconds=self.step)
        )
        self.runner.run(self._post(posting, self.models[account], keep))

    async def _post(self, posting, model, keep):
        async with self.db.transaction() as session:
            outcome = await accounts.post(session, posting)
            if not keep:
                await session.rollback()
        if keep:
            assert outcome == model.post(posting)
        async with self.db.transaction() as session:
            for account in self.names:
                await _compare(session, account, self.models[account])

    @rule(
        which=st.integers(0, 1),
        n=few,
        amount=amounts,
        settled=st.booleans(),
        keep=st.integers(0, 9),
        kind=st.sampled_from(sorted(chart.USAGE_KINDS)),
    )
    def charge(self, which, n, amount, settled, keep, kind):
        self.post(which, chart.usage(amount, kind=kind, settled=settled), f"ref{n}", keep=keep > 0)

    @rule(which=st.integers(0, 1), n=few, amount=amounts)
    def hold(self, which, n, amount):
        self.post(which, chart.hold(amount), f"ref{n}", f"hold_{n}")

    @rule(which=st.integers(0, 1), n=few, captured=st.none() | st.integers(0, 90))
    def end_hold(self, which, n, captured):
        source = f"hold_{n}"
        held = self.models[self.names[which]].opened.get(source)
        if held is None:
            return
        released = chart.hold_released(held)
        self.post(
            which, released if captured is None else chart.hold_captured(held, captured, settled=True), source, source
        )

    @rule(which=st.integers(0, 1), n=few, amount=amounts)
    def expect_recharge(self, which, n, amount):
        self.post(which, chart.recharge_expected(amount), f"rchg_{n}", f"rchg_{n}")

    @rule(which=st.integers(0, 1), n=few, share=st.floats(0, 1))
    def lend(self, which, n, share):
        model, source = self.models[self.names[which]], f"rchg_{n}"
        amount = int(model.opened.get(source, 0) * share)
        if amount > 0 and source not in model.ended | model.lent.keys():
            self.post(which, chart.provisional_granted(amount), source, source)
            model.lent[source] = amount

    @rule(which=st.integers(0, 1), n=few, charge=few, settles=st.booleans())
    def end_recharge(self, which, n, charge, settles):
        model, source = self.models[self.names[which]], f"rchg_{n}"
        if source not in model.opened:
            return
        end = chart.recharge_settled if settles else chart.recharge_voided
        operation = end(model.opened[source], lent=model.lent.get(source, 0))
        self.post(which, operation, f"ch_{charge}" if settles else source, source)

    @rule(
        which=st.integers(0, 1),
        n=few,
        amount=st.integers(-80, 200).filter(bool),
        kind=st.sampled_from(sorted(chart.ADJUSTMENTS)),
    )
    def adjust(self, which, n, amount, kind):
        self.post(which, chart.adjustment(kind, amount), f"adj_{n}", f"adj_{n}")

    @rule(
        which=st.integers(0, 1),
        amount=amounts,
        verb=st.sampled_from([chart.withdrawn, chart.reinstated, chart.dispute_lost]),
    )
    def dispute(self, which, amount, verb):
        if verb is not chart.withdrawn:
            amount = min(amount, self.models[self.names[which]].balances[Code.AT_RISK])
        if amount > 0:
            self.post(which, verb(amount), f"txn_{self.step}", "dp_1")

    @rule(
        which=st.integers(0, 1),
        n=few,
        amount=amounts,
        verb=st.sampled_from([None, chart.refund_done, chart.refund_failed]),
    )
    def refund(self, which, n, amount, verb):
        opened, source = self.models[self.names[which]].opened, f"rfnd_{n}"
        if verb is None:
            self.post(which, chart.refund_asked(amount), source, source)
        elif source in opened:
            self.post(which, verb(opened[source]), source, source)

    def teardown(self):
        async def prove():
            async with self.db.transaction() as session:
                return [finding for finding in await ledger.verify(session) if finding.account_id in self.names]

        if hasattr(self, "names"):
            assert self.runner.run(prove()) == []


async def _compare(session: AsyncSession, account: str, model: Model) -> None:
    """Stored balances, sums over the journal, and the chain: all as the model says; and everything sums to zero."""
    stored = await session.execute(text("SELECT * FROM ledger_balance WHERE account_id = :a"), {"a": account})
    row = stored.mappings().one()
    assert {code: row[code.name.lower()] for code in CARRIED} == {code: model.balances[code] for code in CARRIED}
    assert row["seq"] == len(model.journal)
    sums = await session.execute(
        text("SELECT code, sum(amount)::bigint FROM ledger_entry WHERE account_id = :a GROUP BY code"), {"a": account}
    )
    assert dict.fromkeys(Code, 0) | {Code(code): amount for code, amount in sums} == model.balances
    assert sum(model.balances.values()) == 0
    chain = await session.execute(
        text(
            "SELECT debit, credit, amount, spendable_after, posted_after FROM ledger_transfer"
            " WHERE account_id = :a ORDER BY seq"
        ),
        {"a": account},
    )
    assert [tuple(line) for line in chain] == [
        (leg.debit, leg.credit, leg.amount, spendable, posted) for leg, spendable, posted in model.journal
    ]
    found = await ledger.balances(session, account)
    assert found.available == found.posted + found.provisional - found.held
    assert found.total == found.available + found.arriving - found.provisional


def test_any_sequence_of_verbs(book):
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        Book.runner, Book.db = runner, Database(book.app_url, pool_size=2)
        run_state_machine_as_test(
            Book,
            settings=settings(
                max_examples=50,
                stateful_step_count=30,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
        runner.run(Book.db.close())
