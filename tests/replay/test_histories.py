"""Every recorded history replays: code that runs today's workflows differently would break those that are open.

Record anew with ``PREPAY_RECORD_HISTORIES=1 pytest tests/workflows``, and only where a story was added: a history that
no longer replays is a version that still runs somewhere, and needs ``workflow.patched``.
"""

import json
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

import worker
from tests.replay.recording import scrubbed

HISTORIES = Path(__file__).parent / "histories"
STORIES = sorted(HISTORIES.glob("*/*.json"))


@pytest.mark.parametrize("file", STORIES, ids=lambda file: f"{file.parent.name}/{file.stem}")
async def test_a_recorded_history_replays(file: Path):
    replayer = Replayer(workflows=worker.WORKFLOWS, data_converter=pydantic_data_converter)
    await replayer.replay_workflow(recorded(file))


def recorded(file: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(file.stem, file.read_text())


@pytest.mark.parametrize("file", STORIES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_a_recorded_history_holds_nothing_personal_and_no_machine(file: Path):
    text = file.read_text()
    assert scrubbed(text) == text


@pytest.mark.parametrize(
    "secret", ["code SM11AA", "Jenny Rosen", "ada@customer.example", "203.0.113.7", "pm_card_visa"]
)
def test_what_must_not_be_in_a_history_is_found(secret):
    with pytest.raises(AssertionError, match="the history holds"):
        scrubbed(json.dumps({"events": [{"attributes": {"note": secret}}]}))
