"""What runs by the clock for the whole deployment: one Temporal Schedule each, made when a worker starts."""

from dataclasses import replace
from datetime import timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)

from workflows import attributes
from workflows.recommendation_sweep import RecommendationSweep, SweepRequest

RECOMMENDATIONS = "recommendations"


async def ensure(client: Client, *, task_queue: str) -> None:
    """Make each schedule, or make an older release's what it is now; whether it is paused stays as it is.

    Raises RPCError while Temporal cannot be reached.
    """
    wanted = _recommendations(task_queue)
    try:
        await client.create_schedule(RECOMMENDATIONS, wanted)
    except ScheduleAlreadyRunningError:

        def renewed(found: ScheduleUpdateInput) -> ScheduleUpdate:
            return ScheduleUpdate(replace(wanted, state=found.description.schedule.state))

        await client.get_schedule_handle(RECOMMENDATIONS).update(renewed)


def _recommendations(task_queue: str) -> Schedule:
    """Hourly: somewhere a day begins. A sweep does all that is due, so that none that was missed is made up for."""
    return Schedule(
        action=ScheduleActionStartWorkflow(
            RecommendationSweep.run,
            SweepRequest(),
            id="recommendation-sweep",
            task_queue=task_queue,
            static_summary="Recommend balance alerts",
            static_details="Average daily usage of every account whose local day has changed.",
            typed_search_attributes=attributes.initial(account_id="", kind="recommendation_sweep", state="running"),
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=timedelta(hours=1), offset=timedelta(minutes=5))]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=timedelta(minutes=1)),
    )
