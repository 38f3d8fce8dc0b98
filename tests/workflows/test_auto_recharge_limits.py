"""D4: limits by calendar day, ISO week and month; declined whole, told once a window, tried when the next one opens."""

import asyncio
from datetime import datetime, timedelta

import pytest

from rules.recharge_limits import windows
from tests.workflows.auto_recharging import (
    DAY,
    MINUTE,
    bring_to,
    causes,
    decline,
    episode_ended,
    held_at,
    put,
    ready,
    recharged,
    recharges_of,
    stands,
    told,
    until,
    wait_until,
)
from tests.workflows.recharging import at_noon, balance, charges

DAILY = {"limits": {"daily": "60.00"}}


async def by_hand(house, card, amount, key):
    await house.sync()
    answer = await house.owner.post(
        f"/v1/accounts/{house.account.id}/recharges",
        json={"amount": amount, "payment_method": card["id"]},
        headers={"Idempotency-Key": key},
    )
    assert (answer.status_code, answer.json()["status"]) == (201, "succeeded"), answer.text
    await house.hand_over()


async def amounts(house):
    return [one.amount_cents for one in await recharges_of(house)]


async def test_declined_whole_and_tried_when_the_next_day_opens(house):
    async with house.working():
        await at_noon(house)
        await ready(house, **DAILY)
        await bring_to(house, "20.00")
        await recharged(house)
        await bring_to(house, "15.00")
        shown = await until(house, "limited")
        opens = windows(house.time, "UTC")["daily"].ends_at
        assert shown["used"]["daily"] == "50.00"
        assert "daily" in shown["why"].lower() or "day" in shown["why"].lower()
        await bring_to(house, "14.00")
        await bring_to(house, "13.00")
        await held_at(house, "limited")
        assert await told(house) == ["auto_recharge_limited"], "once"
        await wait_until(house, opens, past=-MINUTE)
        assert await amounts(house) == [5000]
        await episode_ended(house)
        _, second = await recharges_of(house)
        assert timedelta(0) <= second.created_at - opens < 5 * MINUTE
        assert await balance(house) == ("63.00", "0.00")
        assert (await stands(house))["state"] == "watching"


async def test_told_again_in_the_next_window_and_no_more_than_the_limit_in_each(house):
    async with house.working():
        await at_noon(house)
        await ready(house, **DAILY)
        await bring_to(house, "20.00")
        await recharged(house)
        for day in range(1, 4):
            await bring_to(house, "10.00")
            await until(house, "limited")
            assert len(await causes(house, "auto_recharge_limited")) == day
            await wait_until(house, windows(house.time, "UTC")["daily"].ends_at)
            await recharged(house, day + 1)
        assert len(set(await causes(house, "auto_recharge_limited"))) == 3
        made = await recharges_of(house)
        by_day = [sum(one.amount_cents for one in made if one.created_at.date() == day) for day in days(made)]
        assert len(by_day) == 4
        assert max(by_day) <= 6000


def days(made):
    return sorted({one.created_at.date() for one in made})


@pytest.mark.parametrize(("name", "most"), [("weekly", 7), ("monthly", 31)])
async def test_the_week_and_the_month(house, name, most):
    async with house.working():
        await at_noon(house)
        await ready(house, limits={name: "99.99"})
        await bring_to(house, "20.00")
        await recharged(house)
        await bring_to(house, "15.00")
        await until(house, "limited")
        opens = windows(house.time, "UTC")[name].ends_at
        assert opens - house.time <= most * DAY
        await wait_until(house, opens, past=-MINUTE)
        assert len(await recharges_of(house)) == 1
        await episode_ended(house)
        assert timedelta(0) <= (await recharges_of(house))[1].created_at - opens < 5 * MINUTE


async def test_the_window_that_opens_last_decides(house):
    async with house.working():
        await at_noon(house)
        await ready(house, limits={"daily": "60.00", "weekly": "70.00", "monthly": "80.00"})
        await bring_to(house, "20.00")
        await recharged(house)
        await bring_to(house, "15.00")
        await until(house, "limited")
        opens = max(one.ends_at for one in windows(house.time, "UTC").values())
        await episode_ended(house)
        assert timedelta(0) <= (await recharges_of(house))[1].created_at - opens < 5 * MINUTE


async def test_the_accounts_own_days(house):
    """Midnight in the account's zone, not in ours."""
    async with house.working():
        answer = await house.api.operator.patch(f"/v1/accounts/{house.account.id}", json={"timezone": "Asia/Kathmandu"})
        assert answer.status_code == 200, answer.text
        await at_noon(house)
        await ready(house, **DAILY)
        await bring_to(house, "20.00")
        await recharged(house)
        await bring_to(house, "15.00")
        await until(house, "limited")
        opens = windows(house.time, "Asia/Kathmandu")["daily"].ends_at
        assert (opens.hour, opens.minute) == (18, 15)
        await episode_ended(house)
        assert timedelta(0) <= (await recharges_of(house))[1].created_at - opens < 5 * MINUTE


async def test_what_the_owner_recharges_counts_and_is_never_blocked(house):
    async with house.working():
        await at_noon(house)
        card = await ready(house, **DAILY)
        await by_hand(house, card, "40.00", "one")
        await by_hand(house, card, "500.00", "two")
        await bring_to(house, "20.00")
        shown = await until(house, "limited")
        assert shown["used"]["daily"] == "540.00"
        assert await amounts(house) == []
        await by_hand(house, card, "30.00", "three")
        await episode_ended(house)
        assert await amounts(house) == [], "T is above the minimum now"
        assert await balance(house) == ("50.00", "0.00")


async def test_a_larger_multiple_is_declined_whole(house):
    """Where 100.00 would be needed and 60.00 fit, 50.00 is not charged."""
    async with house.working():
        await at_noon(house)
        await ready(house, **DAILY)
        await bring_to(house, "-40.00")
        await until(house, "limited")
        assert await amounts(house) == []
        assert await charges(house) == []


async def test_what_was_canceled_gives_its_room_back(house):
    async with house.working():
        await at_noon(house)
        await ready(house, **DAILY)
        await decline(house, "lost_card")
        await bring_to(house, "20.00")
        await episode_ended(house)
        assert (await stands(house))["used"]["daily"] == "0.00"
        await put(house, **DAILY)
        await episode_ended(house)
        assert [one.status for one in await recharges_of(house)] == ["failed", "succeeded"]


async def test_a_raised_limit_is_used_at_once(house):
    async with house.working():
        await at_noon(house)
        await ready(house, **DAILY)
        await bring_to(house, "20.00")
        await recharged(house)
        await bring_to(house, "15.00")
        await until(house, "limited")
        await put(house, limits={"daily": "100.00"})
        await episode_ended(house)
        assert await amounts(house) == [5000, 5000]
        assert await balance(house) == ("65.00", "0.00")


async def test_many_wakes_at_once_pass_no_limit(house):
    """Forty-eight calls reach it together, and each is told of: one recharge."""
    async with house.working():
        await at_noon(house)
        await ready(house, limits={"daily": "50.00"})
        await bring_to(house, "20.01")

        async def call(number):
            answer = await house.api.operator.post(
                f"/v1/accounts/{house.account.id}/usage",
                json={"amount": "2.00", "reference": f"call {number}", "settled": True},
            )
            assert answer.status_code == 201, answer.text

        await asyncio.gather(*(call(number) for number in range(48)))
        await house.hand_on_crossings()
        await until(house, "limited")
        assert sum(await amounts(house)) <= 5000
        before = len(await recharges_of(house))
        for _ in range(3):
            await put_wake(house)
        await held_at(house, "limited")
        assert len(await recharges_of(house)) == before


async def put_wake(house):
    """News of the account that changes nothing."""
    handle = house.temporal.get_workflow_handle(f"auto-recharge/{house.account.id}")
    await handle.signal("wake")


async def test_the_restart_of_a_worker_in_the_wait(house):
    async with house.working(cache=0):
        await at_noon(house)
        await ready(house, **DAILY)
        await bring_to(house, "20.00")
        await recharged(house)
        await bring_to(house, "15.00")
        shown = await until(house, "limited")
    assert datetime.fromisoformat(shown["decisions"][0]["at"]) <= house.time
    async with house.working(cache=0):
        await episode_ended(house)
    assert await amounts(house) == [5000, 5000]
    assert await told(house) == ["auto_recharge_limited"]
