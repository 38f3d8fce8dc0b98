"""A long step beats, so that a killed worker is noticed; a short one costs the server nothing."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from temporalio.testing import ActivityEnvironment

from activities.heartbeats import Heartbeats


class Step:
    """An activity that ends at the second beat, or at once."""

    def __init__(self, *, beats):
        self.wanted, self.beats, self.enough = beats, 0, asyncio.Event()

    def beat(self, *_):
        self.beats += 1
        if self.beats == self.wanted:
            self.enough.set()

    async def execute_activity(self, _):
        if self.wanted:
            await self.enough.wait()
        return "done"


async def beats_of(step, every):
    environment = ActivityEnvironment()
    environment.info = replace(ActivityEnvironment.default_info(), heartbeat_timeout=every)
    environment.on_heartbeat = step.beat
    assert await environment.run(Heartbeats().intercept_activity(step).execute_activity, None) == "done"
    return step.beats


async def test_a_long_step_beats():
    assert await beats_of(Step(beats=2), timedelta(milliseconds=30)) == 2


async def test_a_step_that_is_over_at_once_sends_none():
    assert await beats_of(Step(beats=0), timedelta(seconds=6)) == 0
