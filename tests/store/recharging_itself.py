"""A customer with a card and auto-recharge, whose episodes are played by their transactions."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import text

import ledger
from rules.episodes import Turn
from rules.outcomes import Outcome, State
from rules.retry_ladder import LADDER
from store import (
    accounts,
    attempts,
    auto_beginning,
    auto_episodes,
    auto_reading,
    auto_recharge,
    auto_story,
    cards,
    recharges,
)
from store.auto_facts import Terms
from store.auto_recharge import Settings
from store.database import Database
from tests.store.alerting import DOLLAR, Customer

TERMS = Terms(max_recharge_cents=10_000_00, ladder=LADDER)


@dataclass
class Recharged(Customer):
    """Amounts are dollars. Each act is a transaction of its own."""

    open: list[str] = field(default_factory=list)
    """Manual recharges that have not ended, oldest first."""

    async def card(self) -> str:
        async with self.store.transaction() as session:
            name = self._name("pm")
            row = (await cards.add(session, account_id=self.account_id, token=name, now=self.now())).card
            await cards.attached(session, row, {"payment_method": name, "exp_year": 2031}, now=self.now())
        return row.id

    async def make_default(self, card_id: str) -> None:
        async with self.store.transaction() as session:
            row = await cards.locked(session, account_id=self.account_id, card_id=card_id)
            await cards.make_default(session, row, now=self.now())

    async def choose(self, *, minimum: float, amount: int = 50, enabled: bool = True, **more: Any) -> None:
        chosen = Settings(
            enabled=enabled, minimum_micros=round(minimum * DOLLAR), amount_cents=amount * 100,
            **dict.fromkeys(
                ("method_id", "backup_method_id", "daily_cents", "weekly_cents", "monthly_cents")
            ) | more,
        )  # fmt: skip
        async with self.store.transaction() as session:
            await ledger.lock(session, [self.account_id])
            await auto_recharge.put(session, self.account_id, chosen, now=self.now())

    async def pause(self) -> None:
        """As after a decline for good."""
        async with self.store.transaction() as session:
            await ledger.lock(session, [self.account_id])
            row = await auto_recharge.get(session, self.account_id)
            if row is not None and row.paused_at is None:
                await auto_story.pause(
                    session, row, reason="card_declined", why="Declined.", recharge_id=None, now=self.now()
                )
                await auto_recharge.rearm(session, row)

    async def status(self, status: str) -> None:
        async with self.store.transaction() as session:
            account = await accounts.lock(session, self.account_id)
            await accounts.change(session, account, {"status": status}, now=self.now())

    async def recharge(self, dollars: int, *, kind: str = "manual") -> str:
        """One that has just begun."""
        new = recharges.NewRecharge(
            account_id=self.account_id, amount_cents=dollars * 100, method_id="card_1", method_kind="card", kind=kind,
            idempotency_key=self._name(kind), request_digest="d", return_url=None, metadata={},
        )  # fmt: skip
        async with self.store.transaction() as session:
            await ledger.lock(session, [self.account_id])
            row = await recharges.make(session, new, now=self.now())
        self.open.append(row.id)
        return row.id

    async def end(self, status: str) -> None:
        """The oldest manual recharge that is open ends."""
        if self.open:
            recharge_id = self.open.pop(0)
            async with self.store.transaction() as session:
                row = await recharges.locked(session, account_id=self.account_id, recharge_id=recharge_id)
                charge = f"ch_{recharge_id}" if status == "succeeded" else None
                await recharges.end(session, row, status=status, charge=charge, failure=None, now=self.now())

    async def answered(self, recharge_id: str, state: State) -> None:
        """The processor says this of the recharge's newest confirm, after a first one."""
        async with self.store.transaction() as session:
            row = await recharges.locked(session, account_id=self.account_id, recharge_id=recharge_id)
            await attempts.begin(session, row, number=1, method_id=row.method_id, off_session=True, now=self.now())
            await attempts.record(
                session, row, Outcome(state=state, attempt=1), action_url=None, action_digest=recharge_id,
                failure=None, now=self.now(),
            )  # fmt: skip

    async def begin(self) -> auto_beginning.Begun:
        async with self.store.transaction() as session:
            return await auto_beginning.begin(session, self.account_id, terms=TERMS, now=self.now())

    async def in_flight(self) -> str | None:
        """The automatic recharge that is open."""
        async with self.store.transaction() as session:
            row = await auto_reading.open_recharge(session, self.account_id)
        return row.id if row is not None else None

    async def finish(self, *, succeeded: bool, turn: Turn = "give_up") -> bool:
        """The episode's recharge ends: by success, or given up. True where another begins at once, as T says."""
        recharge_id = await self.in_flight()
        if recharge_id is None:
            return False
        state = State.SUCCEEDED if succeeded else State.CANCELED
        async with self.store.transaction() as session:
            ended = await auto_episodes.finish(
                session, self.account_id, recharge_id, Outcome(state=state, attempt=0, charge=f"ch_{recharge_id}"),
                turn=None if succeeded else turn, reason=None if succeeded else "card_declined", now=self.now(),
            )  # fmt: skip
        async with self.store.transaction() as session:
            after = await auto_reading.read(session, self.account_id)
        assert after is not None
        stands = after.row.enabled and after.row.paused_at is None and after.account.status == "active"
        assert ended.again == (stands and after.total.micros <= after.row.minimum_micros)
        return ended.again

    async def woken(self) -> int:
        """How many wakes were written, once all that was crossed is handed on. They are taken."""
        await self.hand_on()
        async with self.store.transaction() as session:
            rows = await session.scalars(
                text(
                    "UPDATE outbox SET handed_at = created_at WHERE kind = 'auto_recharge' AND handed_at IS NULL"
                    " AND account_id = :account RETURNING id"
                ),
                {"account": self.account_id},
            )
            return len(rows.all())


async def open_recharged(store: Database, *, now: Any, dollars: float = 0, **fields: Any) -> Recharged:
    """An account with a card and so much to spend, that has not chosen anything."""
    given = {"name": "Ada", "email": "ada@customer.example", "timezone": "America/New_York"} | fields
    async with store.transaction() as session:
        account, _ = await accounts.open_account(session, fields=given, pepper="pepper", now=now)
    customer = Recharged(store, account.id, now + timedelta(seconds=1))
    if dollars:
        await customer.credit(dollars)
    await customer.card()
    await customer.hand_on()
    return customer
