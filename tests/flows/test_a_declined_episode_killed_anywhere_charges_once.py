"""D6, D7: kill -9 of API and worker between a decline and the back-up's success: one charge, by the back-up, once."""

import asyncio
from contextlib import asynccontextmanager

import asyncpg
import pytest

CONFIRM = ("POST", r"/v1/payment_intents/pi_\w+/confirm")
AT_BACKUP = {
    "before the back-up's confirm reaches the processor": "before",
    "after the back-up's confirm": "after",
}
POINTS = (
    "after the decline, before it is known",
    "in the transaction that decides for the back-up",
    *AT_BACKUP,
)
PAYMENT_METHOD = "SELECT payment_method FROM card WHERE id = $1"
#: The number of the decision that comes next, by somebody who has not committed: whoever decides waits.
TAKEN = """
INSERT INTO auto_recharge_decision (account_id, number, what, why, created_at)
SELECT account_id, max(number) + 1, 'retried', '-', now() FROM auto_recharge_decision
WHERE account_id = $1 GROUP BY account_id
"""
BLOCKED = "SELECT count(*) FROM pg_stat_activity WHERE $1 = ANY(pg_blocking_pids(pid))"


@asynccontextmanager
async def taken(stack, account):
    books = await asyncpg.connect(stack.database.owner_url)
    try:
        await books.execute("BEGIN")
        await books.execute(TAKEN, account)
        yield await books.fetchval("SELECT pg_backend_pid()")
    finally:
        await books.close()


async def reached(hold):
    async with asyncio.timeout(30):
        await hold.reached.wait()


async def killed(stack, gate):
    """Both at once; the processor forgets the keys under which it was asked."""
    await stack.kill("worker", "api")
    await stack.control("idempotency_keys/forget")
    gate.release()


async def kill_at(stack, gate, point, account, declined):
    """Held is the answer to the first confirm, which has declined."""
    gate.holds.remove(declined)
    if point in AT_BACKUP:
        backup = gate.hold(*CONFIRM, AT_BACKUP[point])
        declined.released.set()
        await reached(backup)
        await killed(stack, gate)
    elif point == "in the transaction that decides for the back-up":
        async with taken(stack, account) as ours:
            declined.released.set()
            await stack.until_row("the decision to be held", BLOCKED, ours)
            await killed(stack, gate)
    else:
        await killed(stack, gate)
        declined.released.set()


@pytest.mark.parametrize("point", POINTS)
async def test_killed(gated, point):
    stack, gate = gated.stack, gated.gate
    account = await stack.account()
    await stack.fund(account, "30.00")
    primary, backup = await stack.card(account), await stack.card(account, "pm_card_mastercard")
    await stack.put_auto(
        account, payment_method=primary, backup_payment_method=backup, minimum="20.00", amount="25.00"
    )  # fmt: skip
    lost = await stack.value(PAYMENT_METHOD, primary)
    decline = {"kind": "decline", "decline_code": "lost_card", "times": 1, "payment_method": lost}
    await stack.control("faults", decline)
    declined = gate.hold(*CONFIRM, "after")
    await stack.used(account, "11.00")
    await reached(declined)
    await kill_at(stack, gate, point, account, declined)
    await stack.start()

    await stack.until_available(account, "44.00")
    recharge, = await stack.recharges(account)  # fmt: skip
    assert (recharge["status"], recharge["payment_method"]) == ("succeeded", backup)
    payment, = await stack.payments(account)  # fmt: skip
    charges = await stack.listed(f"/charges?payment_intent={payment['id']}")
    assert sorted(one["status"] for one in charges) == ["failed", "succeeded"], "each method was asked once"
    assert await stack.credits(account) == 1
    told = [one["what"] for one in (await stack.auto(account))["decisions"]]
    assert told.count("retried") == 1
