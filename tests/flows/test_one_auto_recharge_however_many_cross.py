"""D2, D5: the minimum is reached by many at once, over two API processes: one recharge, counted at the processor."""

import asyncio
from collections import Counter

import pytest
from installation import Installation

APIS = ("api", "api-2")
CALLERS = 64
ROUNDS = 20
ACCOUNTS = 24


@pytest.fixture
async def pair(own_stack) -> Installation:
    await own_stack.start("api-2")
    return own_stack


async def spent(stack, account, *, callers, amount="1.00"):
    """So many charges at once, half of them at each process."""
    answers = await asyncio.gather(
        *(stack.use(account, amount, at=APIS[number % len(APIS)]) for number in range(callers))
    )
    assert Counter(answer.status_code for answer in answers) == {201: callers}


async def paid_once_each(stack, account, count, amount_cents):
    """The processor took so many payments of this amount, none of them twice."""
    payments = await stack.payments(account)
    assert Counter((one["status"], one["amount"]) for one in payments) == {("succeeded", amount_cents): count}
    for one in payments:
        assert len(await stack.listed(f"/charges?payment_intent={one['id']}")) == 1, "charges counted at the processor"
    assert await stack.credits(account) == count, "credits counted in the ledger"


async def test_64_concurrent_crossings_twenty_times(pair):
    """From 84 to 20 in 64 charges; the first reaches the minimum, all that follow are below it."""
    account = await pair.recharging("84.00", minimum="83.00", amount="64.00")
    for turn in range(1, ROUNDS + 1):
        await spent(pair, account, callers=CALLERS)
        await pair.until_available(account, "84.00")
        found = [(one["kind"], one["amount"], one["status"]) for one in await pair.recharges(account)]
        assert found == [("auto", "64.00", "succeeded")] * turn, "one recharge for each round"
    await paid_once_each(pair, account, ROUNDS, 64_00)


async def test_accounts_that_cross_at_the_same_time_have_one_each(pair):
    few = asyncio.Semaphore(8)

    async def made():
        async with few:
            return await pair.recharging("30.00", minimum="20.00", amount="25.00")

    accounts = await asyncio.gather(*(made() for _ in range(ACCOUNTS)))
    await asyncio.gather(*(pair.used(account, "11.00") for account in accounts))
    for account in accounts:
        await pair.until_available(account, "44.00")
    (made,) = await pair.recharges(accounts[0])
    assert [one["what"] for one in made["timeline"]] == ["created", "payment_created", "confirmed", "succeeded"]
    payments = await pair.listed("/payment_intents")
    assert Counter(one["metadata"]["account"] for one in payments) == dict.fromkeys(accounts, 1)
    assert {(one["status"], one["amount"]) for one in payments} == {("succeeded", 25_00)}
    assert len(await pair.listed("/charges")) == ACCOUNTS


async def test_64_requests_that_raise_the_minimum_are_one_recharge(pair):
    account = await pair.recharging("30.00", minimum="20.00", amount="25.00")
    settings = {"enabled": True, "minimum": "40.00", "amount": "25.00"}
    path = f"/v1/accounts/{account}/auto_recharge"
    answers = await asyncio.gather(
        *(pair.call("PUT", path, settings, at=APIS[number % len(APIS)]) for number in range(CALLERS))
    )
    assert {answer.status_code for answer in answers} <= {200, 503}, "they wait for one lock: some may wait in vain"
    assert any(answer.is_success for answer in answers)
    await pair.until_available(account, "55.00")
    await pair.until_auto(account, "watching")
    await paid_once_each(pair, account, 1, 25_00)
