"""Decision 21: a card is not asked more because the balance moves around the minimum, or settings are sent again."""

from datetime import timedelta

from tests.workflows.auto_recharging import (
    DAY,
    DECLINES,
    HOUR,
    MINUTE,
    bring_to,
    decline,
    episode_ended,
    held_at,
    only,
    put,
    ready,
    recharges_of,
    seen,
    stands,
    tries,
    triggers,
    until,
    wait,
)


async def dropped(house, times):
    await seen(lambda: recharges_of(house), lambda made: [one.status for one in made] == ["canceled"] * times)
    await held_at(house, "watching")


async def test_a_recharge_that_was_dropped_is_no_fresh_start(house):
    """Each time that a try falls due the balance is above the minimum by itself; then it falls again."""
    async with house.working():
        await ready(house, DECLINES)
        await bring_to(house, "20.00")
        for times, rung in enumerate((HOUR, DAY, 3 * DAY), 1):
            await until(house, "retrying")
            await bring_to(house, "60.00")
            await wait(house, rung + MINUTE)
            await dropped(house, times)
            await bring_to(house, "20.00")
            await seen(lambda wanted=times: tries(house), lambda made, wanted=times: len(made) == wanted + 1)
        await episode_ended(house)
        assert await triggers(house) == ["first", "rung", "rung", "rung"]
        assert (await stands(house))["state"] == "paused"


async def test_settings_that_are_sent_again_and_again_ask_once_in_fifteen_minutes(house):
    async with house.working():
        await ready(house)
        await decline(house, "lost_card", times=9)
        await bring_to(house, "20.00")
        await until(house, "paused")
        declined = (await tries(house))[0].ended_at
        for _ in range(5):
            await put(house)
            shown = await until(house, "retrying", recharge=None)
            assert shown["next_attempt_at"] == (declined + 15 * MINUTE).isoformat().replace("+00:00", "Z")
        assert len(await tries(house)) == 1
        assert (await only(house)).status == "failed"
        await episode_ended(house)
        first, second = await tries(house)
        assert timedelta(0) <= second.created_at - first.ended_at - 15 * MINUTE < 2 * MINUTE
        assert (await stands(house))["state"] == "paused"
