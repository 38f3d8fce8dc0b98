"""D5, decision 3: kill -9 of API, worker and relay (it lives in the worker) at every step of an auto-recharge.

Several accounts are held, each at its step, and killed together; charges are counted at the processor.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest
from conftest import Wired
from gate import Gate
from installation import Installation

AT_GATE = {
    "before the payment is created": ("POST", r"/v1/payment_intents", "before"),
    "after the payment is created, before its id is stored": ("POST", r"/v1/payment_intents", "after"),
    "before the confirm reaches the processor": ("POST", r"/v1/payment_intents/pi_\w+/confirm", "before"),
    "after the confirm": ("POST", r"/v1/payment_intents/pi_\w+/confirm", "after"),
}
_TAKEN = """
INSERT INTO auto_recharge_decision (account_id, number, what, why, created_at)
SELECT account_id, max(number) + 1, 'charged', '-', now() FROM auto_recharge_decision
WHERE account_id = '{account}' GROUP BY account_id
"""
#: The table that the step writes, and what another transaction does that is in its way.
IN_BOOKS = {
    "in the transaction that makes the recharge": ("auto_recharge_decision", _TAKEN),
    "in the transaction that credits it": ("notice", "LOCK TABLE notice IN EXCLUSIVE MODE"),
}
UNHEARD = (
    "after the charge, before its crossing is handed on",
    "after the wake is written, before Temporal hears it",
    "after the recharge is made, before Temporal hears it",
    "after the credit, before Temporal hears it",
)
POINTS = (*AT_GATE, *IN_BOOKS, *UNHEARD)
CROSSING = "SELECT count(*) FROM ledger_crossing WHERE account_id = $1 AND handed_at IS NULL"
WAKE = "SELECT count(*) FROM outbox WHERE account_id = $1 AND kind = 'auto_recharge' AND handed_at IS NULL"
MADE = "SELECT count(*) FROM recharge WHERE account_id = $1"
WAITING = "SELECT query FROM pg_stat_activity WHERE $1 = ANY(pg_blocking_pids(pid))"
CREDITED = "SELECT count(*) FROM recharge WHERE account_id = $1 AND status = 'succeeded'"


@dataclass
class Killed:
    stack: Installation
    account: dict[str, str]


@pytest.fixture(scope="module")
async def killed(wired_session) -> AsyncGenerator[Killed]:
    stack = wired_session.stack
    accounts = dict(zip(POINTS, await asyncio.gather(*(_ready(stack) for _ in POINTS)), strict=True))
    await _hold_and_kill(stack, wired_session.gate, accounts)
    for point in (*AT_GATE, *IN_BOOKS):
        await stack.until_available(accounts[point], "44.00")
    for point in UNHEARD:
        await _kill_unheard(wired_session, point, accounts[point])
        await stack.until_available(accounts[point], "44.00")
    yield Killed(stack, accounts)
    wired_session.gate.release()


async def _ready(stack: Installation) -> str:
    return await stack.recharging("30.00", minimum="20.00", amount="25.00")


async def _crosses(stack: Installation, account: str) -> None:
    await stack.used(account, "11.00")


async def _killed(stack: Installation) -> None:
    """All of ours at once; the processor forgets the keys under which it was asked."""
    await stack.kill("worker", "api")
    await stack.control("idempotency_keys/forget")


async def _hold_and_kill(stack: Installation, gate: Gate, accounts: dict[str, str]) -> None:
    for point, step in AT_GATE.items():
        hold = gate.hold(*step)
        await _crosses(stack, accounts[point])
        async with asyncio.timeout(30):
            await hold.reached.wait()
        gate.holds.remove(hold)
    url = stack.database.owner_url
    async with _books(url) as first, _books(url) as second:
        for books, point in zip((first, second), IN_BOOKS, strict=True):
            await _crosses_into(stack, books, point, accounts[point])
        await _killed(stack)
    gate.release()
    await stack.start()


@asynccontextmanager
async def _books(url: str) -> AsyncGenerator[Any]:
    books = await asyncpg.connect(url)
    try:
        yield books
    finally:
        await books.close()


async def _crosses_into(stack: Installation, books: Any, point: str, account: str) -> None:
    """Keep whoever takes the step waiting, in the middle of its transaction."""
    table, obstacle = IN_BOOKS[point]
    await books.execute("BEGIN")
    await books.execute(obstacle.format(account=account))
    await _crosses(stack, account)

    ours: int = await books.fetchval("SELECT pg_backend_pid()")
    seen: list[str] = []
    async with _books(stack.database.app_url) as looking:  # only its own role sees what a session asks

        async def held() -> bool:
            seen[:] = [row["query"] for row in await looking.fetch(WAITING, ours)]
            return any(query.startswith(f"INSERT INTO {table} ") for query in seen)

        await stack.until(held, f"the transaction to be held that writes {table}", seen=seen)


async def _kill_unheard(wired: Wired, point: str, account: str) -> None:
    """Stopped between a commit and what follows it."""
    stack = wired.stack
    if point == "after the charge, before its crossing is handed on":
        await stack.kill("worker")
        await _crosses(stack, account)
        await stack.until_row("the crossing", CROSSING, account)
        await stack.kill("api")
        await stack.start()
        return
    if point == "after the wake is written, before Temporal hears it":
        await wired.temporal.set("swallow")
        await _crosses(stack, account)
        await stack.until_row("the wake", WAKE, account)
    else:
        step, committed = _COMMITTED[point]
        async with _books(stack.database.owner_url) as books:
            await _crosses_into(stack, books, step, account)
            await wired.temporal.set("swallow")
        await stack.until_row("the commit", committed, account)
    await _killed(stack)
    await wired.temporal.set("pass")
    await stack.start()


_COMMITTED = {
    "after the recharge is made, before Temporal hears it": ("in the transaction that makes the recharge", MADE),
    "after the credit, before Temporal hears it": ("in the transaction that credits it", CREDITED),
}


@pytest.mark.parametrize("point", POINTS)
async def test_killed(killed, point):
    stack, account = killed.stack, killed.account[point]
    recharge, = await stack.recharges(account)  # fmt: skip
    assert (recharge["kind"], recharge["amount"], recharge["status"]) == ("auto", "25.00", "succeeded")
    payments = await stack.payments(account)
    assert [one["status"] for one in payments].count("succeeded") == 1
    assert {one["status"] for one in payments} <= {"succeeded", "canceled"}
    assert len(await stack.charges(recharge["id"])) == 1, "charges counted at the processor"
    assert await stack.credits(account) == 1, "credits counted in the ledger"
    assert await stack.balance(account) == ("44.00", "0.00")
    assert (await stack.auto(account))["state"] == "watching"
