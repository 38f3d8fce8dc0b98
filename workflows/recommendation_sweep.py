"""The nightly recommendation of balance alerts: hourly, for each account once its local day has changed (A6)."""

from dataclasses import dataclass
from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.recommending import PageRef, Recommending
    from workflows import attributes
    from workflows.options import HEARTBEAT, UNTIL_ANSWERED


@dataclass(frozen=True)
class SweepRequest:
    """From which account on, and what the runs before have done."""

    after: str = ""
    done: int = 0
    failed: int = 0
    pages: int = 200
    """After so many a new run takes over, so that no history grows long."""


@workflow.defn(name="RecommendationSweep")
class RecommendationSweep:
    """Page by page through the accounts that are due, until none is left."""

    @workflow.run
    async def run(self, request: SweepRequest) -> int:
        """Gives the number of accounts that got a recommendation."""
        after, done, failed, pages = request.after, request.done, request.failed, 0
        while True:
            page = await workflow.execute_activity_method(
                Recommending.recommend_page,
                PageRef(after, workflow.now()),
                start_to_close_timeout=timedelta(minutes=10),
                heartbeat_timeout=HEARTBEAT,
                retry_policy=UNTIL_ANSWERED,
                summary=f"Recommend alerts, from account {after}" if after else "Recommend alerts",
            )
            if page.last is None:
                attributes.show(state="done")
                workflow.set_current_details(f"{done} accounts have a new recommendation, {failed} could not be read.")
                return done
            after, done, failed, pages = page.last, done + page.done, failed + page.failed, pages + 1
            workflow.set_current_details(f"{done} accounts have a new recommendation so far.")
            if pages == request.pages:
                workflow.continue_as_new(SweepRequest(after, done, failed, request.pages))
