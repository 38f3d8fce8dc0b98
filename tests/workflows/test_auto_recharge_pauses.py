"""D7: paused is told and stays so, until the owner pays, sends the settings, or has another or a changed method."""

import pytest

from tests.workflows.auto_recharging import (
    DAY,
    DECLINES,
    MINUTE,
    at_processor,
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
    tries,
    until,
    wait,
)
from tests.workflows.recharging import balance, charges, intents


async def paused(house, code="lost_card"):
    """Auto-recharge paused by a decline that cannot pass. Gives the card."""
    card = await ready(house)
    await decline(house, code)
    await bring_to(house, "20.00")
    await episode_ended(house)
    shown = await stands(house)
    assert (shown["state"], shown["paused_reason"]) == ("paused", code)
    return card


async def by_hand(house, card, amount="25.00"):
    await house.sync()
    answer = await house.owner.post(
        f"/v1/accounts/{house.account.id}/recharges",
        json={"amount": amount, "payment_method": card["id"]},
        headers={"Idempotency-Key": f"by hand {amount}"},
    )
    assert answer.status_code == 201, answer.text
    await house.hand_over()
    return answer.json()["status"]


async def set_status(house, **fields):
    await house.sync()
    answer = await house.api.operator.patch(f"/v1/accounts/{house.account.id}", json=fields)
    assert answer.status_code == 200, answer.text


async def handed_and_resumed(house):
    """Whether it is lifted; the wake that came with it is handed over after that was seen."""
    is_lifted = await resumed(house)
    await house.hand_over()
    return is_lifted


async def resumed(house):
    shown = await stands(house)
    return "resumed" in [one["what"] for one in shown["decisions"]]


async def test_paused_is_told_with_its_reason_and_the_balance_is_left_alone(house):
    async with house.working():
        await paused(house)
        shown = await stands(house)
        assert shown["next_attempt_at"] is None
        assert shown["decisions"][0]["what"] == "paused"
        assert shown["decisions"][0]["recharge"] == (await only(house)).id
        assert (await told(house)).count("auto_recharge_paused") == 1
        await wait(house, 40 * DAY)
        for amount in ("10.00", "30.00", "20.00", "-1.00"):
            await bring_to(house, amount)
        await held_at(house, "paused")
        assert len(await tries(house)) == 1


async def test_the_owners_put_lifts_it_even_if_it_changes_nothing(house):
    async with house.working():
        await paused(house)
        await put(house)
        await episode_ended(house)
        assert [one.status for one in await recharges_of(house)] == ["failed", "succeeded"]
        assert await balance(house) == ("70.00", "0.00")
        assert await resumed(house)
        assert (await stands(house))["state"] == "watching"
        assert (await stands(house))["paused_reason"] is None


async def test_a_put_that_switches_off_charges_nothing(house):
    async with house.working():
        await paused(house)
        await put(house, enabled=False)
        await held_at(house, "off")
        assert len(await recharges_of(house)) == 1


async def test_a_recharge_by_the_owner_lifts_it(house):
    async with house.working():
        card = await paused(house)
        assert await by_hand(house, card) == "succeeded"
        await until(house, "watching")
        assert await resumed(house)
        await bring_to(house, "20.00")
        await episode_ended(house)
        assert [one.status for one in await recharges_of(house)] == ["failed", "succeeded"]


async def test_a_recharge_by_the_owner_that_is_not_enough_starts_the_next_one(house):
    async with house.working():
        card = await paused(house)
        await bring_to(house, "-10.00")
        assert await by_hand(house, card) == "succeeded"
        await episode_ended(house)
        assert await balance(house) == ("65.00", "0.00")
        assert [one.status for one in await recharges_of(house)] == ["failed", "succeeded"]


async def test_a_recharge_by_the_owner_that_is_declined_lifts_nothing(house):
    async with house.working():
        card = await paused(house)
        await decline(house, "insufficient_funds")
        assert await by_hand(house, card) == "failed"
        await held_at(house, "paused")


async def test_a_new_default_card_lifts_it(house):
    async with house.working():
        await paused(house)
        second = await house.add_card("pm_card_mastercard")
        await held_at(house, "paused")
        answer = await house.post(f"cards/{second['id']}/default", {})
        assert answer.status_code == 200, answer.text
        await house.hand_over()
        await episode_ended(house)
        assert await resumed(house)
        assert [one.method_id for one in await recharges_of(house)][-1] == second["id"], "the default is followed"
        assert await balance(house) == ("70.00", "0.00")


async def test_the_card_renewed_by_its_network_lifts_it(house):
    async with house.working():
        card = await paused(house, "expired_card")
        payment_method = await at_processor(house, card)
        await house.stripe.v1.payment_methods.update_async(
            payment_method, {"card": {"exp_month": 11, "exp_year": house.time.year + 4}}
        )
        await house.deliver_events()
        await house.hand_over()
        await seen(lambda: handed_and_resumed(house))
        await episode_ended(house)
        assert [one.status for one in await recharges_of(house)] == ["failed", "succeeded"]


async def test_suspension_is_no_pause_and_ends_with_the_suspension(house):
    async with house.working():
        await ready(house)
        await set_status(house, status="suspended", reason="looking into it")
        await bring_to(house, "10.00")
        await house.hand_over()
        await held_at(house, "watching")
        assert await recharges_of(house) == []
        await set_status(house, status="active", reason="all is well")
        await house.hand_over()
        await episode_ended(house)
        assert await balance(house) == ("60.00", "0.00")


async def test_suspended_while_it_waits_for_its_next_try(house):
    async with house.working():
        await ready(house)
        await decline(house)
        await bring_to(house, "20.00")
        await until(house, "retrying")
        await set_status(house, status="suspended", reason="looking into it")
        await house.hand_over()
        await episode_ended(house)
        assert (await only(house)).status == "canceled"
        assert len(await tries(house)) == 1
        assert (await stands(house))["state"] == "watching"


async def test_switched_off_while_it_waits_for_its_next_try(house):
    async with house.working():
        await ready(house)
        await decline(house)
        await bring_to(house, "20.00")
        await until(house, "retrying")
        await put(house, enabled=False)
        await episode_ended(house)
        assert (await only(house)).status == "canceled"
        assert [one.status for one in await intents(house)] == ["canceled"]
        assert (await stands(house))["state"] == "off"
        await wait(house, 5 * DAY)
        assert len(await tries(house)) == 1


@pytest.mark.parametrize("waiting", ["retrying", "customer"])
async def test_canceled_by_the_customer(house, waiting):
    async with house.working():
        if waiting == "retrying":
            await ready(house)
            await decline(house)
            await bring_to(house, "20.00")
            await until(house, "retrying")
        else:
            await ready(house, "pm_card_authenticationRequired")
            await bring_to(house, "20.00")
            await seen(lambda: recharges_of(house), lambda made: [one.status for one in made] == ["requires_action"])
        answer = await house.post(f"recharges/{(await only(house)).id}/cancel", {})
        assert (answer.status_code, answer.json()["status"]) == (200, "canceled"), answer.text
        await episode_ended(house)
        shown = await stands(house)
        assert (shown["state"], shown["paused_reason"]) == ("paused", "canceled")
        assert [one.status for one in await intents(house)] == ["canceled"]
        await put(house)
        await until(house, "retrying")
        await wait(house, 14 * MINUTE)
        assert len(await recharges_of(house)) == 1, "a card that declined is not asked again at once, whoever wants it"
        await wait(house, 3 * MINUTE)
        await seen(lambda: recharges_of(house), lambda made: len(made) == 2)


async def test_canceled_at_the_processor(house):
    async with house.working():
        await ready(house)
        await decline(house)
        await bring_to(house, "20.00")
        await until(house, "retrying")
        await house.stripe.v1.payment_intents.cancel_async((await only(house)).payment_intent)
        await house.deliver_events()
        await episode_ended(house)
        shown = await stands(house)
        assert (shown["state"], shown["paused_reason"]) == ("paused", "canceled")
        assert (await only(house)).status == "canceled"


async def test_altered_at_the_processor(house):
    """Somebody changed the payment: canceled, paused, and operators are told."""
    async with house.working():
        await ready(house)
        await decline(house)
        await bring_to(house, "20.00")
        await until(house, "retrying")
        await house.stripe.v1.payment_intents.update_async((await only(house)).payment_intent, {"amount": 100})
        await wait(house, 2 * DAY / 24)
        await episode_ended(house)
        shown = await stands(house)
        assert (shown["state"], shown["paused_reason"]) == ("paused", "payment_altered")
        assert [one.status for one in await intents(house)] == ["canceled"]
        assert [one.amount for one in await charges(house)] == [5000]


async def test_without_any_card_it_pauses_and_the_first_card_lifts_it(house):
    async with house.working():
        card = await ready(house)
        answer = await house.delete(f"cards/{card['id']}")
        assert answer.status_code in {200, 202, 204}, answer.text
        await house.hand_over()
        await bring_to(house, "20.00")
        shown = await until(house, "paused")
        assert shown["paused_reason"] in {"method_removed", "no_payment_method", "method_missing"}
        assert await intents(house) == []
        await house.add_card("pm_card_mastercard")
        await house.hand_over()
        await episode_ended(house)
        assert await balance(house) == ("70.00", "0.00")


async def test_a_pause_of_one_episode_is_no_pause_of_the_next(house):
    """After the lift the ladder begins anew, and is as short."""
    async with house.working():
        await ready(house, DECLINES)
        for times in (1, 2):
            await bring_to(house, "20.00")
            if times == 2:
                await put(house)
            await episode_ended(house)
            assert (await stands(house))["state"] == "paused"
            assert len(await tries(house)) == 4 * times
        assert (await told(house)).count("auto_recharge_paused") == 2
