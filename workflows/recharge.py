"""One recharge that its owner asked for, or its schedule: driven to the processor's last word.

One confirm off session; a decline ends it, and a customer who must confirm has a day for it. What happens to the
payment in between stands in ``workflows/payment.py``.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.charging import Charging
    from activities.settling import Ending, Settling
    from rules.outcomes import State
    from workflows import attributes
    from workflows.options import book_entry
    from workflows.payment import AGAIN, STORY, Payment, Subject

ACTION_WINDOW = timedelta(hours=24)
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
        self._payment = Payment(
            Subject(
                account_id=request.account_id,
                recharge_id=request.recharge_id,
                kind=request.kind,
                amount_cents=request.amount_cents,
                method_kind=request.method_kind,
            ),
            story=STORY,
        )
        self._gave_up = False
        self._reason: str | None = None
        self._action_until: datetime | None = None

    @workflow.run
    async def run(self, request: RechargeRequest) -> str:
        """Gives the recharge's final status."""
        payment = self._payment
        payment.tell("Creating the payment at the processor.")
        async with payment.turn:
            if not payment.outcome.final:
                await payment.step(Charging.create_intent, "Create the PaymentIntent, unconfirmed")
        # A cancel that came in the meantime goes first.
        async with payment.turn:
            if payment.outcome.state is State.UNCONFIRMED:
                await payment.confirm(off_session=True)
        while not payment.outcome.final:
            timed_out = await self._wait()
            async with payment.turn:
                if not payment.outcome.final:
                    await self._step(timed_out=timed_out)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return await self._finish()

    # What may come from outside

    @workflow.signal
    def look(self) -> None:
        """Something may have changed at the processor: look again."""
        self._payment.woken = True

    @workflow.update
    async def cancel(self, _recharge_id: str | None = None) -> str:
        """Cancel where the processor still lets it be. Gives ``canceled``, or the state that stands in the way."""
        return await self._payment.cancel()

    @workflow.update
    async def authenticate(self, _recharge_id: str | None = None) -> str:
        """The customer opened the link: confirm the same intent on session, as the next attempt (C4)."""
        return await self._payment.authenticate()

    @workflow.update
    async def look_now(self, _recharge_id: str | None = None) -> str:
        """Look at the payment at once, for somebody who waits. Gives the state."""
        return await self._payment.look_now()

    # What happens in between

    async def _wait(self) -> bool:
        """Until something may have changed; whether it was the clock."""
        state = self._payment.outcome.state
        if state in HOPELESS and not self._gave_up:
            return False
        if state is State.REQUIRES_ACTION:
            self._action_until = self._action_until or workflow.now() + ACTION_WINDOW
            return await self._payment.wait(self._action_until, "Cancel if the customer has not confirmed by then")
        return await self._payment.wait(*self._payment.asked_next())

    async def _step(self, *, timed_out: bool) -> None:
        outcome = self._payment.outcome
        if outcome.state in HOPELESS:
            self._gave_up, self._reason = True, outcome.failure_code or "unknown"
            await self._payment.step(Charging.cancel, "Give up: cancel the payment")
            return
        if timed_out and outcome.state is State.REQUIRES_ACTION:
            self._reason = "action_expired"
            self._action_until = workflow.now() + AGAIN  # should the processor not let it be canceled
            await self._payment.step(Charging.cancel, "Cancel: the customer did not confirm")
            return
        await self._payment.look_again(timed_out=timed_out)

    async def _finish(self) -> str:
        outcome = self._payment.outcome
        status = "succeeded" if outcome.state is State.SUCCEEDED else "failed" if self._gave_up else "canceled"
        ending = Ending(recharge=self._payment.ref(), outcome=outcome, status=status, reason=self._reason)
        summary = "Credit the balance" if status == "succeeded" else "Take the pending money out again"
        final = await workflow.execute_activity_method(Settling.finish, ending, **book_entry(summary))
        attributes.show(state=final)
        self._payment.tell(f"Finished: **{final}**.")
        return final
