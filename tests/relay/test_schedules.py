"""The deployment's schedules on the real Temporal server: made once, made anew by a later release, and they run."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import ScheduleOverlapPolicy, ScheduleUpdate
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker

import worker
from activities.recommending import Recommending
from activities.scheduling import Scheduling
from store import balance_alerts
from tests.store.alerting import open_customer
from tests.store.scheduling import LARGEST, open_payer
from workflows import schedules
from workflows.monthly_sweep import MonthlySweep
from workflows.recommendation_sweep import RecommendationSweep


@pytest.fixture
async def handle(temporal):
    yield temporal.get_schedule_handle(schedules.RECOMMENDATIONS)
    for name in (schedules.RECOMMENDATIONS, schedules.MONTHLY_DEBITS):
        await temporal.get_schedule_handle(name).delete()


@pytest.fixture
def monthly(handle, temporal):
    return temporal.get_schedule_handle(schedules.MONTHLY_DEBITS)


async def test_it_runs_hourly_and_never_twice_at_a_time(temporal, handle):
    await schedules.ensure(temporal, task_queue="sweeps")
    schedule = (await handle.describe()).schedule
    (interval,) = schedule.spec.intervals
    assert interval.every == timedelta(hours=1)
    assert schedule.policy.overlap == ScheduleOverlapPolicy.SKIP
    assert schedule.action.workflow == "RecommendationSweep"


async def test_a_later_release_changes_it_and_a_pause_stays(temporal, handle):
    await schedules.ensure(temporal, task_queue="old")

    def paused(found):
        found.description.schedule.state.paused = True
        found.description.schedule.state.note = "on holiday"
        return ScheduleUpdate(found.description.schedule)

    await handle.update(paused)
    await schedules.ensure(temporal, task_queue="new")
    await schedules.ensure(temporal, task_queue="new")
    schedule = (await handle.describe()).schedule
    assert schedule.action.task_queue == "new"
    assert (schedule.state.paused, schedule.state.note) == (True, "on holiday")


async def test_what_it_starts_recommends(temporal, handle, books):
    customer = await open_customer(books, now=datetime.now(UTC) - timedelta(days=3))
    await schedules.ensure(temporal, task_queue="sweeps")
    async with Worker(
        temporal,
        task_queue="sweeps",
        workflows=[RecommendationSweep],
        activities=[Recommending(database=books).recommend_page],
    ):
        await handle.trigger()
        async with asyncio.timeout(30):
            while True:
                async with books.transaction() as session:
                    found = await balance_alerts.get(session, customer.account_id)
                if found.recommended_on is not None:
                    break
                await asyncio.sleep(0.1)


async def test_debits_are_swept_on_each_full_hour_and_one_that_was_missed_is_made_up_for(temporal, monthly):
    await schedules.ensure(temporal, task_queue="debits")
    schedule = (await monthly.describe()).schedule
    (interval,) = schedule.spec.intervals
    assert (interval.every, interval.offset or timedelta()) == (timedelta(hours=1), timedelta())
    assert schedule.policy.overlap == ScheduleOverlapPolicy.BUFFER_ONE
    assert schedule.policy.catchup_window == timedelta(days=365)
    assert schedule.action.workflow == "MonthlySweep"


async def test_a_tick_makes_the_debit_that_is_due(temporal, monthly, books):
    """Set up forty days ago: by now a day 15 has come, and is debited once however often it ticks."""
    begun = datetime.now(UTC) - timedelta(days=40)
    payer = await open_payer(books, now=begun)
    await payer.put(15, now=begun)
    await schedules.ensure(temporal, task_queue="debits")
    async with Worker(
        temporal,
        task_queue="debits",
        workflows=[MonthlySweep],
        activities=[Scheduling(database=books, largest_cents=LARGEST).debit_page],
    ):
        for ticks in (1, 2):
            await monthly.trigger()
            async with asyncio.timeout(90):
                while True:
                    info = (await monthly.describe()).info
                    if info.num_actions == ticks and not info.running_actions and await payer.months():
                        break
                    await asyncio.sleep(0.1)
    assert len(await payer.months()) == 1


async def test_a_worker_makes_them_as_soon_as_temporal_lets_it(monkeypatch):
    """One without the right to, or a server that is just restarting, is asked again; the worker works meanwhile."""
    monkeypatch.setattr(worker, "AGAIN_SECONDS", 0.01)
    answers = [RPCError("unavailable", RPCStatusCode.UNAVAILABLE, b""), ConnectionError(), None]

    async def ensure():
        answer = answers.pop(0)
        if answer is not None:
            raise answer
        return "made"

    assert await worker._until_reached("schedules", ensure, asyncio.Event()) == "made"
