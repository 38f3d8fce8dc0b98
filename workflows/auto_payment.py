"""The payment of an automatic recharge: what follows each decline is decided in the book, until the processor ends it.

An automatic recharge is tried again where its owner's own is given up: by the retry ladder, by the back-up method, or
with the customer (requirements C4, D6, D7).
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.auto_recharging import AutoEnding, AutoRecharging, Stuck
    from activities.charging import Charging, Confirm
    from rules.episodes import Begun, Next, Try
    from rules.outcomes import State
    from rules.retry_ladder import Trigger
    from rules.wording import moment
    from workflows import attributes
    from workflows.options import book_entry, processor_call
    from workflows.payment import A_DAY, AGAIN, STORY, Payment, Subject


class AutoPayment(Payment):
    """The payment of the recharge that ``begun`` names. ``news`` counts the wakes that the workflow has had."""

    def __init__(self, account_id: str, begun: Begun, *, news: Callable[[], int]) -> None:
        subject = Subject(
            account_id=account_id,
            recharge_id=begun.recharge_id or "",
            kind="auto",
            amount_cents=begun.amount_cents,
            method_kind=begun.method_kind,
        )
        super().__init__(subject, story=_STORY, shows=(State.PROCESSING, State.ALTERED))
        self.on_session = begun.on_session
        self._begun = begun
        self._news = news
        self._ours: Next | None = None
        """The decision for which we have the payment canceled."""

    async def drive(self) -> None:
        """To the processor's last word."""
        self.tell("The card or bank account is being charged.")
        async with self.turn:
            if not self.outcome.final:
                await self._first_step()
        while not self.outcome.final:
            if self.outcome.state is State.PROCESSING:
                timed_out = await self.wait(*self.asked_next())
                async with self.turn:
                    if not self.outcome.final:
                        await self.look_again(timed_out=timed_out)
            else:
                await self._go_on()

    def ending(self) -> AutoEnding:
        """How it ended, and what we had it canceled for, if we had."""
        ours = self._ours
        return AutoEnding(
            recharge=self.ref(),
            outcome=self.outcome,
            turn=ours.turn if ours is not None else None,
            reason=ours.reason if ours is not None else None,
        )

    async def _first_step(self) -> None:
        """A new recharge is charged; one of a run that was lost goes on where that run may have stopped."""
        made = self._begun.confirm
        if made is None:
            await self.step(Charging.look, "Look at the payment of a run that was lost")
        elif self._begun.first == "confirm":
            await self.confirm_as(self._numbered(made), "Confirm what was begun")
        else:
            self.take(
                await workflow.execute_activity_method(
                    Charging.charge,
                    self._numbered(made),
                    **processor_call("Create the PaymentIntent, keep its id, confirm it"),
                )
            )

    async def _go_on(self) -> None:
        """One turn of a payment that is not under way: decide, do it, or wait until there is something to decide."""
        async with self.turn:
            if self.outcome.final:
                return
            seen = self._news()
            decided = await self._decide()
            self.awaits_customer = decided.turn == "await_customer"
            self._ours = decided if decided.turn in _CANCELS else None
            if decided.confirm is not None:
                self.method_kind = decided.confirm.method_kind
                await self.confirm_as(self._numbered(decided.confirm), _CONFIRMS[decided.confirm.trigger])
                return
            if decided.turn in _CANCELS:
                await self.step(Charging.cancel, _CANCELS[decided.turn])
        if not self.outcome.final and self.outcome.state is not State.PROCESSING:
            await self._rest(decided, seen)

    async def _decide(self) -> Next:
        stuck = Stuck(recharge=self.ref(), state=self.outcome.state, code=self.outcome.failure_code)
        return await workflow.execute_activity_method(
            AutoRecharging.decide_next_try, stuck, **book_entry("Decide, under the lock: try again, wait, or give up")
        )

    async def _rest(self, decided: Next, seen: int) -> None:
        """Until there is something to decide anew: the time, news of the balance, or of the payment."""
        before = self.outcome
        until, summary = self._waits_for(decided)
        state = "requires_action" if self.awaits_customer else "retrying"
        attributes.show(state=state, amount_cents=self.subject.amount_cents)
        self.tell(f"Declined (`{before.failure_code}`). {summary}: **{moment(until, 'UTC')}**.")
        while self._news() == seen and self.outcome == before:
            try:
                await workflow.wait_condition(
                    lambda: self._news() != seen or self.woken or self.outcome != before,
                    timeout=max(until - workflow.now(), timedelta(seconds=1)),
                    timeout_summary=summary,
                )
            except TimeoutError:
                return
            async with self.turn:
                if self.woken and not self.outcome.final:
                    self.woken = False
                    await self.step(Charging.look, "Look at the payment")

    def _waits_for(self, decided: Next) -> tuple[datetime, str]:
        if decided.until is not None:
            return decided.until, _WAITS[decided.trigger or "customer"]
        altered = self.outcome.state is State.ALTERED
        return workflow.now() + (A_DAY if altered else AGAIN), "Try again to cancel the payment"

    def _numbered(self, made: Try) -> Confirm:
        return Confirm(
            recharge=self.ref(),
            attempt=made.number,
            off_session=made.off_session,
            method_id=made.method_id,
            trigger=made.trigger,
            step_percent=made.step_percent,
        )


_CANCELS: Mapping[str, str] = {
    "give_up": "Give up: cancel the payment",
    "drop": "Not wanted any more: cancel the payment",
}
_CONFIRMS: Mapping[Trigger, str] = {
    "first": "Confirm the payment",
    "rung": "Try again after the wait",
    "step": "Try again: the balance has fallen to the next step",
    "backup": "Try the back-up method",
    "customer": "Confirm with the customer",
}
_WAITS: Mapping[Trigger, str] = {
    "first": "The method is asked again",
    "rung": "The next rung of the retry ladder",
    "step": "The soonest try after a decline",
    "backup": "The back-up method is asked again",
    "customer": "Give up if the customer has not confirmed by then",
}
_STORY = {
    **STORY,
    State.DECLINED: "Declined (`{code}`). What follows is being decided.",
    State.REQUIRES_ACTION: "The bank wants the customer to confirm this payment: they have a link, for 24 hours.",
}
