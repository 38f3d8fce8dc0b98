"""Auto-recharge's turns in the book: what is charged, what follows a decline, what the end leads to (D2 to D8)."""

from dataclasses import dataclass
from datetime import datetime

from temporalio import activity

from activities.charging import RechargeRef
from rules.episodes import Begun, Ended, Next, Turn
from rules.outcomes import Outcome, State
from store import auto_beginning, auto_episodes
from store.auto_facts import Terms
from store.database import Database


@dataclass(frozen=True)
class AccountRef:
    """Whose auto-recharge, and the workflow's time."""

    account_id: str
    now: datetime


@dataclass(frozen=True)
class Stuck:
    """A payment that is not under way, how it stands, and the code of its failure where no attempt says why."""

    recharge: RechargeRef
    state: State
    code: str | None = None


@dataclass(frozen=True)
class AutoEnding:
    """The processor's last word on the payment, and what it was canceled for, if we canceled it."""

    recharge: RechargeRef
    outcome: Outcome
    turn: Turn | None = None
    reason: str | None = None


class AutoRecharging:
    """The hands that read the account under its lock and write what was decided."""

    def __init__(self, *, database: Database, terms: Terms) -> None:
        self._database = database
        self._terms = terms

    @activity.defn
    async def begin_auto_recharge(self, ref: AccountRef) -> Begun:
        """Make the account's automatic recharge, find the open one, or find that there is nothing to do."""
        async with self._database.transaction() as session:
            return await auto_beginning.begin(session, ref.account_id, terms=self._terms, now=ref.now)

    @activity.defn
    async def decide_next_try(self, stuck: Stuck) -> Next:
        """What comes next for a payment that was declined, wants the customer, or waits for its next try."""
        ref = stuck.recharge
        async with self._database.transaction() as session:
            return await auto_episodes.decide(
                session, ref.account_id, ref.recharge_id, state=stuck.state, code=stuck.code, terms=self._terms,
                now=ref.now,
            )  # fmt: skip

    @activity.defn
    async def finish_auto_recharge(self, ending: AutoEnding) -> Ended:
        """End the recharge in one transaction: money, notice, pause; and whether T asks for another."""
        ref = ending.recharge
        async with self._database.transaction() as session:
            return await auto_episodes.finish(
                session, ref.account_id, ref.recharge_id, ending.outcome, turn=ending.turn, reason=ending.reason,
                now=ref.now,
            )  # fmt: skip
