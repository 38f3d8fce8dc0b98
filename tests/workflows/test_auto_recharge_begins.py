"""An episode of auto-recharge, the way it usually goes: usage takes the balance to the minimum, money comes (D2)."""

from tests.workflows.auto_recharging import (
    available,
    bring_to,
    episode_ended,
    only,
    ready,
    steps,
    triggers,
    until,
)


async def test_usage_reaches_the_minimum_and_three_activities_bring_the_money(house):
    async with house.working():
        card = await ready(house, minimum="20.00", amount="50.00")
        await bring_to(house, "20.00")
        await episode_ended(house)
    recharge = await only(house)
    assert (recharge.status, recharge.amount_cents, recharge.method_id) == ("succeeded", 5_000, card["id"])
    assert await available(house) == 70
    assert await steps(house) == ["begin_auto_recharge", "charge", "finish_auto_recharge"]
    assert await triggers(house) == ["first"]
    assert (await until(house, "watching"))["decisions"][0]["what"] == "recharged"
