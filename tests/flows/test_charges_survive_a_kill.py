"""Usage over two API processes: an acknowledged charge is in the book, whoever dies; no reference is charged twice."""

import asyncio
from collections.abc import AsyncGenerator

import asyncpg
import httpx2
import pytest
from installation import Installation

import ledger
from rules.money import Money
from store.database import Database
from store.proof import prove

CALLERS = 16
CHARGES = 120
APIS = ("api", "api-2")


@pytest.fixture(scope="module")
async def pair(gated_session) -> AsyncGenerator[Installation]:
    stack = gated_session.stack
    await stack.start("api-2")
    yield stack
    await stack.kill("api-2")


async def paying(stack: Installation, amount: str) -> str:
    account = await stack.account()
    body = {"amount": amount, "kind": "goodwill", "reason": "to begin with"}
    await stack.ok("POST", f"/v1/accounts/{account}/adjustments", body, Idempotency_Key=account)
    return account


async def charge(stack: Installation, account: str, amount: str, reference: str, *, at: str) -> httpx2.Response:
    body = {"amount": amount, "reference": reference}
    return await stack.call("POST", f"/v1/accounts/{account}/usage", body, at=at)


async def proved(stack: Installation) -> list[ledger.Finding]:
    async with (
        Database(stack.database.app_url, pool_size=1, command_seconds=None) as database,
        database.transaction() as session,
    ):
        return await prove(session)


async def posted(stack: Installation, account: str) -> list[str]:
    connection = await asyncpg.connect(stack.database.app_url)
    rows = await connection.fetch(
        "SELECT key FROM ledger_transfer WHERE account_id = $1 AND kind = 1 ORDER BY seq", account
    )
    await connection.close()
    return [row["key"] for row in rows]


async def test_64_for_the_last_cent_over_two_processes_are_one_charge(pair):
    account = await paying(pair, "0.01")
    answers = await asyncio.gather(
        *(charge(pair, account, "0.01", f"call-{number}", at=APIS[number % 2]) for number in range(64))
    )
    assert sorted(answer.status_code for answer in answers) == [201] + [402] * 63
    assert len(await posted(pair, account)) == 1


async def test_one_reference_over_two_processes_is_one_charge(pair):
    account = await paying(pair, "10.00")
    answers = await asyncio.gather(
        *(charge(pair, account, "1.00", "the call", at=APIS[number % 2]) for number in range(32))
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1, "all are told the same"
    assert await posted(pair, account) == ["the call"]


async def test_a_process_killed_under_load_loses_and_doubles_nothing(pair):
    accounts = [await paying(pair, "100.00") for _ in range(4)]
    acknowledged: set[tuple[str, str]] = set()
    enough = asyncio.Event()

    async def caller(number: int) -> None:
        """Charges one after the other; without an answer the same charge is sent again, to the other process."""
        for turn in range(CHARGES):
            account, reference = accounts[(number + turn) % len(accounts)], f"call-{number}-{turn}"
            for at in (APIS[number % 2], APIS[0], APIS[0], APIS[0]):
                try:
                    answer = await charge(pair, account, "0.0055", reference, at=at)
                except httpx2.TransportError:
                    continue
                if answer.status_code == 201:
                    acknowledged.add((account, reference))
                    break
                assert answer.status_code == 503, answer.text
            if len(acknowledged) > CALLERS * CHARGES // 4:
                enough.set()

    callers = [asyncio.create_task(caller(number)) for number in range(CALLERS)]
    await enough.wait()
    await pair.kill("api-2")
    await asyncio.gather(*callers)
    assert len(acknowledged) == CALLERS * CHARGES, "every one was answered in the end"
    for account in accounts:
        found = await posted(pair, account)
        assert len(found) == len(set(found))
        assert set(found) == {reference for owner, reference in acknowledged if owner == account}
        balance = await pair.call("GET", f"/v1/accounts/{account}/balance")
        assert balance.json()["available"] == str(Money(100_000_000 - 5_500 * len(found)))
    assert await proved(pair) == []
    await pair.start("api-2")


async def test_what_is_revoked_at_one_process_is_refused_by_the_other_within_a_second(pair):
    account = await paying(pair, "10.00")
    made = await pair.ok("POST", f"/v1/accounts/{account}/subaccounts", {"name": "one", "enabled": True})
    key = await pair.ok("POST", "/v1/operator_keys", {"name": "platform", "scope": "usage"})
    url, question = f"{pair.url('api-2')}/v1/accounts/{account}/usage", f"{pair.url('api-2')}/v1/authorize"
    auth = httpx2.BasicAuth(made["auth_id"], made["auth_token"])
    operator = {"Authorization": f"Bearer {key['key']}"}
    ask = {"auth_id": made["auth_id"], "auth_token": made["auth_token"], "amount": "1.00"}

    async def as_subaccount(reference: str) -> int:
        body = {"amount": "0.01", "reference": reference}
        return (await pair.http.post(url, json=body, auth=auth)).status_code

    async def as_operator(reference: str) -> int:
        body = {"amount": "0.01", "reference": reference}
        return (await pair.http.post(url, json=body, headers=operator)).status_code

    assert (await as_subaccount("1"), await as_operator("2")) == (201, 201)
    assert (await pair.http.post(question, json=ask, headers=operator)).json()["allowed"] is True
    await pair.ok("POST", f"/v1/accounts/{account}/subaccounts/{made['auth_id']}/rotate_token", {"overlap_days": 0})
    assert await as_subaccount("3") == 401, "a charge is refused at once: its epoch has moved"
    await asyncio.sleep(1)
    answer = (await pair.http.post(question, json=ask, headers=operator)).json()
    assert (answer["allowed"], answer["reason"]) == (False, "unauthenticated")
    await pair.ok("DELETE", f"/v1/operator_keys/{key['id']}")
    await asyncio.sleep(1)
    assert await as_operator("4") == 401
    assert await posted(pair, account) == ["1", "2"]
