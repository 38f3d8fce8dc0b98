"""One recharge: one PaymentIntent, confirmed in numbered attempts, watched until the processor's last word.

By card the word comes at once; by bank debit it takes up to four business days (E9). Signals and timers are hints to
look again; only what the processor says moves money.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.charging import Charging, Confirm, RechargeRef
    from activities.settling import Ending, Settling
    from rules.money import Money
    from rules.outcomes import Outcome, State
    from rules.settlement import watchdog_at
    from workflows import attributes
    from workflows.options import book_entry, processor_call

ACTION_WINDOW = timedelta(hours=24)
# Where nobody tells us, the processor is asked after a minute, then after two, four and so on, at last every day.
FIRST_ASKED = timedelta(minutes=1)
AGAIN = timedelta(hours=1)
A_DAY = timedelta(days=1)
HOPELESS = frozenset({State.DECLINED, State.ALTERED})


@dataclass(frozen=True)
class RechargeRequest:
    """What the workflow is started with: ids, cents, enumerations and a date."""

    account_id: str
    recharge_id: str
    kind: str
    amount_cents: int
    method_kind: str
    expected_on: date | None = None


@workflow.defn(name="Recharge")
class Recharge:
    """From the committed row to succeeded, failed or canceled."""

    @workflow.init
    def __init__(self, request: RechargeRequest) -> None:
        self._request = request
        self._outcome = Outcome(state=State.UNCONFIRMED, attempt=0)
        self._woken = False
        self._gave_up = False
        self._on_session = False
        self._reason: str | None = None
        self._asked = 0
        self._action_until: datetime | None = None
        self._watch_at: datetime | None = None
        self._one_at_a_time = asyncio.Lock()

    @workflow.run
    async def run(self, request: RechargeRequest) -> str:
        """Gives the recharge's final status."""
        self._tell("Creating the payment at the processor.")
        async with self._one_at_a_time:
            if not self._outcome.final:
                self._take(await self._charge(Charging.create_intent, "Create the PaymentIntent, unconfirmed"))
        # A cancel that came in the meantime goes first.
        async with self._one_at_a_time:
            if self._outcome.state is State.UNCONFIRMED:
                self._take(await self._confirm(off_session=True))
        while not self._outcome.final:
            timed_out = await self._wait()
            async with self._one_at_a_time:
                if not self._outcome.final:
                    await self._step(timed_out=timed_out)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return await self._finish()

    # What may come from outside

    @workflow.signal
    def look(self) -> None:
        """Something may have changed at the processor: look again."""
        self._woken = True

    @workflow.update
    async def cancel(self) -> str:
        """Cancel where the processor still lets it be. Gives ``canceled``, or the state that stands in the way."""
        async with self._one_at_a_time:
            if not self._outcome.final:
                self._take(await self._charge(Charging.cancel, "Cancel, as the customer asked"))
        return self._outcome.state

    @workflow.update
    async def authenticate(self) -> str:
        """The customer opened the link: confirm the same intent on session, as the next attempt (C4)."""
        async with self._one_at_a_time:
            if self._outcome.state is State.REQUIRES_ACTION and not self._on_session:
                self._take(await self._confirm(off_session=False))
                self._on_session = True
        return self._outcome.state

    @workflow.update
    async def look_now(self) -> str:
        """Look at the payment at once, for somebody who waits. Gives the state."""
        async with self._one_at_a_time:
            if not self._outcome.final:
                self._take(await self._charge(Charging.look, "Look at the payment: the customer is back"))
        return self._outcome.state

    # What happens in between

    async def _wait(self) -> bool:
        """Until something may have changed; whether it was the clock."""
        if self._outcome.state in HOPELESS and not self._gave_up:
            return False
        until, summary = self._waits_until()
        before = self._outcome
        try:
            await workflow.wait_condition(
                lambda: self._woken or self._outcome is not before,
                timeout=max(until - workflow.now(), timedelta(seconds=1)),
                timeout_summary=summary,
            )
        except TimeoutError:
            return True
        self._woken = False
        return False

    def _waits_until(self) -> tuple[datetime, str]:
        if self._outcome.state is State.ALTERED:
            return workflow.now() + A_DAY, "Try again to cancel the altered payment"
        if self._outcome.state is State.REQUIRES_ACTION:
            self._action_until = self._action_until or workflow.now() + ACTION_WINDOW
            return self._action_until, "Cancel if the customer has not confirmed by then"
        if self._outcome.state is State.PROCESSING and self._request.method_kind == "bank":
            self._watch_at = self._watch_at or watchdog_at(self._outcome.expected_on or workflow.now().date())
            return self._watch_at, "Ask the processor: the bank's answer is due"
        self._asked += 1
        return workflow.now() + min(FIRST_ASKED * 2 ** min(self._asked - 1, 11), A_DAY), "Ask the processor again"

    async def _step(self, *, timed_out: bool) -> None:
        if self._outcome.state in HOPELESS:
            self._gave_up, self._reason = True, self._outcome.failure_code or "unknown"
            self._take(await self._charge(Charging.cancel, "Give up: cancel the payment"))
            return
        if timed_out and self._outcome.state is State.REQUIRES_ACTION:
            self._reason = "action_expired"
            self._action_until = workflow.now() + AGAIN  # should the processor not let it be canceled
            self._take(await self._charge(Charging.cancel, "Cancel: the customer did not confirm"))
            return
        self._take(await self._charge(Charging.look, "Look at the payment"))
        if timed_out and self._watch_at is not None and self._outcome.state is State.PROCESSING:
            await workflow.execute_activity_method(
                Settling.report_overdue, self._ref(), **book_entry("Tell operators: no answer yet")
            )
            while self._watch_at <= workflow.now():
                self._watch_at += A_DAY

    async def _confirm(self, *, off_session: bool) -> Outcome:
        attempt = self._outcome.attempt + 1
        return await workflow.execute_activity_method(
            Charging.confirm,
            Confirm(recharge=self._ref(), attempt=attempt, off_session=off_session),
            **processor_call(f"Confirm the payment, attempt {attempt}"),
        )

    async def _finish(self) -> str:
        status = "succeeded" if self._outcome.state is State.SUCCEEDED else "failed" if self._gave_up else "canceled"
        ending = Ending(recharge=self._ref(), outcome=self._outcome, status=status, reason=self._reason)
        summary = "Credit the balance" if status == "succeeded" else "Take the pending money out again"
        final = await workflow.execute_activity_method(Settling.finish, ending, **book_entry(summary))
        attributes.show(state=final)
        self._tell(f"Finished: **{final}**.")
        return final

    async def _charge(self, step: Callable[[Charging, RechargeRef], Awaitable[Outcome]], summary: str) -> Outcome:
        return await workflow.execute_activity_method(step, self._ref(), **processor_call(summary))

    def _ref(self) -> RechargeRef:
        return RechargeRef(self._request.account_id, self._request.recharge_id, workflow.now())

    def _take(self, outcome: Outcome) -> None:
        """Make ``outcome`` what we know, and show it."""
        news = (outcome.state, outcome.expected_on) != (self._outcome.state, self._outcome.expected_on)
        if outcome.expected_on != self._outcome.expected_on:
            self._watch_at = None
        self._outcome = outcome
        if news:
            attributes.show(state=outcome.state, expected_on=outcome.expected_on)
            story = _STORY[outcome.state]
            if outcome.state is State.PROCESSING and outcome.expected_on is None:
                story = "Submitted. The processor has not answered yet."
            self._tell(story.format(on=outcome.expected_on, code=outcome.failure_code))

    def _tell(self, story: str) -> None:
        amount = Money.from_cents(self._request.amount_cents)
        method = "card" if self._request.method_kind == "card" else "bank debit (ACH)"
        workflow.set_current_details(f"**${amount}** by {method}, {self._request.kind}.\n\n{story}")


_STORY = {
    State.UNCONFIRMED: "The payment exists at the processor and is not confirmed yet.",
    State.PROCESSING: "Submitted. The answer is expected on **{on}**; until then the money is pending.",
    State.REQUIRES_ACTION: "The customer must confirm this payment with the bank: they have a link, for 24 hours.",
    State.DECLINED: "Declined (`{code}`). The payment is being canceled at the processor.",
    State.ALTERED: "Somebody changed this payment at the processor: it is being canceled, and operators are told.",
    State.SUCCEEDED: "The processor has the money. The balance is being credited.",
    State.CANCELED: "Canceled at the processor. The pending money is being taken out of the balance.",
}
