"""The debits of payment schedules: hourly, each made by the first sweep that finds it due (requirements E7, E8)."""

from dataclasses import dataclass
from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.scheduling import DebitsRef, Scheduling
    from workflows import attributes
    from workflows.options import HEARTBEAT, UNTIL_ANSWERED


@dataclass(frozen=True)
class MonthlyRequest:
    """From which account on, and what the runs before have done."""

    after: str = ""
    made: int = 0
    skipped: int = 0
    failed: int = 0
    pages: int = 200
    """After so many a new run takes over, so that no history grows long."""


@workflow.defn(name="MonthlySweep")
class MonthlySweep:
    """Page by page through the accounts whose debit is due, until none is left. Each debit is a recharge."""

    @workflow.run
    async def run(self, request: MonthlyRequest) -> int:
        """Gives the number of debits made."""
        done, pages = request, 0
        while True:
            page = await workflow.execute_activity_method(
                Scheduling.debit_page,
                DebitsRef(done.after, workflow.now()),
                start_to_close_timeout=timedelta(minutes=10),
                heartbeat_timeout=HEARTBEAT,
                retry_policy=UNTIL_ANSWERED,
                summary=f"Make monthly debits, from account {done.after}" if done.after else "Make monthly debits",
            )
            if page.last is None:
                attributes.show(state="done")
                workflow.set_current_details(_told(done))
                return done.made
            done = MonthlyRequest(
                page.last, done.made + page.made, done.skipped + page.skipped, done.failed + page.failed, request.pages
            )
            pages += 1
            workflow.set_current_details(_told(done))
            if pages == request.pages:
                workflow.continue_as_new(done)


def _told(done: MonthlyRequest) -> str:
    return f"{done.made} debits made, {done.skipped} not made and their owners told, {done.failed} to be tried again."
