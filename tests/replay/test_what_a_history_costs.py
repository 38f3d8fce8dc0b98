"""Events and actions are counted from histories as docs.temporal.io/cloud/actions counts them."""

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import ActivityTaskStartedEventAttributes, HistoryEvent
from temporalio.client import WorkflowHistory

from benchmarks.histories import Cost, cost

STEP = ["WORKFLOW_TASK_SCHEDULED", "WORKFLOW_TASK_STARTED", "WORKFLOW_TASK_COMPLETED"]
ACTIVITY = ["ACTIVITY_TASK_SCHEDULED", "ACTIVITY_TASK_STARTED", "ACTIVITY_TASK_COMPLETED"]


def history(*kinds, attempt=1):
    events = []
    for number, kind in enumerate(kinds, start=1):
        event = HistoryEvent(event_id=number, event_type=EventType.Value(f"EVENT_TYPE_{kind}"))
        if kind == "ACTIVITY_TASK_STARTED":
            event.activity_task_started_event_attributes.CopyFrom(ActivityTaskStartedEventAttributes(attempt=attempt))
        events.append(event)
    return WorkflowHistory("auto-recharge/x", events)


def test_three_activities_after_a_signal_with_start():
    events = history(
        "WORKFLOW_EXECUTION_STARTED", "WORKFLOW_EXECUTION_SIGNALED",
        *(STEP + ACTIVITY) * 3, *STEP, "WORKFLOW_EXECUTION_COMPLETED",
    )  # fmt: skip
    assert cost(events) == Cost(events=24, actions=4, activities=3)


def test_what_costs_besides():
    events = history(
        "WORKFLOW_EXECUTION_STARTED", *STEP, "UPSERT_WORKFLOW_SEARCH_ATTRIBUTES", "TIMER_STARTED",
        "WORKFLOW_EXECUTION_SIGNALED", *STEP, "WORKFLOW_EXECUTION_UPDATE_ACCEPTED", "MARKER_RECORDED",
    )  # fmt: skip
    assert cost(events).actions == 6


def test_tries_that_leave_no_event():
    events = history("WORKFLOW_EXECUTION_STARTED", *STEP, *ACTIVITY, attempt=3)
    assert cost(events).actions == 4
