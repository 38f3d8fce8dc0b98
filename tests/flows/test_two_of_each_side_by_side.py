"""Decision 12: API and worker are stateless. Two of each: one recharge for one key, every hand-off given once."""

import asyncio
import re
from collections.abc import AsyncGenerator
from uuid import uuid4

import asyncpg
import pytest
from installation import Installation

APIS = ("api", "api-2")


@pytest.fixture(scope="module")
async def pair(gated_session) -> AsyncGenerator[Installation]:
    stack = gated_session.stack
    await stack.start("api-2", "worker-2")
    yield stack
    await stack.kill("api-2", "worker-2")


async def test_64_requests_with_one_key_across_two_apis_are_one_recharge(pair):
    account = await pair.account()
    card, key = await pair.card(account), uuid4().hex
    asked = (pair.ask(account, card, key=key, at=APIS[number % 2]) for number in range(64))
    answers = await asyncio.gather(*asked)
    assert {one.status_code for one in answers} <= {201, 409}
    assert len({one.json()["id"] for one in answers if one.status_code == 201}) == 1
    (only,) = await pair.recharges(account)
    assert only["status"] == "succeeded"
    assert len(await pair.charges(only["id"])) == 1
    assert await pair.balance(account) == ("50.00", "0.00")


async def test_every_hand_off_is_given_once(pair):
    account = await pair.account()
    await pair.card(account)
    bank = await pair.bank(account)
    asked = (pair.ask(account, bank, at=APIS[number % 2]) for number in range(20))
    made = [one.json()["id"] for one in await asyncio.gather(*asked)]
    assert len(set(made)) == 20
    await pair.until_row(
        "all to be at the processor",
        "SELECT count(*) = 20 FROM charge_attempt WHERE recharge_id = ANY($1) AND outcome = 'processing'", made,
    )  # fmt: skip
    await pair.until_row(
        "all to be handed over", "SELECT bool_and(handed_at IS NOT NULL) FROM outbox WHERE account_id = $1", account
    )
    assert await pair.value("SELECT max(tries) FROM outbox WHERE account_id = $1", account) == 1
    assert await pair.value("SELECT count(*) FROM outbox WHERE kind = 'recharge' AND account_id = $1", account) == 20


async def test_a_hand_off_that_cannot_be_given_is_seen_and_stops_no_other(pair):
    account = await pair.account()
    card = await pair.card(account)
    await pair.rows(
        "INSERT INTO outbox (id, kind, workflow_id, next_try_at, created_at)"
        " VALUES ('out_0', 'poison', 'x', now(), now())"
    )
    assert (await pair.recharge(account, card))["status"] == "succeeded"
    await pair.until_row("it to be put off", "SELECT tries > 0 AND last_error <> '' FROM outbox WHERE id = 'out_0'")

    async def shown() -> bool:
        figures = (await pair.http.get(f"{pair.url('worker')}/metrics")).text
        return bool(re.search(r"^prepay_outbox_put_off\S* [1-9]", figures, re.MULTILINE))

    await pair.until(shown, "the worker's figures to show it")
    await pair.rows("DELETE FROM outbox WHERE id = 'out_0'")


async def test_locks_that_are_lost_are_a_courtesy(pair, gated):
    """The connection that holds the locks breaks while a request runs: the other API finds the row, not a fault."""
    account = await pair.account()
    card, key = await pair.card(account), uuid4().hex
    hold = gated.gate.hold("POST", "/v1/payment_intents", "before")
    asking = asyncio.create_task(pair.ask(account, card, key=key))
    await hold.reached.wait()
    app = await asyncpg.connect(pair.database.app_url)
    lost = await app.fetch(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity JOIN pg_locks USING (pid) WHERE locktype = 'advisory'"
    )
    assert lost
    await app.close()
    other = await pair.ask(account, card, key=key, at="api-2")
    assert (other.status_code, other.headers["Idempotent-Replayed"]) == (201, "true")
    gated.gate.release()
    first = await asking
    assert first.status_code == 201
    assert first.json()["id"] == other.json()["id"]
    await pair.until_status(account, other.json()["id"], "succeeded")
    assert len(await pair.recharges(account)) == 1
