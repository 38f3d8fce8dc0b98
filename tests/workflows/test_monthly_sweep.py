"""Payment schedules through time: the sweep makes each month's debit once, and never another (E7, E8, E13)."""

from datetime import date, timedelta
from itertools import pairwise

from activities import scheduling
from rules.business_days import eastern, is_business_day
from rules.monthly import DEBITED_AT
from store import payment_schedules
from store.database import DatabaseUnavailableError
from tests.store.scheduling import open_payer
from tests.workflows.recharging import balance, bank_on_file, becomes, charges, ended, intents, row, submitted
from workflows.monthly_sweep import MonthlyRequest, MonthlySweep


async def put(house, bank, *, day=15, amount="50.00", **fields):
    await house.sync()
    body = {"day_of_month": day, "amount": amount, "bank_account": bank["id"]} | fields
    answer = await house.owner.put(f"/v1/accounts/{house.account.id}/payment_schedule", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def next_on(house):
    return date.fromisoformat((await house.get("payment_schedule"))["next_debit_on"])


async def start(house, name="monthly-sweep", **more):
    return await house.temporal.start_workflow(
        MonthlySweep.run, MonthlyRequest(**more), id=f"{name}-{house.now().timestamp()}",
        task_queue=house.settings.task_queue,
    )  # fmt: skip


async def sweep(house, **more):
    """One sweep now, as the Schedule starts it; gives how many debits it made."""
    handle = await start(house, **more)
    with house.environment.auto_time_skipping_disabled():
        return await handle.result()


async def go_to(house, day, *, minutes=0):
    """09:00 Eastern of ``day``, or so many minutes from it."""
    until = eastern(day, DEBITED_AT) + timedelta(minutes=minutes)
    await house.environment.sleep(until - await house.environment.get_current_time())
    await house.sync()


async def scheduled(house):
    """Scheduled recharges as the API shows them, oldest first."""
    found = await house.owner.get(f"/v1/accounts/{house.account.id}/recharges", params={"kind": "scheduled"})
    return found.json()["data"][::-1]


async def months_debited(house):
    return [(await row(house, one)).schedule_month for one in await scheduled(house)]


async def paid(house, recharge):
    """The debit goes through, as the banks' days pass."""
    await house.hand_over()
    await submitted(house, recharge)
    await house.control("clock", {"advance_business_days": 4})
    await house.pass_days(3)
    await house.deliver_events()
    # Not by its workflow's result: awaiting that skips on to the time-outs of workflows that have ended.
    found = await becomes(house, recharge, lambda found: found.finished_at is not None)
    assert found.status == "succeeded"


async def test_from_the_setting_to_the_money_in_six_months(house):
    """Day 31, over six dates: each on its last day or the next business day, each paid, each once."""
    dates = []
    async with house.working():
        bank = await bank_on_file(house)
        await put(house, bank, day=31)
        for months in range(1, 7):
            due = await next_on(house)
            await go_to(house, due, minutes=-1)
            assert await sweep(house) == 0
            await go_to(house, due)
            assert await sweep(house) == 1
            assert await sweep(house) == 0
            assert len(await scheduled(house)) == months
            dates.append(due)
            await paid(house, (await scheduled(house))[-1])
        assert await balance(house) == ("300.00", "0.00")
    assert [one.status for one in await charges(house)] == ["succeeded"] * 6
    assert [one.amount for one in await charges(house)] == [50_00] * 6
    assert all(is_business_day(day) for day in dates)
    months = [found.year * 12 + found.month for found in await months_debited(house)]
    assert [later - month for month, later in pairwise(months)] == [1] * 5, "each month, none twice"


async def test_a_missed_week_is_one_late_debit(house):
    async with house.working():
        bank = await bank_on_file(house)
        await put(house, bank)
        due = await next_on(house)
        await go_to(house, due + timedelta(days=7))
        assert [await sweep(house) for _ in range(3)] == [1, 0, 0]
        (recharge,) = await scheduled(house)
        await paid(house, recharge)
        assert await balance(house) == ("50.00", "0.00")
        assert (await next_on(house)) > due + timedelta(days=20)
    assert len(await charges(house)) == 1


async def test_two_sweeps_at_once(house):
    async with house.working():
        bank = await bank_on_file(house)
        await put(house, bank)
        await go_to(house, await next_on(house))
        handles = [await start(house, f"sweep-{n}") for n in range(4)]
        with house.environment.auto_time_skipping_disabled():
            made = [await handle.result() for handle in handles]
        assert sorted(made) == [0, 0, 0, 1]
        (recharge,) = await scheduled(house)
        await paid(house, recharge)
    assert len(await intents(house)) == 1


async def test_the_bank_account_is_removed_meanwhile(house):
    """The owner is told, nothing is debited, and a new bank account is debited next month without seven days."""
    async with house.working():
        bank = await bank_on_file(house)
        await put(house, bank)
        answer = await house.delete(f"bank_accounts/{bank['id']}")
        assert answer.json()["status"] == "removed"
        due = await next_on(house)
        await go_to(house, due)
        assert await sweep(house) == 0
        assert (await house.notices()).count("scheduled_debit_skipped") == 1
        assert "the bank account was removed" in (await house.get("payment_schedule"))["why"]
        added = await house.add_bank()
        await house.post(f"bank_accounts/{added['id']}/verify", {"code": "SM11AA"})
        shown = await put(house, added)
        assert (shown["pending_change"], shown["bank_account"]) == (None, added["id"])
        await go_to(house, await next_on(house))
        assert await sweep(house) == 1
        (recharge,) = await scheduled(house)
        assert recharge["payment_method"] == added["id"]
        await paid(house, recharge)
    assert len(await charges(house)) == 1


async def test_the_bank_account_is_removed_between_sweep_and_debit(house):
    """The month has its recharge, and it fails without a debit."""
    async with house.working():
        bank = await bank_on_file(house)
        await put(house, bank)
        await go_to(house, await next_on(house))
        assert await sweep(house) == 1
        await house.delete(f"bank_accounts/{bank['id']}")
        await house.hand_over()
        (recharge,) = await scheduled(house)
        assert await ended(house, recharge) == "failed"
    assert await charges(house) == []


async def test_deleted_while_the_debit_is_in_flight(house):
    async with house.working():
        bank = await bank_on_file(house)
        await put(house, bank)
        await go_to(house, await next_on(house))
        assert await sweep(house) == 1
        (recharge,) = await scheduled(house)
        answer = await house.delete("payment_schedule")
        assert (answer.json()["deleted"], answer.json()["in_flight"]) == (True, recharge["id"])
        await paid(house, recharge)
        assert (await house.get("payment_schedule"))["in_flight"] is None
        await house.pass_days(40)
        assert await sweep(house) == 0
    assert len(await charges(house)) == 1


async def test_another_amount_is_debited_seven_days_after_it_was_asked_for(house):
    async with house.working():
        bank = await bank_on_file(house)
        await put(house, bank)
        await go_to(house, (await next_on(house)) - timedelta(days=5))
        await put(house, bank, amount="80.00")
        assert (await house.notices())[-1] == "payment_schedule_changed"
        for _ in range(2):
            await go_to(house, await next_on(house))
            assert await sweep(house) == 1
    assert [one["amount"] for one in await scheduled(house)] == ["50.00", "80.00"]


async def payers(house, count):
    """So many accounts whose debit is due now, in the order of their ids."""
    made = [await open_payer(house.database, now=house.now()) for _ in range(count)]
    for one in made:
        await one.put(15, now=house.now())
    await house.pass_days(40)
    return sorted(made, key=lambda one: one.account_id)


async def test_page_by_page(house, monkeypatch):
    monkeypatch.setattr(scheduling, "PAGE", 2)
    made = await payers(house, 5)
    async with house.working():
        handle = await start(house)
        with house.environment.auto_time_skipping_disabled():
            assert await handle.result() == 5
        await house.record("monthly_sweep/three_pages", handle.id)
        assert await sweep(house) == 0
    assert [len(await one.months()) for one in made] == [1] * 5


async def test_a_long_sweep_goes_on_in_a_new_run(house, monkeypatch):
    monkeypatch.setattr(scheduling, "PAGE", 1)
    made = await payers(house, 5)
    async with house.working():
        handle = await start(house, pages=2)
        with house.environment.auto_time_skipping_disabled():
            assert await handle.result() == 5
        description = await handle.describe()
    assert [len(await one.months()) for one in made] == [1] * 5
    assert description.raw_description.workflow_execution_info.first_run_id != description.run_id


async def test_a_worker_that_dies_in_a_page_debits_nobody_twice(house, monkeypatch):
    made = await payers(house, 3)
    debit, died = payment_schedules.debit, []

    async def dies_once(session, account_id, **more):
        if account_id == made[1].account_id and not died:
            died.append(account_id)
            raise DatabaseUnavailableError("gone")
        return await debit(session, account_id, **more)

    monkeypatch.setattr(payment_schedules, "debit", dies_once)
    async with house.working():
        assert await sweep(house) == 2, "what the first try made is not counted again"
    assert died
    assert [len(await one.months()) for one in made] == [1] * 3
