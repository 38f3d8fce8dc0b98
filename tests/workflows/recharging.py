"""Short ways to recharges and their payments, for tests in a House."""

from datetime import timedelta

from sqlalchemy import text

from rules.business_days import eastern, eastern_date, is_business_day
from rules.settlement import watchdog_at
from sandbox.stripe.clock import NOON
from store import attempts as attempt_rows
from store import recharges

OUTAGES = [
    {"kind": "error", "status": 500, "times": 3},
    {"kind": "rate_limit", "times": 2},
    {"kind": "lock_timeout", "times": 2},
    {"kind": "drop_before", "times": 2},
    {"kind": "drop_after", "times": 1},
    {"kind": "error", "status": 409, "times": 1},
]


async def as_it_is(context, *, read, **_):
    """The record at once, in place of api.waiting.until."""
    async with context.database.transaction() as session:
        return await read(session)


async def at_noon(house):
    """Both clocks at noon Eastern of a business day, so that no cut-off lies between two steps of a test."""
    now = await house.environment.get_current_time()
    day = eastern_date(now) + timedelta(days=1)
    while not is_business_day(day):
        day += timedelta(days=1)
    noon = eastern(day, NOON)
    await house.environment.sleep(noon - now)
    await house.sync()
    await house.control("clock", {"advance_hours": (noon - now).total_seconds() / 3600})


async def bank_on_file(house, token="pm_usBankAccount_success"):
    """A verified bank account, and the card that must be there first."""
    await house.add_card()
    bank = await house.add_bank(token)
    answer = await house.post(f"bank_accounts/{bank['id']}/verify", {"code": "SM11AA"})
    assert answer.json()["status"] == "verified", answer.text
    return bank


async def ask(house, method, amount="50.00", key="the only one", **more):
    """The recharge as the API answers it."""
    await house.sync()
    answer = await house.owner.post(
        f"/v1/accounts/{house.account.id}/recharges",
        json={"amount": amount, "payment_method": method["id"]} | more,
        headers={"Idempotency-Key": key},
    )
    assert answer.status_code == 201, answer.text
    return answer.json()


async def shown(house, recharge):
    return await house.get(f"recharges/{recharge['id']}")


async def row(house, recharge):
    async with house.database.transaction() as session:
        return await recharges.get(session, account_id=house.account.id, recharge_id=recharge["id"])


async def newest_attempt(house, recharge):
    async with house.database.transaction() as session:
        return await attempt_rows.newest(session, await row(house, recharge))


def handle(house, recharge):
    return house.temporal.get_workflow_handle(f"recharge/{recharge['id']}", result_type=str)


async def steps(house, recharge):
    """The activities that were scheduled, by name."""
    history = await handle(house, recharge).fetch_history()
    return [
        one.activity_task_scheduled_event_attributes.activity_type.name
        for one in history.events
        if one.HasField("activity_task_scheduled_event_attributes")
    ]


async def ended(house, recharge):
    """The final status, reached by skipping whatever time the workflow waits."""
    return await house.finished(f"recharge/{recharge['id']}")


async def becomes(house, recharge, check):
    """The row as soon as ``check`` holds."""

    async def read(session):
        return await recharges.get(session, account_id=house.account.id, recharge_id=recharge["id"])

    return await house.until("prepay_recharge", recharge["id"], check, read)


async def submitted(house, recharge):
    """The row once its debit is at the bank."""

    async def read(session):
        found = await recharges.get(session, account_id=house.account.id, recharge_id=recharge["id"])
        newest = await attempt_rows.newest(session, found)
        return found, newest

    found, _ = await house.until(
        "prepay_recharge", recharge["id"], lambda both: both[1] is not None and both[1].outcome == "processing", read
    )
    return found


async def to_the_watchdog(house, found, *, days=0, minutes=5):
    """A little past 21:00 Eastern of the expected date, or ``days`` later."""
    until = watchdog_at(found.expected_on) + timedelta(days=days, minutes=minutes)
    await house.environment.sleep(until - await house.environment.get_current_time())
    await house.sync()


async def times_told(house, kind, times):
    """How often ``kind`` was told, once that is ``times``; the test's own time-out ends a wait in vain."""

    async def count(session):
        query = text("SELECT count(*) FROM notice WHERE account_id = :account AND kind = :kind")
        return (await session.execute(query, {"account": house.account.id, "kind": kind})).scalar_one()

    return await house.until("prepay_outbox", None, lambda found: found == times, count)


async def intents(house):
    return [one async for one in (await house.stripe.v1.payment_intents.list_async()).auto_paging_iter()]


async def charges(house):
    """Every charge at the processor, oldest first."""
    return [one async for one in (await house.stripe.v1.charges.list_async()).auto_paging_iter()][::-1]


async def balance(house):
    found = await house.get("balance")
    return found["available"], found["pending"]
