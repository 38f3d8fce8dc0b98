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
from workflows.monthly_sweep import MonthlyRequest, MonthlySweep
from workflows.recommendation_sweep import RecommendationSweep, SweepRequest

RECOMMENDATIONS = "recommendations"
MONTHLY_DEBITS = "monthly-debits"
HOUR = timedelta(hours=1)


async def ensure(client: Client, *, task_queue: str) -> None:
    """Make each schedule, or make an older release's what it is now; whether it is paused stays as it is.

    Raises RPCError while Temporal cannot be reached.
    """
    await _ensure(client, RECOMMENDATIONS, _recommendations(task_queue))
    await _ensure(client, MONTHLY_DEBITS, _monthly_debits(task_queue))


async def _ensure(client: Client, name: str, wanted: Schedule) -> None:
    try:
        await client.create_schedule(name, wanted)
    except ScheduleAlreadyRunningError:

        def renewed(found: ScheduleUpdateInput) -> ScheduleUpdate:
            return ScheduleUpdate(replace(wanted, state=found.description.schedule.state))

        await client.get_schedule_handle(name).update(renewed)


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
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=HOUR, offset=timedelta(minutes=5))]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=timedelta(minutes=1)),
    )


def _monthly_debits(task_queue: str) -> Schedule:
    """On each full hour, of which one is 09:00 Eastern in summer and in winter.

    One that falls due while another runs, or while Temporal is down, runs after it: a debit is late, never lost.
    """
    return Schedule(
        action=ScheduleActionStartWorkflow(
            MonthlySweep.run,
            MonthlyRequest(),
            id="monthly-sweep",
            task_queue=task_queue,
            static_summary="Make the debits of payment schedules",
            static_details="One bank debit a month for every account whose day has come.",
            typed_search_attributes=attributes.initial(account_id="", kind="monthly_sweep", state="running"),
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=HOUR)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.BUFFER_ONE, catchup_window=timedelta(days=365)),
    )
