"""The retention clock: while an account has nothing left to spend, what it has is kept, and its owner told (B2)."""

from dataclasses import dataclass
from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.retaining import ClockState, Retaining, RetentionRef
    from rules.wording import count, moment
    from workflows import attributes
    from workflows.options import book_entry


@dataclass(frozen=True)
class RetentionRequest:
    """Whose clock."""

    account_id: str


@workflow.defn(name="Retention")
class Retention:
    """Runs while the account's clock does: until money comes, the account is closed, or its time is over.

    The clock's row decides. The signal ``look`` and the timer are hints to look at it, so that money that came ends the
    clock at the next look, though the signal was lost.
    """

    @workflow.init
    def __init__(self, request: RetentionRequest) -> None:
        self._account_id = request.account_id
        self._news = 0

    @workflow.signal
    def look(self) -> None:
        """A clock was started or stopped."""
        self._news += 1

    @workflow.run
    async def run(self, request: RetentionRequest) -> str:
        """Gives what became of the clock."""
        while True:
            seen = self._news
            clock = await self._look()
            # Nothing is awaited between this check and the end, so that no signal is lost.
            if clock.look_at is None and seen == self._news:
                return clock.state
            if clock.look_at is not None:
                await self._wait(clock, seen)

    async def _look(self) -> ClockState:
        ref = RetentionRef(self._account_id, workflow.now())
        clock = await workflow.execute_activity_method(
            Retaining.look, ref, **book_entry("Look: remind, cancel or end, whatever is due")
        )
        attributes.show(state=clock.state, expected_on=clock.ends_at.date() if clock.ends_at else None)
        workflow.set_current_details(_story(clock))
        return clock

    async def _wait(self, clock: ClockState, seen: int) -> None:
        """Until something is due, or there is news."""
        if clock.look_at is None or clock.ends_at is None:
            return
        last = clock.look_at >= clock.ends_at
        left = (clock.ends_at - clock.look_at).days
        summary = (
            "The end: tell owner, operators and platform"
            if last
            else f"Reminder, {count(left, 'day', 'days')} before the end"
        )
        try:
            await workflow.wait_condition(
                lambda: self._news != seen,
                timeout=max(clock.look_at - workflow.now(), timedelta(seconds=1)),
                timeout_summary=summary,
            )
        except TimeoutError:
            return


def _story(clock: ClockState) -> str:
    if clock.ends_at is None:
        return "The account has no retention clock."
    until = moment(clock.ends_at, "UTC")
    if clock.look_at is None:
        return _ENDS[clock.state].format(until=until)
    due = "the end" if clock.look_at >= clock.ends_at else "a reminder"
    return (
        f"The balance is used up. What the account has is kept until **{until}**."
        f"\n\nNext, on {moment(clock.look_at, 'UTC')}: {due}. Money that lifts the balance above zero ends this."
    )


_ENDS = {
    "canceled": "The balance is above zero again: the clock is **canceled**.",
    "closed": "The account was **closed**: the clock is over.",
    "ended": "The clock **ran out** on {until}. Owner, operators and platform are told; nothing was deleted.",
}
