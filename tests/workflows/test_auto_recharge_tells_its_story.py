"""I2, I5: the Temporal UI tells an episode without anybody reading code, and with nothing personal; kept for replay."""

from temporalio.api.enums.v1 import EventType
from temporalio.api.sdk.v1 import WorkflowMetadata

from benchmarks.histories import cost
from tests.workflows.auto_recharging import (
    ASKS,
    DAY,
    bring_to,
    decline,
    episode,
    episode_ended,
    episode_id,
    only,
    put,
    ready,
    recharges_of,
    stands,
    steps,
    tried,
    tries,
    until,
    wait,
)
from tests.workflows.recharging import at_noon, balance, bank_on_file
from workflows import attributes

SCHEDULED, TIMER = EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED, EventType.EVENT_TYPE_TIMER_STARTED


async def summaries(house, *types):
    """The summaries of activities or timers, in the order in which they were begun."""
    history = await episode(house).fetch_history()
    convert = house.temporal.data_converter.payload_converter.from_payload
    return [convert(one.user_metadata.summary, str) for one in history.events if one.event_type in types]


async def details(house):
    """What the UI shows of a running episode: it asks a worker for it."""
    found = await episode(house).query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    return found.current_details


async def attributes_of(house):
    found = (await episode(house).describe()).typed_search_attributes
    return {key.name: found.get(key) for key in (attributes.KIND, attributes.STATE, attributes.AMOUNT)}


async def paid_for(house):
    """Temporal's actions. The server that skips time writes the signal of a signal-with-start a place later."""
    return cost(await episode(house).fetch_history()).actions - 1


async def recorded(house, story):
    return await house.record(f"auto_recharge/{story}", episode_id(house))


async def test_a_card_that_pays_takes_three_activities(house):
    async with house.working(cache=1000):
        await ready(house)
        await bring_to(house, "20.00")
        await episode_ended(house)
    assert await steps(house) == ["begin_auto_recharge", "charge", "finish_auto_recharge"]
    assert await paid_for(house) == 1 + 3 + 1, "signal-with-start, three activities, one upsert"
    assert await attributes_of(house) == {
        "PrepayKind": "auto_recharge",
        "PrepayState": "succeeded",
        "PrepayAmount": 5_000,
    }
    assert await summaries(house, SCHEDULED) == [
        "Read again, under the lock: recharge or not",
        "Create the PaymentIntent, keep its id, confirm it",
        "Credit the balance, and test it again",
    ]
    await recorded(house, "paid")


async def test_a_decline_and_the_next_rung(house):
    async with house.working(cache=1000):
        await ready(house)
        await decline(house)
        await bring_to(house, "20.00")
        shown = await until(house, "retrying")
        told = await details(house)
        assert "The next rung of the retry ladder: **" in told
        assert "insufficient_funds" in told
        assert (await attributes_of(house))["PrepayState"] == "retrying"
        assert shown["next_attempt_at"] is not None
        await episode_ended(house)
    assert await summaries(house, TIMER) == ["The next rung of the retry ladder"]
    assert await steps(house) == [
        "begin_auto_recharge", "charge", "decide_next_try", "decide_next_try", "confirm", "finish_auto_recharge",
    ]  # fmt: skip
    assert await paid_for(house) == 1 + 6 + 1 + 2, (
        "six activities, the rung's timer, an upsert as it waits and at the end"
    )
    await recorded(house, "declined_then_paid")


async def test_given_up_and_paused(house):
    async with house.working(cache=1000):
        await ready(house)
        await decline(house, "lost_card")
        await bring_to(house, "20.00")
        await episode_ended(house)
    assert (await stands(house))["state"] == "paused"
    assert await steps(house) == [
        "begin_auto_recharge", "charge", "decide_next_try", "cancel", "finish_auto_recharge",
    ]  # fmt: skip
    assert (await attributes_of(house))["PrepayState"] == "failed"
    await recorded(house, "given_up")


async def test_the_backup_pays_on_the_same_payment(house):
    async with house.working(cache=1000):
        card = await ready(house)
        backup = await house.add_card("pm_card_mastercard")
        await put(house, payment_method=card["id"], backup_payment_method=backup["id"])
        await decline(house, "lost_card")
        await bring_to(house, "20.00")
        await episode_ended(house)
    assert "Try the back-up method, attempt 2" in await summaries(house, SCHEDULED)
    assert (await only(house)).status == "succeeded"
    await recorded(house, "paid_by_backup")


async def test_the_customer_confirms_after_the_backup_declined(house):
    async with house.working(cache=1000):
        card = await ready(house, ASKS)
        backup = await house.add_card("pm_card_chargeCustomerFail")
        await put(house, payment_method=card["id"], backup_payment_method=backup["id"])
        await bring_to(house, "20.00")
        await tried(house, 2)
        found = await house.get(f"recharges/{(await only(house)).id}")
        await house.sync()
        await house.api.anyone.get(found["action_url"].removeprefix("http://prepay.test"))
        assert [one.trigger for one in await tries(house)] == ["first", "backup", "customer"]
        assert (await tries(house))[2].method_id == card["id"], "the method whose bank asked"
        await house.control(
            f"payment_intents/{(await only(house)).payment_intent}/authenticate", {"outcome": "succeed"}
        )
        await house.deliver_events()
        await episode_ended(house)
    assert (await only(house)).status == "succeeded"
    assert await balance(house) == ("70.00", "0.00")
    assert "Give up if the customer has not confirmed by then" in await summaries(house, TIMER)
    await recorded(house, "customer_confirms_after_backup")


async def test_nobody_comes_to_confirm(house):
    async with house.working(cache=1000):
        await ready(house, ASKS)
        await bring_to(house, "20.00")
        await episode_ended(house)
    assert ((await only(house)).status, (await stands(house))["paused_reason"]) == ("canceled", "action_expired")
    await recorded(house, "nobody_confirms")


async def test_a_limit_until_its_next_window(house):
    async with house.working(cache=1000):
        await at_noon(house)
        await ready(house, limits={"daily": "60.00"})
        await bring_to(house, "20.00")
        await episode_ended(house)
        await bring_to(house, "10.00")
        await until(house, "limited")
        assert "The limit's next window opens then." in await details(house)
        assert (await attributes_of(house))["PrepayState"] == "limited"
        await episode_ended(house)
    assert await summaries(house, TIMER) == ["The limit's next window opens"]
    assert [one.status for one in await recharges_of(house)] == ["succeeded", "succeeded"]
    await recorded(house, "limited_then_paid")


async def test_a_bank_debit_with_its_answer(house):
    async with house.working(cache=1000):
        bank = await bank_on_file(house)
        await bring_to(house, "100.00")
        await put(house, payment_method=bank["id"])
        await at_noon(house)
        await bring_to(house, "20.00")
        await tried_by_bank(house)
        await house.control("clock", {"advance_business_days": 4})
        await house.deliver_events()
        await episode_ended(house)
    assert (await only(house)).status == "succeeded"
    assert "Ask the processor: the bank's answer is due" in await summaries(house, TIMER)
    await recorded(house, "bank_debit")


async def tried_by_bank(house):
    """Until the debit is at the bank."""
    await house.until(
        "prepay_recharge", house.account.id, lambda found: found, lambda _session: _at_the_bank(house)
    )  # fmt: skip


async def _at_the_bank(house):
    return [one for one in await tries(house) if one.outcome == "processing"]


async def test_canceled_by_its_owner_while_it_waits(house):
    async with house.working(cache=1000):
        await ready(house)
        await decline(house)
        await bring_to(house, "20.00")
        await until(house, "retrying")
        answer = await house.post(f"recharges/{(await only(house)).id}/cancel", {})
        assert (answer.status_code, answer.json()["status"]) == (200, "canceled"), answer.text
        await episode_ended(house)
    assert (await stands(house))["paused_reason"] == "canceled"
    await recorded(house, "canceled_by_owner")


async def test_dropped_when_it_is_switched_off(house):
    async with house.working(cache=1000):
        await ready(house)
        await decline(house)
        await bring_to(house, "20.00")
        await until(house, "retrying")
        await put(house, enabled=False)
        await episode_ended(house)
    assert ((await only(house)).status, (await stands(house))["state"]) == ("canceled", "off")
    await recorded(house, "dropped")


async def test_a_lost_run_is_taken_up(house):
    async with house.working(cache=1000):
        await ready(house)
        await decline(house)
        await bring_to(house, "20.00")
        await until(house, "retrying")
        await episode(house).terminate("lost")
        await wait(house, DAY)
        await put(house, limits={"daily": "500.00"})
        await episode_ended(house)
    dropped, paid = await recharges_of(house)
    assert (dropped.status, paid.status) == ("canceled", "succeeded")
    assert await balance(house) == ("70.00", "0.00")
    await recorded(house, "adopted_and_dropped")


async def test_a_run_for_twenty_recharges_and_then_another(house, monkeypatch):
    """One recharge is at most 25.00 here, and far more than that was used."""
    monkeypatch.setattr(house.settings, "max_recharge", "25.00")
    async with house.working(cache=1000):
        await ready(house, amount="25.00")
        await bring_to(house, "-500.00")
        await episode_ended(house)
    assert [one.amount_cents for one in await recharges_of(house)] == [2_500] * 21
    assert await balance(house) == ("25.00", "0.00")
    assert await steps(house) == ["begin_auto_recharge", "charge", "finish_auto_recharge"], "the last one, by itself"
