"""D6: after a decline the same card is tried again by time and by balance, five times at most, and then no more."""

from datetime import datetime

import pytest

from tests.workflows.auto_recharging import (
    DAY,
    DECLINES,
    HOUR,
    MINUTE,
    about,
    available,
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
    told,
    tried,
    tries,
    until,
    wait,
    wait_until,
)
from tests.workflows.recharging import balance, charges, intents


async def test_by_time_an_hour_a_day_three_days_then_it_pauses(house):
    async with house.working():
        await ready(house, DECLINES)
        await bring_to(house, "20.00")  # reaching it is enough
        made = await tried(house, 1)
        for times, rung in enumerate((HOUR, DAY, 3 * DAY), 1):
            shown = await until(house, "retrying")
            due = datetime.fromisoformat(shown["next_attempt_at"])
            assert about(due - made[-1].ended_at, rung)
            await wait_until(house, due, past=-MINUTE)
            assert len(await tries(house)) == times, "not before its time"
            await wait_until(house, due)
            made = await tried(house, times + 1)
            assert about(made[-1].created_at - due, 0 * MINUTE)
        await episode_ended(house)
        shown = await stands(house)
        assert (shown["state"], shown["paused_reason"], shown["next_attempt_at"]) == ("paused", "generic_decline", None)
        assert [one.trigger for one in await tries(house)] == ["first", "rung", "rung", "rung"]
        assert (await only(house)).status == "failed"
        assert [one.status for one in await intents(house)] == ["canceled"], "one intent for all of it"
        assert [one.status for one in await charges(house)] == ["failed"] * 4
        assert await balance(house) == ("20.00", "0.00")
        assert (await told(house))[-1] == "auto_recharge_paused"
        await wait(house, 30 * DAY)
        await bring_to(house, "-5.00")
        await held_at(house, "paused")
        assert len(await tries(house)) == 4, "paused is paused"


async def test_by_balance_each_step_once(house):
    """75, 50, 25 and 0 % of 20.00, an hour's rung being far away each time; the fifth confirm is the last."""
    async with house.working():
        await ready(house, DECLINES)
        await bring_to(house, "19.00")
        await tried(house, 1)
        for times, low in ((2, "15.00"), (3, "10.00"), (4, "5.00")):
            await until(house, "retrying")
            await wait(house, 20 * MINUTE)
            await bring_to(house, str(float(low) + 0.01))
            assert len(await tries(house)) == times - 1, "a step is at or below its share"
            await bring_to(house, low)
            made = await tried(house, times)
            assert made[-1].trigger == "step"
            # The same step again is none.
            await until(house, "retrying")
            await bring_to(house, str(float(low) + 4))
            await wait(house, 20 * MINUTE)
            await bring_to(house, low)
        await held_at(house, "retrying")
        assert [one.step_percent for one in await tries(house)] == [None, 75, 50, 25]
        await bring_to(house, "0.00")
        made = await tried(house, 5)
        assert (made[-1].trigger, made[-1].step_percent) == ("step", 0)
        await episode_ended(house)
        assert (await stands(house))["state"] == "paused"
        assert len(await tries(house)) == 5
        assert len(await intents(house)) == 1


async def test_a_step_does_not_use_up_a_rung_and_is_counted_from(house):
    async with house.working():
        await ready(house, DECLINES)
        await bring_to(house, "20.00")
        await tried(house, 1)
        await until(house, "retrying")
        await wait(house, 30 * MINUTE)
        await bring_to(house, "14.00")
        made = await tried(house, 2)
        shown = await until(house, "retrying")
        due = datetime.fromisoformat(shown["next_attempt_at"])
        assert about(due - made[-1].ended_at, HOUR), "the first rung, from the last decline"
        await wait_until(house, due)
        assert [one.trigger for one in await tried(house, 3)] == ["first", "step", "rung"]
        await until(house, "retrying")
        shown = await stands(house)
        assert about(datetime.fromisoformat(shown["next_attempt_at"]) - (await tries(house))[-1].ended_at, DAY)


def waits(shown, since, span):
    due = shown["next_attempt_at"]
    return due is not None and about(datetime.fromisoformat(due) - since, span)


async def test_a_step_within_fifteen_minutes_waits_for_them(house):
    async with house.working():
        await ready(house, DECLINES)
        await bring_to(house, "20.00")
        first = (await tried(house, 1))[0]
        await until(house, "retrying")
        await wait(house, 5 * MINUTE)
        await bring_to(house, "9.00")
        shown = await seen(lambda: stands(house), lambda shown: waits(shown, first.ended_at, 15 * MINUTE))
        assert len(await tries(house)) == 1
        await wait_until(house, shown["next_attempt_at"], past=-MINUTE)
        assert len(await tries(house)) == 1
        await wait_until(house, shown["next_attempt_at"])
        made = await tried(house, 2)
        assert (made[-1].trigger, made[-1].step_percent) == ("step", 50), "75 is used up with it"
        assert made[-1].created_at - first.ended_at >= 15 * MINUTE


async def test_levels_that_were_reached_at_the_first_confirm_are_used_up(house):
    async with house.working():
        await ready(house, DECLINES)
        await bring_to(house, "10.00")
        assert [one.step_percent for one in await tried(house, 1)] == [50]
        await until(house, "retrying")
        await wait(house, 20 * MINUTE)
        await bring_to(house, "10.01")
        await bring_to(house, "10.00")
        await held_at(house, "retrying")
        assert len(await tries(house)) == 1


async def test_money_that_comes_in_ends_the_waiting(house):
    """T is above the minimum without the recharge: it is not wanted any more, and nothing is paused."""
    async with house.working():
        await ready(house, DECLINES)
        await bring_to(house, "20.00")
        await until(house, "retrying")
        await bring_to(house, "20.01")
        await wait(house, HOUR + MINUTE)
        await episode_ended(house)
        assert (await stands(house))["state"] == "watching"
        assert (await only(house)).status == "canceled"
        assert [one.status for one in await intents(house)] == ["canceled"]
        assert await balance(house) == ("20.01", "0.00")
        assert "auto_recharge_paused" not in await told(house)


async def test_a_balance_that_goes_up_and_down_is_no_way_to_more_tries(house):
    """A hold placed and released around the minimum drops the recharge; the tries of before count for the next one."""
    async with house.working():
        await ready(house, DECLINES)
        for _ in range(8):
            await bring_to(house, "20.00")
            await wait(house, HOUR + 5 * MINUTE)
            if (await stands(house))["state"] == "paused":
                break
            await bring_to(house, "21.00")
            await wait(house, HOUR + 5 * MINUTE)
        await bring_to(house, "20.00")
        await wait(house, 10 * DAY)
        assert (await until(house, "paused"))["paused_reason"] == "generic_decline"
        assert len(await tries(house)) <= 5
        assert len(await charges(house)) == len(await tries(house))


async def test_the_second_try_succeeds_and_all_of_it_is_one_payment(house):
    async with house.working():
        await ready(house)
        await decline(house)
        await bring_to(house, "20.00")
        await until(house, "retrying")
        assert await balance(house) == ("20.00", "50.00")
        await episode_ended(house)
        assert (await stands(house))["state"] == "watching"
        assert await balance(house) == ("70.00", "0.00")
        assert [one.trigger for one in await tries(house)] == ["first", "rung"]
        assert [one.status for one in await charges(house)] == ["failed", "succeeded"]
        assert len(await intents(house)) == 1
        assert await told(house) == ["auto_recharge_declined"]


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"code": "lost_card"}, id="lost"),
        pytest.param({"code": "stolen_card"}, id="stolen"),
        pytest.param({"code": "insufficient_funds", "advice_code": "do_not_try_again"}, id="advice_not_again"),
        pytest.param({"code": "generic_decline", "advice_code": "confirm_card_data"}, id="advice_check_the_data"),
        pytest.param({"code": "expired_card"}, id="expired"),
    ],
)
async def test_a_decline_that_cannot_pass_ends_the_tries_at_once(house, more):
    async with house.working():
        await ready(house)
        await decline(house, **more)
        await bring_to(house, "20.00")
        await episode_ended(house)
        shown = await stands(house)
        assert (shown["state"], shown["paused_reason"]) == ("paused", more["code"])
        assert len(await tries(house)) == 1
        assert [one.status for one in await intents(house)] == ["canceled"]
        await wait(house, 10 * DAY)
        assert len(await tries(house)) == 1


async def test_an_issuer_that_counts_tries_is_left_alone_for_a_day(house):
    async with house.working():
        await ready(house)
        await decline(house, "card_decline_rate_limit_exceeded")
        await bring_to(house, "20.00")
        first = (await tried(house, 1))[0]
        shown = await until(house, "retrying")
        assert about(datetime.fromisoformat(shown["next_attempt_at"]) - first.ended_at, DAY)
        await wait(house, 2 * HOUR)
        await bring_to(house, "1.00")
        await wait(house, 20 * HOUR)
        assert len(await tries(house)) == 1, "no step before it"
        await episode_ended(house)
        made = await tries(house)
        assert len(made) == 2
        assert made[1].created_at - made[0].ended_at >= DAY
        assert await available(house) == 51


async def test_one_at_a_time_through_a_burst_of_charges(house):
    """A card that declines, and usage that goes on: one recharge, one confirm."""
    async with house.working():
        await ready(house, DECLINES)
        await bring_to(house, "20.00")
        await until(house, "retrying")
        for cents in range(60):
            await bring_to(house, f"{19.9 - cents / 100:.2f}")
        await held_at(house, "retrying")
        assert len(await tries(house)) == 1
        assert len(await recharges_of(house)) == 1
        assert len(await intents(house)) == 1


async def test_another_ladder_is_a_setting(house, monkeypatch):
    monkeypatch.setattr(house.settings, "retry_ladder", "30m")
    async with house.working():
        await ready(house, DECLINES)
        await bring_to(house, "20.00")
        first = (await tried(house, 1))[0]
        shown = await until(house, "retrying")
        assert about(datetime.fromisoformat(shown["next_attempt_at"]) - first.ended_at, 30 * MINUTE)
        await episode_ended(house)
        assert [one.trigger for one in await tries(house)] == ["first", "rung"]
        assert (await stands(house))["state"] == "paused"


async def test_settings_sent_anew_begin_anew(house):
    """The open recharge is dropped, and by the new settings T is charged again, from the first try on."""
    async with house.working():
        await ready(house)
        await decline(house)
        await bring_to(house, "20.00")
        await until(house, "retrying")
        await put(house, amount="80.00")
        await episode_ended(house)
        assert [(one.status, one.amount_cents) for one in await recharges_of(house)] == [
            ("canceled", 5000),
            ("succeeded", 8000),
        ]
        assert await balance(house) == ("100.00", "0.00")
        assert [one.status for one in await intents(house)] == ["succeeded", "canceled"]
        assert (await stands(house))["state"] == "watching"
