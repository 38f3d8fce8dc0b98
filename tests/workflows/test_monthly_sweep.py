"""Payment schedules through time: the sweep makes each month's debit once, and never another (E7, E8, E13)."""

from datetime import date, datetime

from rules.business_days import EASTERN
from tests.workflows.recharging import balance, bank_on_file, charges, ended, submitted
from workflows.monthly_sweep import MonthlyRequest, MonthlySweep


async def put(house, bank, **fields):
    await house.sync()
    body = {"day_of_month": 15, "amount": "50.00", "bank_account": bank["id"]} | fields
    answer = await house.owner.put(f"/v1/accounts/{house.account.id}/payment_schedule", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def sweep(house, **more):
    """One sweep now, as the Schedule starts it; gives how many debits it made."""
    handle = await house.temporal.start_workflow(
        MonthlySweep.run, MonthlyRequest(**more), id=f"monthly-sweep-{house.now().timestamp()}",
        task_queue=house.settings.task_queue,
    )  # fmt: skip
    with house.environment.auto_time_skipping_disabled():
        return await handle.result()


async def go_to(house, year, month, day, hour=9, minute=0):
    until = datetime(year, month, day, hour, minute, tzinfo=EASTERN)
    await house.environment.sleep(until - await house.environment.get_current_time())
    await house.sync()


async def scheduled(house):
    found = await house.owner.get(f"/v1/accounts/{house.account.id}/recharges", params={"kind": "scheduled"})
    return found.json()["data"]


async def test_put_sweep_recharge_debit(house):
    async with house.working():
        bank = await bank_on_file(house)
        shown = await put(house, bank)
        assert shown["enabled"], shown
        due = date.fromisoformat(shown["next_debit_on"])
        await go_to(house, due.year, due.month, due.day, 8, 59)
        assert await sweep(house) == 0
        await go_to(house, due.year, due.month, due.day)
        assert await sweep(house) == 1
        assert await sweep(house) == 0
        (row,) = await scheduled(house)
        await house.hand_over()
        found = await submitted(house, row)
        await house.control("clock", {"advance_business_days": 4})
        await house.pass_days(3)
        await house.deliver_events()
        assert await ended(house, row) == "succeeded"
        assert await balance(house) == ("50.00", "0.00")
        assert [one.status for one in await charges(house)] == ["succeeded"]
        assert found.schedule_month == due.replace(day=1)
