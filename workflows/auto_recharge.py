"""An episode of auto-recharge: from a wake to a balance above the minimum, a limit's next window, or a pause.

It drives the payment of its recharge itself (decision 20), so that a card that pays takes three activities. A wake, a
signal and a timer are hints to look again; what is done is decided in the book, under the account's lock.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.auto_recharging import AccountRef, AutoRecharging
    from rules.episodes import Begun, Ended
    from rules.outcomes import State
    from rules.wording import moment
    from workflows import attributes
    from workflows.auto_payment import AutoPayment
    from workflows.options import book_entry

#: An account that recharges all day has one run for some of its recharges, so that no history grows without end.
MOST_RECHARGES = 20


@dataclass(frozen=True)
class AutoRechargeRequest:
    """Whose auto-recharge."""

    account_id: str


@workflow.defn(name="AutoRecharge")
class AutoRecharge:
    """Runs while the account needs money that it does not have; nothing runs for an account that rests."""

    @workflow.init
    def __init__(self, request: AutoRechargeRequest) -> None:
        self._account_id = request.account_id
        self._news = 0
        self._looking = True
        self._payment: AutoPayment | None = None

    @workflow.run
    async def run(self, request: AutoRechargeRequest) -> str:
        """Gives how auto-recharge stands at the end."""
        recharges = 0
        while True:
            seen = self._news
            begun = await self._begin()
            standing, again = str(begun.standing), False
            if self._payment is not None:
                recharges += 1
                seen, ended = await self._recharge(self._payment)
                standing, again = "paused" if ended.paused else "watching", ended.again
            elif begun.until is not None:
                again = True
                await self._rest(begun, begun.until, seen)
            await workflow.wait_condition(workflow.all_handlers_finished)
            # Nothing is awaited between this check and the end, so that no wake is lost.
            if not again and seen == self._news:
                return standing
            if recharges >= MOST_RECHARGES or workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(request)

    # What may come from outside. A recharge that is not the one under way is answered for by its row.

    @workflow.signal
    def wake(self) -> None:
        """T or the settings may have changed."""
        self._news += 1

    @workflow.signal
    def look(self) -> None:
        """Something may have changed at the processor."""
        if self._payment is not None:
            self._payment.woken = True

    @workflow.update
    async def cancel(self, recharge_id: str | None = None) -> str | None:
        """Cancel where the processor still lets it be. Gives ``canceled``, or the state that stands in the way."""
        payment = await self._asked_of(recharge_id)
        return await payment.cancel() if payment is not None else None

    @workflow.update
    async def authenticate(self, recharge_id: str | None = None) -> str | None:
        """The customer opened the link: confirm the same intent on session, as the next attempt (C4)."""
        payment = await self._asked_of(recharge_id)
        return await payment.authenticate() if payment is not None else None

    @workflow.update
    async def look_now(self, recharge_id: str | None = None) -> str | None:
        """Look at the payment at once, for somebody who waits. Gives the state."""
        payment = await self._asked_of(recharge_id)
        return await payment.look_now() if payment is not None else None

    async def _asked_of(self, recharge_id: str | None) -> AutoPayment | None:
        """The payment under way, if it is this recharge's; a run that has just started finds it first."""
        await workflow.wait_condition(lambda: not self._looking)
        payment = self._payment
        return payment if payment is not None and payment.subject.recharge_id == recharge_id else None

    # What happens in between

    async def _begin(self) -> Begun:
        self._looking = True
        workflow.set_current_details("Looking at the balance, the settings and the limits.")
        begun = await workflow.execute_activity_method(
            AutoRecharging.begin_auto_recharge,
            AccountRef(self._account_id, workflow.now()),
            **book_entry("Read again, under the lock: recharge or not"),
        )
        found = begun.recharge_id is not None
        self._payment = AutoPayment(self._account_id, begun, news=lambda: self._news) if found else None
        self._looking = False
        return begun

    async def _recharge(self, payment: AutoPayment) -> tuple[int, Ended]:
        """Drive the recharge to its end. Gives the news seen before its end was written, and that end."""
        await payment.drive()
        await workflow.wait_condition(workflow.all_handlers_finished)
        paid = payment.outcome.state is State.SUCCEEDED
        seen = self._news
        ended = await workflow.execute_activity_method(
            AutoRecharging.finish_auto_recharge,
            payment.ending(),
            **book_entry("Credit the balance, and test it again" if paid else "Take the pending money out again"),
        )
        attributes.show(state=ended.status, amount_cents=payment.subject.amount_cents)
        payment.tell(f"Finished: **{ended.status}**." + (" Auto-recharge is **paused**." if ended.paused else ""))
        return seen, ended

    async def _rest(self, begun: Begun, until: datetime, seen: int) -> None:
        """Nothing may be charged before ``until``; news may change that."""
        limited = begun.standing == "limited"
        summary = "The limit's next window opens" if limited else "The method may be asked again"
        attributes.show(state=begun.standing)
        workflow.set_current_details(f"Nothing is charged before **{moment(until, 'UTC')}**. {summary} then.")
        try:
            await workflow.wait_condition(
                lambda: self._news != seen,
                timeout=max(until - workflow.now(), timedelta(seconds=1)),
                timeout_summary=summary,
            )
        except TimeoutError:
            return
