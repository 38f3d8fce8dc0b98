"""Every recorded history is replayed by the workflows as they are: a change that open payments cannot follow fails.

Histories are recorded by the tests in tests/workflows with PREPAY_RECORD_HISTORIES=1, one for each story.
"""

import json
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

import worker
from tests.replay.recording import scrubbed
from workflows.recharge import Recharge, RechargeRequest

HISTORIES = Path(__file__).parent / "histories"
STORIES = sorted(HISTORIES.rglob("*.json"))
TOLD = {type_.__temporal_workflow_definition.name for type_ in worker.WORKFLOWS} - {"Notice"}


def named(path):
    return str(path.relative_to(HISTORIES).with_suffix(""))


def history_of(path):
    return WorkflowHistory.from_json(named(path), path.read_text())


def replayer(*workflows):
    # In the sandbox: a workflow that asks the clock, chance or the network fails here. The workers of most tests do
    # without, for it makes a world anew for each workflow task, and that took most of their time.
    return Replayer(
        workflows=workflows, data_converter=pydantic_data_converter, workflow_runner=SandboxedWorkflowRunner()
    )


@pytest.fixture(scope="module")
async def replayed():
    """What came of replaying every story, by its name: None, or the error."""
    found = {}
    async with replayer(*worker.WORKFLOWS).workflow_replay_iterator(histories()) as results:
        async for result in results:
            found[result.history.workflow_id] = result.replay_failure
    return found


async def histories():
    for path in STORIES:
        yield history_of(path)


@pytest.mark.parametrize("path", STORIES, ids=named)
def test_the_workflow_follows_its_history(replayed, path):
    assert replayed[named(path)] is None


@pytest.mark.parametrize("path", STORIES, ids=named)
def test_the_history_holds_nothing_that_it_must_not(path):
    assert scrubbed(path.read_text()) == path.read_text()


def test_every_workflow_has_a_story():
    def type_of(path):
        (name,) = {
            event["workflowExecutionStartedEventAttributes"]["workflowType"]["name"]
            for event in json.loads(path.read_text())["events"]
            if "workflowExecutionStartedEventAttributes" in event
        }
        return name

    assert {type_of(path) for path in STORIES} >= TOLD


@workflow.defn(name="Recharge")
class HastyRecharge(Recharge):
    """What somebody may do tomorrow without thinking of the payments that are open today."""

    @workflow.init
    def __init__(self, request: RechargeRequest) -> None:
        super().__init__(request)

    @workflow.run
    async def run(self, request: RechargeRequest) -> str:
        await workflow.sleep(1)
        return await super().run(request)


async def test_a_workflow_that_was_changed_does_not_follow():
    """So that the test above can fail."""
    changed = Replayer(
        workflows=[HastyRecharge],
        data_converter=pydantic_data_converter,
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    stories = [path for path in STORIES if path.parent.name == "recharge"]
    assert stories
    for path in stories:
        with pytest.raises(workflow.NondeterminismError):
            await changed.replay_workflow(history_of(path))
