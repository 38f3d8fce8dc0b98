"""One payment as a workflow drives it: one PaymentIntent, confirmed in numbered attempts, followed to the last word.

By card the word comes at once; by bank debit it takes up to four business days (E9). Signals and timers are hints to
look again; only what the processor says moves money.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.charging import Charging, Confirm, RechargeRef
    from activities.settling import Settling
    from rules.money import Money
    from rules.outcomes import Outcome, State
    from rules.settlement import watchdog_at
    from workflows import attributes
    from workflows.options import book_entry, processor_call

# Where nobody tells us, the processor is asked after a minute, then after two, four and so on, at last every day.
FIRST_ASKED = timedelta(minutes=1)
AGAIN = timedelta(hours=1)
A_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Subject:
    """Whose payment it is, of what kind and amount."""

    account_id: str
    recharge_id: str
    kind: str
    amount_cents: int
    method_kind: str


class Payment:
    """The state of one payment, and each step that can be taken with it.

    ``story`` says each state in words. Steps are taken one at a time: whoever takes one holds ``turn``.
    ``shows`` are the states that become search attributes as they come: an action each.
    """

    def __init__(
        self, subject: Subject, *, story: Mapping[State, str], shows: Collection[State] = tuple(State)
    ) -> None:
        self.subject = subject
        self.method_kind = subject.method_kind
        self.outcome = Outcome(state=State.UNCONFIRMED, attempt=0)
        self.turn = asyncio.Lock()
        self.woken = False
        self.on_session = False
        self.awaits_customer = False
        self._story = story
        self._shows = shows
        self._asked = 0
        self._watch_at: datetime | None = None

    # What may come from outside

    async def cancel(self) -> str:
        """Cancel where the processor still lets it be. Gives ``canceled``, or the state that stands in the way."""
        async with self.turn:
            if not self.outcome.final:
                await self.step(Charging.cancel, "Cancel, as the customer asked")
        return self.outcome.state

    async def authenticate(self) -> str:
        """The customer opened the link: confirm the same intent on session, as the next attempt (C4)."""
        async with self.turn:
            if self.may_authenticate():
                self.method_kind = "card"  # no bank account asks for its customer
                await self.confirm(off_session=False)
        return self.outcome.state

    async def look_now(self) -> str:
        """Look at the payment at once, for somebody who waits. Gives the state."""
        async with self.turn:
            if not self.outcome.final:
                await self.step(Charging.look, "Look at the payment: the customer is back")
        return self.outcome.state

    def may_authenticate(self) -> bool:
        """Whether the customer is asked for a confirm that has not been made yet."""
        asked = self.awaits_customer or self.outcome.state is State.REQUIRES_ACTION
        return asked and not self.outcome.final and not self.on_session

    # Steps; the caller holds ``turn``

    async def step(self, step: Callable[[Charging, RechargeRef], Awaitable[Outcome]], summary: str) -> None:
        """One step at the processor, and what it came to."""
        self.take(await workflow.execute_activity_method(step, self.ref(), **processor_call(summary)))

    async def confirm(self, *, off_session: bool) -> None:
        """The next numbered confirm, by the recharge's own method."""
        attempt = self.outcome.attempt + 1
        await self.confirm_as(Confirm(recharge=self.ref(), attempt=attempt, off_session=off_session))

    async def confirm_as(self, request: Confirm, summary: str = "Confirm the payment") -> None:
        """The confirm that ``request`` describes."""
        outcome = await workflow.execute_activity_method(
            Charging.confirm, request, **processor_call(f"{summary}, attempt {request.attempt}")
        )
        self.on_session = not request.off_session
        self.take(outcome)

    async def look_again(self, *, timed_out: bool) -> None:
        """Look; where a bank's answer is overdue, tell operators, and ask again a day later (E10)."""
        await self.step(Charging.look, "Look at the payment")
        if timed_out and self._watch_at is not None and self.outcome.state is State.PROCESSING:
            await workflow.execute_activity_method(
                Settling.report_overdue, self.ref(), **book_entry("Tell operators: no answer yet")
            )
            while self._watch_at <= workflow.now():
                self._watch_at += A_DAY

    # Waiting

    async def wait(self, until: datetime, summary: str) -> bool:
        """Until something may have changed; whether it was the clock."""
        before = self.outcome
        try:
            await workflow.wait_condition(
                lambda: self.woken or self.outcome is not before,
                timeout=max(until - workflow.now(), timedelta(seconds=1)),
                timeout_summary=summary,
            )
        except TimeoutError:
            return True
        self.woken = False
        return False

    def asked_next(self) -> tuple[datetime, str]:
        """When the processor is asked next, where it does not tell us before, and why then."""
        if self.outcome.state is State.ALTERED:
            return workflow.now() + A_DAY, "Try again to cancel the altered payment"
        if self.outcome.state is State.PROCESSING and self.method_kind == "bank":
            self._watch_at = self._watch_at or watchdog_at(self.outcome.expected_on or workflow.now().date())
            return self._watch_at, "Ask the processor: the bank's answer is due"
        self._asked += 1
        return workflow.now() + min(FIRST_ASKED * 2 ** min(self._asked - 1, 11), A_DAY), "Ask the processor again"

    # What is known

    def ref(self) -> RechargeRef:
        """The recharge, at the workflow's time."""
        return RechargeRef(self.subject.account_id, self.subject.recharge_id, workflow.now())

    def take(self, outcome: Outcome) -> None:
        """Make ``outcome`` what we know, and show it."""
        news = (outcome.state, outcome.expected_on) != (self.outcome.state, self.outcome.expected_on)
        if outcome.expected_on != self.outcome.expected_on:
            self._watch_at = None
        self.outcome = outcome
        if news:
            if outcome.state in self._shows:
                attributes.show(state=outcome.state, expected_on=outcome.expected_on)
            story = self._story[outcome.state]
            if outcome.state is State.PROCESSING and outcome.expected_on is None:
                story = "Submitted. The processor has not answered yet."
            self.tell(story.format(on=outcome.expected_on, code=outcome.failure_code))

    def tell(self, story: str) -> None:
        """Let the UI say ``story`` of this payment."""
        amount = Money.from_cents(self.subject.amount_cents)
        method = "card" if self.method_kind == "card" else "bank debit (ACH)"
        workflow.set_current_details(f"**${amount}** by {method}, {self.subject.kind}.\n\n{story}")


STORY: Mapping[State, str] = {
    State.UNCONFIRMED: "The payment exists at the processor and is not confirmed yet.",
    State.PROCESSING: "Submitted. The answer is expected on **{on}**; until then the money is pending.",
    State.REQUIRES_ACTION: "The customer must confirm this payment with the bank: they have a link, for 24 hours.",
    State.DECLINED: "Declined (`{code}`). The payment is being canceled at the processor.",
    State.ALTERED: "Somebody changed this payment at the processor: it is being canceled, and operators are told.",
    State.SUCCEEDED: "The processor has the money. The balance is being credited.",
    State.CANCELED: "Canceled at the processor. The pending money is being taken out of the balance.",
}
