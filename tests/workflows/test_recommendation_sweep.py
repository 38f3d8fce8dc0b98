"""The nightly recommendation as a workflow: page by page, resumed where it stopped."""

from datetime import timedelta

from activities import recommending
from store import accounts, balance_alerts
from workflows.recommendation_sweep import RecommendationSweep, SweepRequest


async def opened(house, count):
    """So many more accounts, in the order of their ids."""
    found = []
    async with house.database.transaction() as session:
        for n in range(count):
            fields = {"name": f"Customer {n}", "email": "x@customer.example", "timezone": "UTC"}
            account, _ = await accounts.open_account(session, fields=fields, pepper="p", now=house.now())
            found.append(account.id)
    return sorted(found)


async def sweep(house, name, **more):
    handle = await house.temporal.start_workflow(
        RecommendationSweep.run, SweepRequest(**more), id=name, task_queue=house.settings.task_queue
    )
    with house.environment.auto_time_skipping_disabled():  # a sweep waits for nothing
        return await handle.result()


async def day_recommended(house, account_id):
    async with house.database.transaction() as session:
        return (await balance_alerts.get(session, account_id)).recommended_on


async def test_every_account_is_looked_at_page_by_page(house, monkeypatch):
    monkeypatch.setattr(recommending, "PAGE", 2)
    made = await opened(house, 4)
    await house.pass_days(1)
    async with house.working():
        assert await sweep(house, "sweep-1") == 5, "these four and the owner's"
        assert await sweep(house, "sweep-2") == 0, "nothing is due any more"
        await house.record("recommendation_sweep/three_pages", "sweep-1")
    today = (await house.sync()).date()
    assert {await day_recommended(house, account) for account in made} == {today}


async def test_a_long_sweep_goes_on_in_a_new_run(house, monkeypatch):
    monkeypatch.setattr(recommending, "PAGE", 1)
    made = await opened(house, 4)
    await house.pass_days(1)
    async with house.working():
        assert await sweep(house, "sweep", pages=2) == 5
        description = await house.temporal.get_workflow_handle("sweep").describe()
    assert None not in {await day_recommended(house, account) for account in made}
    assert description.raw_description.workflow_execution_info.first_run_id != description.run_id


async def test_a_worker_that_dies_in_a_page_loses_nothing(house, monkeypatch):
    made = await opened(house, 3)
    await house.pass_days(1)
    recommend, died = recommending.Recommending._recommend, []

    async def dies_once(self, this, *, now):
        if this.account_id == made[1] and not died:
            died.append(this.account_id)
            raise recommending.DatabaseUnavailableError("gone")
        return await recommend(self, this, now=now)

    monkeypatch.setattr(recommending.Recommending, "_recommend", dies_once)
    async with house.working():
        done = await sweep(house, "sweep")
    assert died
    assert done <= 4, "what the first try did is not counted again"
    assert None not in {await day_recommended(house, account) for account in made}


async def test_the_time_is_the_workflows(house):
    """Not the machine's: a sweep of a later day recommends for that day."""
    (account,) = await opened(house, 1)
    await house.environment.sleep(timedelta(days=9))
    async with house.working():
        await sweep(house, "sweep")
    assert await day_recommended(house, account) == (await house.sync()).date()
