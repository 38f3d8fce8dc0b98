"""A lost run of an episode is taken up by whoever needs it: the processor's word, the owner's cancel, the customer."""

import pytest

from tests.workflows.auto_recharging import (
    ASKS,
    bring_to,
    decline,
    episode,
    episode_ended,
    only,
    put,
    ready,
    recharges_of,
    seen,
    stands,
    tried,
    tries,
    until,
)
from tests.workflows.recharging import at_noon, balance, bank_on_file


async def test_the_banks_answer_finds_nobody_and_wakes_the_account(house):
    async with house.working():
        bank = await bank_on_file(house)
        await bring_to(house, "100.00")
        await put(house, payment_method=bank["id"])
        await at_noon(house)
        await bring_to(house, "20.00")
        await seen(lambda: tries(house), lambda found: any(one.outcome == "processing" for one in found))
        await episode(house).terminate("lost")
        await house.control("clock", {"advance_business_days": 4})
        await house.deliver_events()
        await episode_ended(house)
        assert (await only(house)).status == "succeeded"
        assert len(await tries(house)) == 1
        assert await balance(house) == ("70.00", "0.00")


async def test_the_owners_cancel(house):
    async with house.working():
        await ready(house)
        await decline(house)
        await bring_to(house, "20.00")
        await until(house, "retrying")
        await episode(house).terminate("lost")
        path = f"recharges/{(await only(house)).id}/cancel"
        assert (await house.post(path, {})).status_code == 503
        answer = await house.post(path, {})
        assert (answer.status_code, answer.json()["status"]) == (200, "canceled"), answer.text
        await episode_ended(house)
        assert (await stands(house))["paused_reason"] == "canceled"


async def test_the_customer_opens_the_link(house):
    async with house.working():
        await ready(house, ASKS)
        await bring_to(house, "20.00")
        await tried(house, 1)
        link = (await house.get(f"recharges/{(await only(house)).id}"))["action_url"].removeprefix("http://prepay.test")
        await episode(house).terminate("lost")
        await house.api.anyone.get(link)
        await house.api.anyone.get(link)
        assert [one.trigger for one in await tries(house)] == ["first", "customer"]


@pytest.mark.parametrize("name", ["cancel", "authenticate", "look_now"])
async def test_of_a_recharge_that_it_does_not_carry_the_episode_says_nothing(house, name):
    async with house.working():
        await ready(house)
        await decline(house)
        await bring_to(house, "20.00")
        await until(house, "retrying")
        answer = await episode(house).execute_update(name, "rchg_another", result_type=str | None)
        assert answer is None
        assert [one.status for one in await recharges_of(house)] == ["processing"]
        assert len(await tries(house)) == 1
