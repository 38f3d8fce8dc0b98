"""The races of auto-recharge: a wake is a hint, the account's lock decides, one recharge is in flight, none is lost."""

import asyncio

import pytest
from sqlalchemy import text

from tests.workflows.auto_recharging import (
    DAY,
    HOUR,
    MINUTE,
    available,
    bring_to,
    decline,
    episode,
    episode_ended,
    episode_id,
    held_at,
    only,
    put,
    ready,
    recharges_of,
    rests,
    seen,
    stands,
    tried,
    tries,
    until,
    wait,
)
from tests.workflows.recharging import OUTAGES, balance, charges, intents

CREATE, CONFIRM = "/v1/payment_intents", "/v1/payment_intents/*/confirm"


async def use(house, amount, reference):
    """Usage whose crossings nobody has handed on yet."""
    await house.sync()
    answer = await house.api.operator.post(
        f"/v1/accounts/{house.account.id}/usage", json={"amount": amount, "reference": reference, "settled": True}
    )
    assert answer.status_code == 201, answer.text


async def by_hand(house, card, key="by hand", amount="50.00"):
    await house.sync()
    answer = await house.owner.post(
        f"/v1/accounts/{house.account.id}/recharges",
        json={"amount": amount, "payment_method": card["id"]},
        headers={"Idempotency-Key": key},
    )
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_crossed_at_twenty_the_owner_sets_ten_and_then_it_is_delivered(house):
    async with house.working():
        await ready(house)
        await use(house, "80.00", "down to the minimum")
        await put(house, minimum="10.00")
        await house.hand_on_crossings()
        await held_at(house, "watching")
        assert await recharges_of(house) == []
        await use(house, "10.00", "down to the new one")
        await house.hand_on_crossings()
        await episode_ended(house)
        assert await balance(house) == ("60.00", "0.00")


async def test_the_minimum_is_raised_above_the_balance(house):
    """A new threshold tells nothing of a balance that is below it already: the level is tested."""
    async with house.working():
        await ready(house)
        await put(house, minimum="100.00")
        await episode_ended(house)
        assert await balance(house) == ("150.00", "0.00")


async def test_switched_on_below_the_minimum(house):
    async with house.working():
        await house.add_card()
        await put(house)
        await episode_ended(house)
        assert await balance(house) == ("50.00", "0.00")


async def test_the_relay_was_down_for_a_day_and_the_balance_is_up_again(house):
    async with house.working():
        await ready(house)
        await use(house, "80.00", "down")
        await house.environment.sleep(DAY)
        await house.sync()
        answer = await house.api.adjust(house.account, "10.00")
        assert answer.status_code == 201
        await house.hand_on_crossings()
        await held_at(house, "watching")
        assert await recharges_of(house) == []


async def test_a_wake_that_is_handed_over_many_times_is_one_recharge(house):
    async with house.working():
        await ready(house)
        await use(house, "80.00", "down")
        await house.hand_on_crossings()
        async with house.database.transaction() as session:
            count = text("UPDATE outbox SET handed_at = NULL WHERE kind = 'auto_recharge' RETURNING id")
            again = len((await session.execute(count)).all())
        assert again >= 1
        for _ in range(10):
            await house.hand_over()
            async with house.database.transaction() as session:
                await session.execute(text("UPDATE outbox SET handed_at = NULL WHERE kind = 'auto_recharge'"))
        await house.hand_over()
        await episode_ended(house)
        assert len(await recharges_of(house)) == 1
        assert await balance(house) == ("70.00", "0.00")


@pytest.mark.parametrize("first", ["manual", "crossing", "both"])
async def test_manual_and_automatic_both_read_t(house, first):
    """The pending entry is written in the row's transaction under the account's lock; by hand is never blocked."""
    async with house.working():
        card = await ready(house)
        for number in range(4):
            await bring_to(house, "100.00")
            before = len(await recharges_of(house))
            await use(house, "80.00", f"down {number}")
            if first == "manual":
                await by_hand(house, card, f"by hand {number}")
                await house.hand_on_crossings()
            elif first == "crossing":
                await house.hand_on_crossings()
                await by_hand(house, card, f"by hand {number}")
            else:
                await asyncio.gather(by_hand(house, card, f"by hand {number}"), house.hand_on_crossings())
            await rests(house)
            made = (await recharges_of(house))[before:]
            order = await pending_order(house)
            if made:
                assert len(made) == 1
                assert order[-2:][0] == made[0].id, "an automatic one only where it read T first"
            if first == "manual":
                assert made == []
            assert await available(house) == 20 + 50 * (1 + len(made))
            assert {one.status for one in await recharges_of(house, "manual")} == {"succeeded"}


async def pending_order(house):
    """The recharges in the order in which their money was first written down as pending."""
    async with house.database.transaction() as session:
        rows = await session.execute(
            text(
                "SELECT source FROM ledger_transfer WHERE account_id = :account AND source LIKE 'rchg_%'"
                " GROUP BY source ORDER BY min(seq)"
            ),
            {"account": house.account.id},
        )
        return [source for (source,) in rows.all()]


async def test_the_intents_event_comes_before_its_id_is_kept(house):
    """The answer to the create is lost; the event is matched by the id that we gave, and wakes the episode."""
    async with house.working():
        await ready(house)
        await house.control("faults", {"kind": "drop_after", "method": "POST", "path": CREATE, "times": 1})
        await bring_to(house, "20.00")
        await house.deliver_events()
        await episode_ended(house)
        await house.deliver_events()
        assert len([one for one in await intents(house) if one.status == "succeeded"]) == 1
        assert [one.status for one in await charges(house)] == ["succeeded"]
        assert await balance(house) == ("70.00", "0.00")


@pytest.mark.parametrize("outage", OUTAGES, ids=[str(n) for n in range(len(OUTAGES))])
async def test_outages_of_the_processor_are_no_declines(house, outage):
    async with house.working():
        await ready(house)
        for path in (CREATE, CONFIRM):
            await house.control("faults", {"method": "POST", "path": path} | outage)
        await bring_to(house, "20.00")
        await episode_ended(house)
        assert [one.status for one in await charges(house)] == ["succeeded"]
        assert await balance(house) == ("70.00", "0.00")
        assert [one.trigger for one in await tries(house)] == ["first"]
        assert (await stands(house))["state"] == "watching"


async def test_the_failure_of_the_first_try_arrives_while_the_second_has_been_made(house):
    async with house.working():
        await ready(house)
        await decline(house, times=2)
        await bring_to(house, "20.00")
        await until(house, "retrying")
        await wait(house, HOUR + 2 * MINUTE)
        await tried(house, 2)
        due = (await until(house, "retrying"))["next_attempt_at"]
        await house.deliver_events()
        await held_at(house, "retrying")
        assert (await stands(house))["next_attempt_at"] == due, "old news is a hint to look, and no more"
        assert len(await tries(house)) == 2
        await episode_ended(house)
        assert [one.trigger for one in await tries(house)] == ["first", "rung", "rung"]
        assert await balance(house) == ("70.00", "0.00")


async def test_the_card_is_removed_between_the_snapshot_and_the_confirm(house):
    """A value, no outage: it pauses, and says why."""
    async with house.working():
        card = await ready(house)
        await house.control("faults", {"kind": "error", "status": 500, "method": "POST", "path": CREATE, "times": 3})
        await bring_to(house, "20.00")
        await seen(lambda: recharges_of(house))
        answer = await house.delete(f"cards/{card['id']}")
        assert answer.status_code in {200, 202, 204}, answer.text
        await house.hand_over()
        await episode_ended(house)
        shown = await stands(house)
        assert (shown["state"], shown["paused_reason"]) == ("paused", "method_removed")
        assert await charges(house) == []
        assert {one.status for one in await intents(house)} <= {"canceled"}
        assert await balance(house) == ("20.00", "0.00")


async def test_sixty_four_crossings_at_once_are_one_recharge(house):
    async with house.working():
        await ready(house)
        await bring_to(house, "20.63")
        await asyncio.gather(*(use(house, "0.01", f"call {number}") for number in range(64)))
        await house.hand_on_crossings()
        await episode_ended(house)
        assert len(await recharges_of(house)) == 1
        assert [one.status for one in await charges(house)] == ["succeeded"]
        assert await balance(house) == ("69.99", "0.00")


async def test_no_wake_is_lost_at_the_end_of_an_episode(house):
    """Money is used as soon as it is there, and the wake comes while the episode ends: each time another recharge."""
    async with house.working():
        await ready(house)
        await bring_to(house, "20.00")
        for number in range(12):
            await seen(lambda: available(house), lambda found: found >= 60)
            await use(house, "50.00", f"at once {number}")
            await house.hand_on_crossings()
        await rests(house)
        assert len(await recharges_of(house)) == 13
        assert {one.status for one in await recharges_of(house)} == {"succeeded"}
        assert await balance(house) == ("70.00", "0.00")


async def test_two_episodes_are_never_open(house):
    """The database's own guard, whatever Temporal forgets (D5)."""
    async with house.working():
        await ready(house)
        await decline(house)
        await bring_to(house, "20.00")
        await until(house, "retrying")
        found = await only(house)
        with pytest.raises(Exception, match="recharge_one_auto_in_flight"):
            async with house.database.transaction() as session:
                await session.execute(
                    text(
                        "INSERT INTO recharge (account_id, id, kind, amount_cents, currency, status, method_kind,"
                        " method_id, idempotency_key, request_digest, details, created_at)"
                        " SELECT account_id, 'rchg_0000000000000000', kind, amount_cents, currency, status,"
                        " method_kind, method_id, 'another', request_digest, details, created_at FROM recharge"
                        " WHERE id = :id"
                    ),
                    {"id": found.id},
                )


async def test_news_while_it_waits_changes_no_date(house):
    async with house.working():
        await ready(house)
        await decline(house)
        await bring_to(house, "20.00")
        due = (await until(house, "retrying"))["next_attempt_at"]
        for _ in range(5):
            await episode(house).signal("wake")
            await episode(house).signal("look")
        await held_at(house, "retrying")
        assert (await stands(house))["next_attempt_at"] == due
        assert len(await tries(house)) == 1


async def test_an_update_for_another_recharge_than_the_open_one(house):
    """A link of long ago: the row says how it ended, and the open one is left alone."""
    async with house.working():
        await ready(house)
        await bring_to(house, "20.00")
        await episode_ended(house)
        ended = await only(house)
        await decline(house)
        await bring_to(house, "20.00")
        await until(house, "retrying")
        for name in ("cancel", "authenticate", "look_now"):
            handle = house.temporal.get_workflow_handle(episode_id(house))
            assert await handle.execute_update(name, ended.id, result_type=str) is None
        await held_at(house, "retrying")
        assert len(await tries(house)) == 2


async def test_suspended_between_the_wake_and_its_delivery(house):
    async with house.working():
        await ready(house)
        await use(house, "80.00", "down")
        answer = await house.api.operator.patch(
            f"/v1/accounts/{house.account.id}", json={"status": "suspended", "reason": "looking into it"}
        )
        assert answer.status_code == 200, answer.text
        await house.hand_on_crossings()
        await held_at(house, "watching")
        assert await recharges_of(house) == []
