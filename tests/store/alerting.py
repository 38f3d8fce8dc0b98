"""A customer with money, settings and days, and the relay that hands on what is crossed."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sqlalchemy import text

import ledger
from ledger import Posting
from relay.crossings import CrossingsRelay
from rules import chart
from rules.chart import Operation
from store import accounts, balance_alerts
from store.balance_alerts import Due
from store.crossing_effects import CrossingEffects
from store.database import Database
from tests.ledger.accounts import charge, post

DOLLAR = 1_000_000
EMAIL = "ada@customer.example"


@dataclass
class Customer:
    """One account; amounts are dollars. Each act is a transaction of its own."""

    store: Database
    account_id: str
    time: datetime
    acts: int = 0
    day: date = date(2026, 11, 24)
    #: (seq of the latest transfer, who set, which dollars): what was set when.
    set_at: list[tuple[int, str, list[float]]] = field(default_factory=list)

    def now(self) -> datetime:
        self.time += timedelta(milliseconds=1)
        return self.time

    def _name(self, what: str) -> str:
        self.acts += 1
        return f"{what}-{self.acts}"

    async def spend(self, dollars: float, *, settled: bool = False) -> str:
        """Usage; gives what became of it."""
        async with self.store.transaction() as session:
            answer = await charge(
                session, now=self.now(), account_id=self.account_id, reference=self._name("call"),
                amount_micros=round(dollars * DOLLAR), settled=settled,
            )  # fmt: skip
        return answer.outcome

    async def post(self, operation: Operation, source: str | None = None) -> str:
        """Any other operation; gives its source."""
        source = source or self._name("source")
        async with self.store.transaction() as session:
            posting = Posting(
                account_id=self.account_id, operation=operation, now=self.now(), key=f"{operation.kind}/{source}",
                source=source,
            )  # fmt: skip
            assert await post(session, posting) == "posted"
        return source

    async def credit(self, dollars: float) -> None:
        await self.post(chart.adjustment("goodwill", round(dollars * DOLLAR)))

    async def put(self, thresholds: list[float] | None = None, emails: list[str] | None = None) -> None:
        """The owner's settings."""
        micros = None if thresholds is None else [round(amount * DOLLAR) for amount in thresholds]
        async with self.store.transaction() as session:
            await accounts.lock(session, self.account_id)
            await balance_alerts.put(session, self.account_id, thresholds=micros, emails=emails, now=self.now())
            book = await ledger.balances(session, self.account_id)
        if thresholds is not None:
            self.set_at.append((book.seq, "owner", thresholds))

    async def recommend(self, dollars: int | None) -> None:
        """The nightly sweep found this, on another day than before."""
        self.day += timedelta(days=1)
        due = Due(account_id=self.account_id, created_at=self.time, timezone="UTC", today=self.day)
        async with self.store.transaction() as session:
            micros = None if dollars is None else dollars * DOLLAR
            assert await balance_alerts.recommend(session, due, micros=micros, now=self.now())
            book = await ledger.balances(session, self.account_id)
        self.set_at.append((book.seq, "system", [] if dollars is None else [dollars]))

    async def available(self) -> int:
        """In micros."""
        async with self.store.transaction() as session:
            return (await ledger.balances(session, self.account_id)).available

    def relay(self) -> CrossingsRelay:
        return CrossingsRelay(database=self.store, effects=CrossingEffects(retention_days=30), now=self.now)

    async def hand_on(self) -> None:
        """The relay runs until nothing waits."""
        relay = self.relay()
        while await relay.step():
            pass

    async def notices(self) -> list[tuple[float, float]]:
        """(threshold, balance) of every alert that was written, in dollars, as crossed."""
        await self.hand_on()
        rows = await self._rows("SELECT facts FROM notice WHERE kind = 'balance_alert' ORDER BY created_at, id")
        return [(row.facts["threshold_micros"] / DOLLAR, row.facts["balance_micros"] / DOLLAR) for row in rows]

    async def _rows(self, query: str):
        async with self.store.transaction() as session:
            return (await session.execute(text(query))).all()


async def open_customer(store: Database, *, now: datetime, dollars: float = 0, **fields) -> Customer:
    """An account with so much to spend, whose crossings so far are handed on."""
    given = {"name": "Ada", "email": EMAIL, "timezone": "America/New_York"} | fields
    async with store.transaction() as session:
        account, _ = await accounts.open_account(session, fields=given, pepper="pepper", now=now)
    customer = Customer(store, account.id, now)
    if dollars:
        await customer.credit(dollars)
    await customer.hand_on()
    return customer
