"""D7 and C4: the back-up once, on the same payment; the customer's confirmation before and after it: one success."""

from datetime import timedelta

import pytest

from rules.pay_links import pay_token
from tests.workflows.auto_recharging import (
    ASKS,
    ASKS_THEN_DECLINES,
    DAY,
    DECLINES,
    HOUR,
    about,
    at_processor,
    bring_to,
    decline,
    episode_ended,
    held_at,
    only,
    put,
    ready,
    recharges_of,
    stands,
    told,
    tried,
    tries,
    until,
    wait,
)
from tests.workflows.recharging import balance, charges, intents


async def link_of(house):
    """The customer's link to the automatic recharge."""
    found = await house.get(f"recharges/{(await only(house)).id}")
    return found["action_url"].removeprefix("http://prepay.test")


async def opens(house, link):
    """Where the customer is sent on to, or the page that is shown."""
    await house.sync()
    answer = await house.api.anyone.get(link)
    return answer.headers.get("location") or answer.text


async def customer(house, outcome):
    await house.control(f"payment_intents/{(await only(house)).payment_intent}/authenticate", {"outcome": outcome})


async def with_backup(house, token="pm_card_visa", backup="pm_card_mastercard"):
    """Auto-recharge with a back-up card. Gives both cards."""
    primary = await ready(house, token)
    second = await house.add_card(backup)
    await put(house, payment_method=primary["id"], backup_payment_method=second["id"])
    return primary, second


async def test_at_once_where_the_decline_cannot_pass(house):
    async with house.working():
        primary, second = await with_backup(house)
        await decline(house, "lost_card", method=await at_processor(house, primary))
        await bring_to(house, "20.00")
        await episode_ended(house)
        made = await tries(house)
        assert [(one.trigger, one.method_id) for one in made] == [("first", primary["id"]), ("backup", second["id"])]
        assert made[1].created_at - made[0].created_at < timedelta(minutes=1)
        assert (await only(house)).status == "succeeded"
        assert len(await intents(house)) == 1, "the same payment"
        assert [one.status for one in await charges(house)] == ["failed", "succeeded"]
        assert await balance(house) == ("70.00", "0.00")
        assert (await stands(house))["state"] == "watching"
        shown = await house.get(f"recharges/{(await only(house)).id}")
        assert shown["payment_method"] == second["id"]
        assert "method_changed" in [one["what"] for one in shown["timeline"]]


async def test_after_the_ladder_and_once(house):
    async with house.working():
        primary, second = await with_backup(house, DECLINES)
        await decline(house, method=await at_processor(house, second))
        await bring_to(house, "20.00")
        await episode_ended(house)
        made = await tries(house)
        assert [one.trigger for one in made] == ["first", "rung", "rung", "rung", "backup"]
        assert [one.method_id for one in made] == [primary["id"]] * 4 + [second["id"]]
        assert made[4].created_at - made[3].created_at < timedelta(minutes=1)
        assert (await stands(house))["state"] == "paused"
        assert [one.status for one in await intents(house)] == ["canceled"]
        assert await balance(house) == ("20.00", "0.00")


async def test_the_back_up_is_not_named_and_not_tried(house):
    async with house.working():
        await ready(house)
        await house.add_card("pm_card_mastercard")
        await decline(house, "lost_card")
        await bring_to(house, "20.00")
        await episode_ended(house)
        assert (await stands(house))["paused_reason"] == "lost_card"
        assert len(await tries(house)) == 1


async def test_the_back_up_has_become_the_default_card_and_is_ignored(house):
    """No method named: the default card is followed; the same one is no back-up of itself."""
    async with house.working():
        await ready(house)
        second = await house.add_card("pm_card_mastercard")
        await put(house, backup_payment_method=second["id"])
        answer = await house.post(f"cards/{second['id']}/default", {})
        assert answer.status_code == 200, answer.text
        await decline(house, "lost_card", times=2)
        await bring_to(house, "20.00")
        await episode_ended(house)
        assert [one.method_id for one in await tries(house)] == [second["id"]]
        assert (await stands(house))["state"] == "paused"


async def test_the_primary_was_removed_meanwhile(house):
    """Card removed between snapshot and confirm: a value, no outage; the back-up pays."""
    async with house.working():
        primary, second = await with_backup(house)
        await decline(house)
        await bring_to(house, "20.00")
        await until(house, "retrying")
        answer = await house.delete(f"cards/{primary['id']}")
        assert answer.status_code in {200, 202, 204}, answer.text
        await house.hand_over()
        await episode_ended(house)
        assert (await only(house)).status == "succeeded"
        assert (await tries(house))[-1].method_id == second["id"]
        assert [one.status for one in await charges(house)] == ["failed", "succeeded"]
        assert await balance(house) == ("70.00", "0.00")


async def test_authentication_required_and_the_customer_comes(house):
    """C4 without a back-up: the link, then the same payment with the customer at hand."""
    async with house.working():
        await ready(house, ASKS)
        await bring_to(house, "20.00")
        await tried(house, 1)
        assert (await only(house)).status == "requires_action"
        assert "action_needed" in await house.notices()
        page = await opens(house, await link_of(house))
        assert page.startswith(f"{house.sandbox.url}/_sandbox/3ds/")
        assert [one.trigger for one in await tries(house)] == ["first", "customer"]
        await customer(house, "succeed")
        await house.deliver_events()
        await episode_ended(house)
        assert (await only(house)).status == "succeeded"
        assert len(await intents(house)) == 1
        assert [one.status for one in await charges(house)] == ["failed", "succeeded"]
        assert await balance(house) == ("70.00", "0.00")
        assert (await stands(house))["state"] == "watching"


async def test_a_recharge_that_waits_for_the_customer_is_not_on_its_way(house):
    async with house.working():
        await ready(house, ASKS)
        await bring_to(house, "20.00")
        await tried(house, 1)
        assert await balance(house) == ("20.00", "0.00")
        assert [one["status"] for one in (await house.get("recharges"))["data"]] == ["requires_action"]


async def test_nobody_comes_for_a_day_and_it_pauses(house):
    async with house.working():
        await ready(house, ASKS)
        await bring_to(house, "20.00")
        made = await tried(house, 1)
        dead = await link_of(house)
        await wait(house, 23 * HOUR)
        assert (await only(house)).status == "requires_action"
        await episode_ended(house)
        found = await only(house)
        assert about(found.finished_at - made[0].ended_at, DAY)
        shown = await stands(house)
        assert (shown["state"], shown["paused_reason"]) == ("paused", "action_expired")
        assert [one.status for one in await intents(house)] == ["canceled"]
        assert len(await tries(house)) == 1
        assert "canceled" in (await opens(house, dead)).lower()


async def test_the_back_up_pays_at_once_and_the_link_finds_it_paid(house):
    async with house.working():
        await with_backup(house, ASKS)
        await bring_to(house, "20.00")
        await episode_ended(house)
        assert [one.trigger for one in await tries(house)] == ["first", "backup"]
        assert await balance(house) == ("70.00", "0.00")
        found = await only(house)
        token = pay_token(
            house.settings.token_pepper.get_secret_value(), account_id=house.account.id, recharge_id=found.id
        )
        assert "paid" in (await opens(house, f"/pay/{token}")).lower()
        assert [one.status for one in await charges(house)] == ["failed", "succeeded"]
        with pytest.raises(AssertionError, match="does not wait for authentication"):
            await customer(house, "succeed")
        assert await balance(house) == ("70.00", "0.00")


async def test_the_customer_comes_after_the_back_up_declined_too(house):
    async with house.working():
        primary, _ = await with_backup(house, ASKS, DECLINES)
        await bring_to(house, "20.00")
        await tried(house, 2)
        await held_at(house, "charging")
        assert [one.trigger for one in await tries(house)] == ["first", "backup"]
        await opens(house, await link_of(house))
        made = await tries(house)
        assert (made[-1].trigger, made[-1].method_id) == ("customer", primary["id"]), "the card whose bank asked"
        await customer(house, "succeed")
        await house.deliver_events()
        await episode_ended(house)
        assert await balance(house) == ("70.00", "0.00")
        assert [one.status for one in await charges(house)] == ["failed", "failed", "succeeded"]
        assert len(await intents(house)) == 1


async def test_both_cards_want_the_customer(house):
    async with house.working():
        _, second = await with_backup(house, ASKS, "pm_card_threeDSecure2Required")
        await bring_to(house, "20.00")
        await tried(house, 2)
        await opens(house, await link_of(house))
        await customer(house, "succeed")
        await house.deliver_events()
        await episode_ended(house)
        assert await balance(house) == ("70.00", "0.00")
        made = await tries(house)
        assert [one.trigger for one in made] == ["first", "backup", "customer"]
        assert made[-1].method_id == second["id"], "the card whose bank asked last"


async def test_the_customer_fails_on_the_banks_page_and_it_ends(house):
    async with house.working():
        await ready(house, ASKS)
        await bring_to(house, "20.00")
        await tried(house, 1)
        await opens(house, await link_of(house))
        await customer(house, "fail")
        await house.deliver_events()
        await episode_ended(house)
        shown = await stands(house)
        assert shown["state"] == "paused"
        assert shown["paused_reason"] in {"payment_intent_authentication_failure", "action_expired"}
        assert await balance(house) == ("20.00", "0.00")
        assert [one.status for one in await intents(house)] == ["canceled"]
        assert len(await tries(house)) <= 3


async def test_the_bank_declines_what_the_customer_confirmed(house):
    async with house.working():
        await ready(house, ASKS_THEN_DECLINES)
        await bring_to(house, "20.00")
        await tried(house, 1)
        await opens(house, await link_of(house))
        await customer(house, "succeed")
        await house.deliver_events()
        await episode_ended(house)
        assert (await stands(house))["state"] == "paused"
        assert await balance(house) == ("20.00", "0.00")
        assert [one.status for one in await intents(house)] == ["canceled"]


async def test_the_customer_is_on_the_banks_page_when_the_day_ends(house):
    """The processor's word decides: it was confirmed in time, and nobody told us."""
    async with house.working():
        await ready(house, ASKS)
        await bring_to(house, "20.00")
        await tried(house, 1)
        await wait(house, 23 * HOUR)
        await opens(house, await link_of(house))
        await customer(house, "succeed")
        await episode_ended(house)
        assert (await only(house)).status == "succeeded"
        assert await balance(house) == ("70.00", "0.00")
        assert "auto_recharge_paused" not in await told(house)


async def test_the_customer_pays_by_hand_instead(house):
    """A manual recharge is never blocked; with it T is above the minimum, and the waiting one is dropped."""
    async with house.working():
        await ready(house, ASKS)
        other = await house.add_card("pm_card_mastercard")
        await bring_to(house, "20.00")
        await tried(house, 1)
        await house.sync()
        answer = await house.owner.post(
            f"/v1/accounts/{house.account.id}/recharges",
            json={"amount": "30.00", "payment_method": other["id"]},
            headers={"Idempotency-Key": "by hand"},
        )
        assert (answer.status_code, answer.json()["status"]) == (201, "succeeded"), answer.text
        await house.hand_over()
        await episode_ended(house)
        assert [one.status for one in await recharges_of(house)] == ["canceled"]
        assert await balance(house) == ("50.00", "0.00")
        assert (await stands(house))["state"] == "watching"
