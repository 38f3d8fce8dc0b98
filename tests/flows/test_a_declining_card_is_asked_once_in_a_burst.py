"""D6: a card declines, a thousand charges in ten seconds fall through three balance steps: one confirm."""

import asyncio
import time
from datetime import datetime, timedelta

from temporalio.api.enums.v1 import EventType

SECONDS = 10
EACH_SECOND = 100
WOKEN = """
SELECT count(*) FILTER (WHERE handed_at IS NULL) = 0 AND
  NOT EXISTS (SELECT 1 FROM ledger_crossing WHERE account_id = $1 AND handed_at IS NULL)
FROM outbox WHERE account_id = $1 AND kind = 'auto_recharge'
"""


async def burst(stack, account):
    """100 charges of two cents in each of ten seconds: from 21 dollars to one."""
    for _ in range(SECONDS):
        begun = time.monotonic()
        answers = await asyncio.gather(*(stack.use(account, "0.02") for _ in range(EACH_SECOND)))
        assert {answer.status_code for answer in answers} == {201}
        await asyncio.sleep(max(0, begun + 1 - time.monotonic()))


async def quiet(stack, account):
    """The workflow's history, once it has heard every wake and has nothing to do but wait."""
    await stack.until_row("every wake to be handed on", WOKEN, account)
    handle = (await stack.temporal()).get_workflow_handle(f"auto-recharge/{account}")

    async def waits():
        described = await handle.describe()
        pending = described.raw_description
        return not pending.pending_activities and not pending.HasField("pending_workflow_task")

    await stack.until(waits, "the episode to wait")
    return [event async for event in handle.fetch_history_events()]


async def test_one_confirm(stack):
    account = await stack.recharging("21.00", token="pm_card_chargeCustomerFail", minimum="20.00", amount="25.00")
    await burst(stack, account)
    assert await stack.balance(account) == ("1.00", "25.00")
    await stack.until_auto(account, "retrying")
    history = await quiet(stack, account)

    signals = [one for one in history if one.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED]
    assert len(signals) > 1, "balance steps were reached, and it was told of them"
    payment, = await stack.payments(account)  # fmt: skip
    confirms = await stack.listed(f"/charges?payment_intent={payment['id']}")
    assert [one["status"] for one in confirms] == ["failed"], "confirms counted at the processor"
    assert await stack.value("SELECT count(*) FROM charge_attempt WHERE account_id = $1", account) == 1

    shown = await stack.auto(account)
    declined = await stack.value("SELECT ended_at FROM charge_attempt WHERE account_id = $1", account)
    waits = datetime.fromisoformat(shown["next_attempt_at"]) - declined
    assert waits == timedelta(minutes=15), "a step that was reached is tried, and never sooner"

    recharge, = await stack.recharges(account)  # fmt: skip
    await stack.ok("PUT", f"/v1/accounts/{account}/auto_recharge", {"enabled": False})
    await stack.until_status(account, recharge["id"], "canceled")
    assert [one["status"] for one in await stack.payments(account)] == ["canceled"]
    assert await stack.balance(account) == ("1.00", "0.00")
