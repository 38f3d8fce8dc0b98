"""What a workflow cost, counted from its history: events, and what Temporal Cloud calls actions."""

from dataclasses import dataclass

from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHistory

# docs.temporal.io/cloud/actions: what counts, and the event that tells of it. Heartbeats that reach the server count
# too and leave no event: a step shorter than two seconds sends none (activities/heartbeats.py).
_PAID = frozenset(
    {
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED,
        EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
        EventType.EVENT_TYPE_TIMER_STARTED,
        EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES,
        EventType.EVENT_TYPE_MARKER_RECORDED,
    }
)


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one run."""

    events: int
    actions: int
    activities: int


def cost(history: WorkflowHistory) -> Cost:
    """Count one run. A signal with start is one action, whether it starts or not."""
    kinds = [event.event_type for event in history.events]
    tries = [event.activity_task_started_event_attributes.attempt for event in history.events]
    again = sum(attempt - 1 for attempt in tries if attempt > 1)
    with_start = kinds[1:2] == [EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED]
    return Cost(
        events=len(kinds),
        actions=sum(kind in _PAID for kind in kinds) + again - with_start,
        activities=kinds.count(EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED),
    )
