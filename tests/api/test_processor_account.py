"""A database belongs to one processor account and mode (requirement I7)."""

import asyncio

import pytest

from store import deployment

LIVE = {"processor_account": "acct_1", "livemode": True}


async def claim(api, **owner):
    async with api.context.database.transaction() as session:
        return await deployment.claim(session, now=api.clock.now(), **owner)


async def test_the_first_start_claims_and_later_ones_check(api):
    assert (await claim(api, **LIVE)).livemode is True
    assert (await claim(api, **LIVE)).processor_account == "acct_1"
    for other in (
        {"processor_account": "acct_2", "livemode": True},
        {"processor_account": "acct_1", "livemode": False},
    ):
        with pytest.raises(deployment.OtherDeploymentError, match="belongs to acct_1 in live mode"):
            await claim(api, **other)


async def test_of_many_first_starts_at_once_one_account_wins(api):
    owners = [{"processor_account": f"acct_{number % 2}", "livemode": False} for number in range(8)]
    results = await asyncio.gather(*(claim(api, **owner) for owner in owners), return_exceptions=True)
    won = {row.processor_account for row in results if not isinstance(row, BaseException)}
    assert len(won) == 1
    lost = [error for error in results if isinstance(error, BaseException)]
    assert len(lost) == 4
    assert all(isinstance(error, deployment.OtherDeploymentError) for error in lost)


async def test_objects_show_the_mode_from_the_claim_on(api):
    account = await api.open_account()
    url = f"/v1/accounts/{account.id}"
    assert (await api.operator.get(url)).json()["livemode"] is False
    await claim(api, **LIVE)
    assert (await api.operator.get(url)).json()["livemode"] is True
    assert (await api.operator.get(f"{url}/balance")).json()["livemode"] is True
