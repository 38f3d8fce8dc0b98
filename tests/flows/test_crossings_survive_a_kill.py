"""H4: balances fall through their alerts over two API processes, one of which is killed, and so are the workers.

Each crossing has its notice, its event and its clock, once.
"""

import asyncio

import httpx2
import pytest
from installation import Installation
from sqlalchemy import text

from store.database import Database
from store.proof import prove

APIS = ("api", "api-2")
ACCOUNTS = 6
CHARGES = 14
KILLS = 3
CROSSED = "SELECT account_id, seq, kind, below, rising FROM ledger_crossing ORDER BY 1, 2, 4 DESC"


@pytest.fixture
async def pair(own_stack) -> Installation:
    await own_stack.start("api-2")
    return own_stack


async def answered(stack, path, body, *, first, **headers):
    """The answer, of the other process when the first does not give one."""
    for at in (first, *[APIS[1]] * 3):
        try:
            answer = await stack.call("POST", path, body, at=at, **headers)
        except httpx2.TransportError:
            continue
        if answer.status_code != 503:
            return answer
    raise AssertionError(f"{path} had no answer")


async def add(stack, account, amount, key):
    body = {"amount": amount, "kind": "goodwill", "reason": "-"}
    path = f"/v1/accounts/{account}/adjustments"
    assert (await answered(stack, path, body, first=APIS[1], Idempotency_Key=key)).status_code == 201


async def down_and_up_and_down(stack, account, number):
    """From 260 to nothing, up to 140, and down to nothing again; every charge is sent twice."""
    for turn in range(2):
        for n in range(CHARGES):
            body = {"amount": "20.00", "reference": f"{turn}/{n}"}
            for _ in range(2):
                at = APIS[(number + n) % 2]
                answer = await answered(stack, f"/v1/accounts/{account}/usage", body, first=at)
                assert answer.status_code in {200, 201, 402}, answer.text
        if turn == 0:
            await add(stack, account, "140.00", f"up-{account}")


async def test_each_crossing_has_its_effects_once(pair):
    accounts = [await pair.account() for _ in range(ACCOUNTS)]
    for account in accounts:
        await add(pair, account, "260.00", f"first-{account}")

    async with Database(pair.database.app_url, pool_size=2, command_seconds=None) as database:

        async def count(query: str) -> int:
            async with database.transaction() as session:
                return await session.scalar(text(query)) or 0

        async def kills() -> None:
            for kill in range(KILLS):
                seen = await count("SELECT count(*) FROM ledger_crossing WHERE handed_at IS NOT NULL")

                async def more_handed(seen: int = seen) -> bool:
                    return seen < await count("SELECT count(*) FROM ledger_crossing WHERE handed_at IS NOT NULL")

                await pair.until(more_handed, "a crossing to be handed on")
                await pair.kill("worker")
                if kill == 0:
                    await pair.kill("api")
                await pair.start("worker")

        async with asyncio.TaskGroup() as group:
            for number, account in enumerate(accounts):
                group.create_task(down_and_up_and_down(pair, account, number))
            group.create_task(kills())

        async def all_handed() -> bool:
            return not await count("SELECT count(*) FROM ledger_crossing WHERE handed_at IS NULL")

        await pair.until(all_handed, "every crossing to be handed on")
        async with database.transaction() as session:
            assert await prove(session) == [], "what the journal shows was recorded, and nothing else"
            crossed = (await session.execute(text(CROSSED))).all()
            notices = await session.execute(text("SELECT account_id, kind, cause FROM notice"))
            events = await session.execute(text("SELECT account_id, type, data->>'threshold' FROM event"))
            told = {"notice": notices.all(), "event": events.all()}
            running = await session.scalar(text("SELECT count(*) FROM retention_clock WHERE ended_at IS NULL"))
    for account in accounts:
        of = [row for row in crossed if row.account_id == account]
        assert [(row.kind, row.below // 10_000, row.rising) for row in of] == [
            (2, 0, True), (1, 25000, False), (1, 10000, False), (1, 1000, False), (2, 0, False),
            (2, 0, True), (1, 10000, False), (1, 1000, False), (2, 0, False),
        ]  # fmt: skip
        assert sorted(kind for owner, kind, _ in told["notice"] if owner == account) == [
            *["balance_alert"] * 5, *["balance_exhausted"] * 2,
        ]  # fmt: skip
        types = [kind for owner, kind, _ in told["event"] if owner == account]
        assert types.count("balance.alert") == 5
        assert (types.count("balance.exhausted"), types.count("balance.restored")) == (2, 2)
    assert running == ACCOUNTS, "a clock that was over before anybody looked may never have run"
