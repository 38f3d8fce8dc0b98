"""Decision 3: kill -9 at every step, the processor's keys forgotten before the retry: one charge, one credit.

One worker is killed once, while a payment is held at each of the kill points; charges are counted at the sandbox.
"""

import asyncio
import socket
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from gate import Gate
from installation import Installation

from sandbox.ports import HOST

POINTS = {
    "after the row": None,
    "before the intent is created": ("POST", r"/v1/payment_intents", "before"),
    "after the intent is created, before its id is stored": ("POST", r"/v1/payment_intents", "after"),
    "after the attempt's row": ("GET", r"/v1/payment_intents/pi_\w+", "before"),
    "before the confirm reaches the processor": ("POST", r"/v1/payment_intents/pi_\w+/confirm", "before"),
    "after the confirm": ("POST", r"/v1/payment_intents/pi_\w+/confirm", "after"),
    "before the credit": None,
}


@dataclass
class Killed:
    stack: Installation
    account: dict[str, str]
    recharge: dict[str, str]


@pytest.fixture(scope="module")
async def killed(gated_session) -> AsyncGenerator[Killed]:
    yield await _kill_everywhere(gated_session.stack, gated_session.gate)
    gated_session.gate.release()


async def _kill_everywhere(stack: Installation, gate: Gate) -> Killed:
    accounts = {point: await stack.account() for point in POINTS}
    cards = {point: await stack.card(account) for point, account in accounts.items()}
    made: dict[str, str] = {}
    books = await asyncpg.connect(stack.database.owner_url)
    for point in POINTS:
        if point == "after the row":
            continue
        made[point] = await _hold(stack, gate, books, point, accounts[point], cards[point])
    await stack.kill("worker")
    await books.close()
    made["after the row"] = await _kill_api_after_commit(stack, accounts["after the row"], cards["after the row"])
    await stack.control("idempotency_keys/forget")
    gate.release()
    await stack.start("worker")
    for point, recharge in made.items():
        await stack.until_status(accounts[point], recharge, "succeeded")
    return Killed(stack, accounts, made)


async def _hold(stack: Installation, gate: Gate, books: Any, point: str, account: str, card: str) -> str:
    """Ask for a recharge and let it run into its kill point; the request itself may wait for its answer."""
    step = POINTS[point]
    hold = gate.hold(*step) if step else None
    if hold is None:
        await _hold_the_credit(books)
    asking = asyncio.create_task(stack.ask(account, card))
    recharge = await stack.until_asked(account)
    if hold is not None:
        await asyncio.wait_for(hold.reached.wait(), 30)
        gate.holds.remove(hold)
    else:
        await stack.until(lambda: _someone_waits(books), "the credit to wait for a lock")
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    return recharge


async def _hold_the_credit(books: Any) -> None:
    """The transaction that credits also writes the notice of it: keep it waiting for that table."""
    await books.execute("BEGIN")
    await books.execute("LOCK TABLE notice IN ACCESS EXCLUSIVE MODE")


async def _someone_waits(books: Any) -> bool:
    return bool(
        await books.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'notice'::regclass")
    )


async def _kill_api_after_commit(stack: Installation, account: str, card: str) -> str:
    """An API that cannot reach Temporal commits the row and dies before anybody is told."""
    await stack.kill("api")
    silent = socket.create_server((HOST, 0))
    await stack.start("api", PREPAY_TEMPORAL_ADDRESS=f"{HOST}:{silent.getsockname()[1]}")
    asking = asyncio.create_task(stack.ask(account, card, key=uuid4().hex))
    books = await asyncpg.connect(stack.database.owner_url)
    query = "SELECT recharge.id FROM recharge JOIN outbox ON workflow_id = 'recharge/' || recharge.id"
    query += f" WHERE recharge.account_id = '{account}' AND handed_at IS NULL"

    async def committed() -> bool:
        return bool(await books.fetchval(query))

    await stack.until(committed, "the row to be committed")
    await stack.kill("api")
    recharge = await books.fetchval(query)
    assert recharge, "the row was handed over before the API died"
    await books.close()
    silent.close()
    await asyncio.gather(asking, return_exceptions=True)
    await stack.start("api")
    return recharge


@pytest.mark.parametrize("point", POINTS)
async def test_killed(killed, point):
    stack, account, recharge = killed.stack, killed.account[point], killed.recharge[point]
    assert len(await stack.charges(recharge)) == 1, "charges counted at the processor"
    assert [one["status"] for one in await stack.intents(recharge)].count("succeeded") == 1
    assert {one["status"] for one in await stack.intents(recharge)} <= {"succeeded", "canceled"}
    assert await stack.balance(account) == ("50.00", "0.00")
    assert await stack.credits(account) == 1, "credits counted in the ledger"
