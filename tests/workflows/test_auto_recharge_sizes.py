"""D3: one charge that brings T above the minimum; where that is too much, the most that may be, and again after it."""

import pytest

from tests.workflows.auto_recharging import (
    bring_to,
    episode,
    episode_ended,
    put,
    ready,
    recharges_of,
    stands,
    steps,
)
from tests.workflows.recharging import balance, charges, intents


@pytest.mark.parametrize(
    ("available", "charged", "left"),
    [
        pytest.param("20.00", 50, "70.00", id="reached"),
        pytest.param("-29.99", 50, "20.01", id="one_is_just_enough"),
        pytest.param("-30.00", 100, "70.00", id="one_only_reaches_it"),
        pytest.param("-130.00", 200, "70.00", id="four"),
        pytest.param("-130.000001", 200, "69.999999", id="a_millionth"),
    ],
)
async def test_the_smallest_multiple_that_brings_t_above_the_minimum(house, available, charged, left):
    async with house.working():
        await ready(house)
        await bring_to(house, available)
        await episode_ended(house)
        assert [one.amount_cents for one in await recharges_of(house)] == [charged * 100]
        assert [one.amount for one in await charges(house)] == [charged * 100], "as one charge"
        assert await balance(house) == (left, "0.00")
        assert await steps(house) == ["begin_auto_recharge", "charge", "finish_auto_recharge"]


async def test_the_most_that_may_be_and_again_after_success(house, monkeypatch):
    monkeypatch.setattr(house.settings, "max_recharge", "120.00")
    async with house.working():
        await ready(house)
        await bring_to(house, "-235.00")
        await episode_ended(house)
        assert [one.amount_cents for one in await recharges_of(house)] == [10000, 10000, 10000]
        assert await balance(house) == ("65.00", "0.00")
        assert len(await intents(house)) == 3
        assert (await stands(house))["state"] == "watching"


async def test_many_recharges_go_on_in_a_new_run_and_a_wake_meanwhile_is_not_lost(house, monkeypatch):
    """Continue-as-new: nothing is carried along, all of it stands in the database."""
    monkeypatch.setattr(house.settings, "max_recharge", "25.00")
    async with house.working():
        await ready(house, start="500.00", minimum="20.00", amount="25.00")
        await bring_to(house, "-600.00")
        first = (await episode(house).describe()).run_id
        for number in range(30):
            await episode(house).signal("wake")
            if number % 10 == 0:
                await bring_to(house, str((await now_available(house)) - 1))
        await episode_ended(house)
        assert (await episode(house).describe()).run_id != first
        made = await recharges_of(house)
        assert {(one.amount_cents, one.status) for one in made} == {(2500, "succeeded")}
        assert 25 <= len(made) <= 28
        assert len(await charges(house)) == len(made)
        assert 20 < await now_available(house) <= 45
        assert (await stands(house))["state"] == "watching"


async def now_available(house):
    found = await house.get("balance")
    return float(found["available"])


async def test_the_amount_is_above_what_may_be_charged_by_now(house, monkeypatch):
    """The installation's bound was lowered after the settings were made: nothing is charged, and it is said."""
    async with house.working():
        await ready(house, amount="80.00")
    monkeypatch.setattr(house.settings, "max_recharge", "70.00")
    async with house.working():
        await bring_to(house, "20.00")
        await episode_ended(house)
        assert await recharges_of(house) == []
        assert (await stands(house))["state"] == "paused"
        await put(house, amount="60.00")
        await episode_ended(house)
        assert await balance(house) == ("80.00", "0.00")
