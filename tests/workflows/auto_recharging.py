"""Short ways to auto-recharge and its episodes, for tests in a House.

Money moves through the API alone. What the relay does between steps is done by ``house.hand_on_crossings`` and
``house.hand_over``; Temporal's time passes only where a test says so.
"""

import asyncio
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import select
from sqlmodel import col
from temporalio.api.enums.v1 import EventType
from temporalio.api.testservice.v1 import UnlockTimeSkippingRequest
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError

from models.attempt import ChargeAttempt
from models.bank_account import BankAccount
from models.card import Card
from models.notice import Notice
from models.recharge import Recharge

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
#: A step takes a moment of real time, and Temporal's clock goes on meanwhile.
SOON = timedelta(minutes=2)
PATIENCE_SECONDS = 25
STUCK_SECONDS = 3
DECLINES = "pm_card_chargeCustomerFail"
ASKS = "pm_card_authenticationRequired"
ASKS_THEN_DECLINES = "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds"


async def seen(read, check=bool):
    """What ``read`` gives once ``check`` holds of it; no time is skipped."""
    ends = asyncio.get_running_loop().time() + PATIENCE_SECONDS
    while True:
        found = await read()
        if check(found):
            return found
        assert asyncio.get_running_loop().time() < ends, f"never came: {found}"
        await asyncio.sleep(0.03)


_BEGUN = {EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED, EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED}
_ENDED = {
    EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED, EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT, EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED,
    EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED, EventType.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT,
}  # fmt: skip
_OVER = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED, EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED
}  # fmt: skip

# The owner


async def put(house, **settings):
    """The answer to a PUT of the settings; its wake is handed over."""
    await house.sync()
    body = {"enabled": True, "minimum": "20.00", "amount": "50.00"} | settings
    answer = await house.owner.put(f"/v1/accounts/{house.account.id}/auto_recharge", json=body)
    assert answer.status_code == 200, answer.text
    await house.hand_over()
    return answer.json()


async def stands(house):
    """Auto-recharge as the API shows it now."""
    await house.sync()
    return await house.get("auto_recharge")


async def until(house, state, **shown):
    """Auto-recharge once it is in ``state`` and shows this; no time is skipped, the test's time-out ends it."""
    wanted = {"state": state} | shown
    return await seen(lambda: stands(house), lambda found: all(found[name] == value for name, value in wanted.items()))


async def held_at(house, state, *, since=0.4):
    """The state, and it is still that one a moment later: nothing was under way."""
    found = await until(house, state)
    await asyncio.sleep(since)
    assert (await stands(house))["state"] == state
    return found


# Money


async def available(house):
    return Decimal((await house.get("balance"))["available"])


async def bring_to(house, amount):
    """Available at ``amount``, by usage or a gift; then crossings are handed on."""
    missing = Decimal(amount) - await available(house)
    await house.sync()
    if missing > 0:
        answer = await house.api.adjust(house.account, str(missing))
        assert answer.status_code == 201, answer.text
    elif missing < 0:
        house.spent = getattr(house, "spent", 0) + 1
        body = {"amount": str(-missing), "reference": f"usage {house.spent}", "settled": True}
        answer = await house.api.operator.post(f"/v1/accounts/{house.account.id}/usage", json=body)
        assert answer.status_code == 201, answer.text
    await house.hand_on_crossings()


async def ready(house, token="pm_card_visa", *, start="100.00", **settings):
    """A card on file, auto-recharge on (20.00, 50.00), money in the account. Gives the card."""
    card = await house.add_card(token)
    await bring_to(house, start)
    await put(house, **settings)
    return card


async def decline(house, code="insufficient_funds", *, times=1, method="*", **more):
    """The next confirms decline; ``method``: a payment method of the processor."""
    body = {"kind": "decline", "decline_code": code, "times": times, "payment_method": method} | more
    await house.control("faults", body)


async def at_processor(house, card):
    """The processor's id of our card or bank account."""
    async with house.database.transaction() as session:
        model = Card if card["id"].startswith("card_") else BankAccount
        return (await session.get(model, (house.account.id, card["id"]))).payment_method


# Records


async def recharges_of(house, kind="auto"):
    """The account's recharges of a kind, oldest first."""
    async with house.database.transaction() as session:
        rows = await session.scalars(
            select(Recharge)
            .where(col(Recharge.account_id) == house.account.id, col(Recharge.kind) == kind)
            .order_by(col(Recharge.created_at), col(Recharge.id))
        )
        return list(rows.all())


async def recharged(house, times=1):
    """Auto-recharge once so many automatic recharges have succeeded and it rests; no time is skipped."""
    await seen(lambda: recharges_of(house), lambda made: [one.status for one in made].count("succeeded") == times)
    return await until(house, "watching")


async def only(house):
    """The account's one automatic recharge."""
    (found,) = await recharges_of(house)
    return found


async def tries(house, recharge_id=None):
    """The confirms of one automatic recharge, or of all, in order."""
    async with house.database.transaction() as session:
        query = select(ChargeAttempt).where(col(ChargeAttempt.account_id) == house.account.id)
        if recharge_id is not None:
            query = query.where(col(ChargeAttempt.recharge_id) == recharge_id)
        rows = await session.scalars(query.order_by(col(ChargeAttempt.created_at), col(ChargeAttempt.number)))
        return list(rows.all())


async def triggers(house):
    return [one.trigger for one in await tries(house)]


async def tried(house, times):
    """The confirms once there are so many and the last one has ended; no time is skipped."""
    found = await seen(
        lambda: tries(house), lambda found: len(found) >= times and found[times - 1].ended_at is not None
    )
    assert len(found) == times
    return found


async def told(house, prefix="auto_recharge_"):
    """The kinds of notices about auto-recharge, oldest first."""
    return [kind for kind in await house.notices() if kind.startswith(prefix)]


async def causes(house, kind):
    async with house.database.transaction() as session:
        rows = await session.scalars(
            select(col(Notice.cause))
            .where(col(Notice.account_id) == house.account.id, col(Notice.kind) == kind)
            .order_by(col(Notice.created_at))
        )
        return list(rows.all())


# The episode


def episode_id(house):
    return f"auto-recharge/{house.account.id}"


def episode(house):
    return house.temporal.get_workflow_handle(episode_id(house))


async def rests(house):
    """Once no episode runs (any more); no time is skipped."""

    async def running():
        try:
            return (await episode(house).describe()).status is WorkflowExecutionStatus.RUNNING
        except RPCError:
            return False  # there was none yet

    await seen(running, lambda runs: not runs)
    await house.sync()


async def episode_ended(house):
    """The end of the episode, reached by letting as much time pass as it waits, a tenth more at most.

    While a result is awaited the server would go on to the next timer of any kind as soon as the run is over: to the
    time-outs of runs, ten years on.
    """
    for _ in range(20):
        if await _is_over(house):
            break
        await asyncio.sleep(0.03)
    began = await house.environment.get_current_time()
    while not await _is_over(house):
        passed = await house.environment.get_current_time() - began
        await _skip(house, max(5 * MINUTE, passed / 10))
    await house.sync()


async def _is_over(house):
    status = (await episode(house).describe()).status
    assert status in {WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.COMPLETED}, status
    return status is WorkflowExecutionStatus.COMPLETED


async def steps(house):
    """The activities of the episode's latest run, by name."""
    history = await episode(house).fetch_history()
    return [
        one.activity_task_scheduled_event_attributes.activity_type.name
        for one in history.events
        if one.HasField("activity_task_scheduled_event_attributes")
    ]


async def in_hand(house):
    """How many steps of the episode are under way."""
    try:
        history = await episode(house).fetch_history()
    except RPCError:
        return 0  # there was none yet
    if history.events[-1].event_type in _OVER:
        return 0
    kinds = [one.event_type for one in history.events]
    return sum(kind in _BEGUN for kind in kinds) - sum(kind in _ENDED for kind in kinds)


async def calm(house):
    """Once the episode has nothing in hand: it waits, or is over.

    The server that skips time skips none any more where a run is ended while it has something in hand.
    """
    await seen(lambda: in_hand(house), lambda count: count == 0)


async def wait(house, span):
    """Let time pass; days in steps, as ``House.pass_days``."""
    await calm(house)
    while span > timedelta(0):
        await _skip(house, min(span, 7 * DAY))
        span -= 7 * DAY
    await house.sync()


async def _skip(house, span):
    """Let the server skip ``span``.

    It holds time for each step that is under way, and now and then goes on to hold it for one that is over: it is told
    to let go where nothing is under way and its time stands still.
    """
    began = await house.environment.get_current_time()
    sleeping = asyncio.create_task(house.environment.sleep(span))
    while not (await asyncio.wait({sleeping}, timeout=STUCK_SECONDS))[0]:
        before = await house.environment.get_current_time()
        if await in_hand(house) == 0 and before - began < min(span, MINUTE):
            await house.temporal.test_service.unlock_time_skipping(UnlockTimeSkippingRequest())
        began = before
    await sleeping


async def wait_until(house, moment, *, past=SOON):
    """Let time pass until a little after ``moment`` as the API shows it."""
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    span = moment + past - await house.environment.get_current_time()
    if span > timedelta(0):
        await wait(house, span)
    await house.sync()


def about(span, expected, *, slack=SOON):
    """Whether ``span`` is ``expected``, never less, at most a little more."""
    return expected <= span < expected + slack
