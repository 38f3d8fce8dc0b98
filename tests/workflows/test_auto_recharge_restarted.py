"""Workers that come and go in each wait of an episode, and lost runs: what is open is taken up, never doubled."""

import pytest
from temporalio.service import RPCError

from store import auto_recharge
from tests.workflows.auto_recharging import (
    ASKS,
    DECLINES,
    HOUR,
    MINUTE,
    bring_to,
    calm,
    decline,
    episode,
    episode_ended,
    held_at,
    only,
    put,
    ready,
    recharges_of,
    seen,
    stands,
    tried,
    tries,
    until,
    wait,
    wait_until,
)
from tests.workflows.recharging import at_noon, balance, bank_on_file, charges, intents

CREATE, CONFIRM = "/v1/payment_intents", "/v1/payment_intents/*/confirm"


async def lost(house):
    """The run is gone, as after an operator's mistake or the loss of Temporal's own data."""
    await episode(house).terminate("lost")
    await house.sync()


async def test_a_worker_restarted_at_each_rung(house):
    async with house.working(cache=0):
        await ready(house, DECLINES)
        await bring_to(house, "20.00")
        await until(house, "retrying")
    for times in (1, 2, 3):
        async with house.working(cache=0):
            shown = await until(house, "retrying")
            await wait_until(house, shown["next_attempt_at"], past=-MINUTE)
            assert len(await tries(house)) == times
        async with house.working(cache=0):
            await wait_until(house, shown["next_attempt_at"])
            await tried(house, times + 1)
    async with house.working(cache=0):
        await episode_ended(house)
    assert (await stands(house))["state"] == "paused"
    assert len(await charges(house)) == 4


async def test_a_worker_restarted_while_the_customer_is_awaited(house):
    async with house.working(cache=0):
        await ready(house, ASKS)
        await bring_to(house, "20.00")
        await tried(house, 1)
    async with house.working(cache=0):
        shown = await house.get(f"recharges/{(await only(house)).id}")
        await house.sync()
        await house.api.anyone.get(shown["action_url"].removeprefix("http://prepay.test"))
    async with house.working(cache=0):
        await wait(house, 20 * HOUR)
    intent = (await only(house)).payment_intent
    await house.control(f"payment_intents/{intent}/authenticate", {"outcome": "succeed"})
    await house.deliver_events()
    async with house.working(cache=0):
        await episode_ended(house)
    assert await balance(house) == ("70.00", "0.00")


async def test_a_worker_restarted_while_the_bank_is_awaited(house):
    async with house.working(cache=0):
        bank = await bank_on_file(house)
        await bring_to(house, "100.00")
        await put(house, payment_method=bank["id"])
        await at_noon(house)
        await bring_to(house, "20.00")
        await seen(lambda: tries(house), lambda found: any(one.outcome == "processing" for one in found))
    async with house.working(cache=0):
        await wait(house, 48 * HOUR)
    await house.control("clock", {"advance_business_days": 4})
    await house.deliver_events()
    async with house.working(cache=0):
        await episode_ended(house)
    assert await balance(house) == ("70.00", "0.00")
    assert [one.status for one in await charges(house)] == ["succeeded"]


async def test_a_worker_restarted_while_a_step_is_tried_again(house):
    async with house.working(cache=0):
        await ready(house)
        await house.control("faults", {"kind": "error", "status": 500, "method": "POST", "path": CONFIRM, "times": 2})
        await bring_to(house, "20.00")
        await seen(lambda: tries(house))
    async with house.working(cache=0):
        await episode_ended(house)
    assert [one.status for one in await charges(house)] == ["succeeded"]
    assert await balance(house) == ("70.00", "0.00")


async def test_a_lost_run_is_taken_up_with_its_tries(house):
    async with house.working():
        await ready(house, DECLINES)
        await bring_to(house, "20.00")
        await tried(house, 1)
        await until(house, "retrying")
        await calm(house)
        await lost(house)
        await wait(house, 30 * MINUTE)
        await bring_to(house, "14.00")  # the step wakes another run
        made = await tried(house, 2)
        assert [one.trigger for one in made] == ["first", "step"]
        assert len(await recharges_of(house)) == 1
        await until(house, "retrying")
        await calm(house)
        await lost(house)
        await wait(house, 2 * HOUR)
        await bring_to(house, "9.00")
        await tried(house, 3)
        await episode_ended(house)
        assert (await stands(house))["state"] == "paused"
        made = await tries(house)
        assert len(made) <= 5
        assert [one.number for one in made] == list(range(1, len(made) + 1))
        assert [one.status for one in await intents(house)] == ["canceled"]
        assert len(await charges(house)) == len(made)


async def test_a_run_lost_before_the_payment_existed(house):
    async with house.working():
        await ready(house)
        await house.control("faults", {"kind": "error", "status": 500, "method": "POST", "path": CREATE, "times": 2})
        await bring_to(house, "20.00")
        await seen(lambda: recharges_of(house))
        await lost(house)
        await house.control("faults", method="DELETE")
        await bring_to(house, "5.00")
        await put_wake(house)
        await episode_ended(house)
        assert [one.status for one in await recharges_of(house)] == ["succeeded"]
        assert [one.status for one in await charges(house)] == ["succeeded"]
        assert await balance(house) == ("55.00", "0.00")


async def test_a_run_lost_after_the_charge_and_before_the_credit(house):
    """The processor has the money: the next run looks first, and credits it once."""
    async with house.working():
        await ready(house)
        await house.control("faults", {"kind": "drop_after", "method": "POST", "path": CONFIRM, "times": 1})
        await house.control(
            "faults", {"kind": "error", "status": 500, "method": "GET", "path": "/v1/payment_intents/*", "times": 50}
        )
        await bring_to(house, "20.00")
        await seen(lambda: charges(house))
        await lost(house)
        await house.control("faults", method="DELETE")
        await bring_to(house, "5.00")
        await put_wake(house)
        await episode_ended(house)
        assert [one.status for one in await charges(house)] == ["succeeded"]
        assert [one.status for one in await recharges_of(house)] == ["succeeded"]
        assert await balance(house) == ("55.00", "0.00")
        assert len(await tries(house)) == 1


async def test_a_run_lost_while_the_customer_is_awaited(house):
    async with house.working():
        await ready(house, ASKS)
        await bring_to(house, "20.00")
        await tried(house, 1)
        shown = await house.get(f"recharges/{(await only(house)).id}")
        await lost(house)
        await bring_to(house, "10.00")
        await put_wake(house)
        await house.sync()
        await house.api.anyone.get(shown["action_url"].removeprefix("http://prepay.test"))
        assert [one.trigger for one in await tries(house)] == ["first", "customer"]
        await house.control(
            f"payment_intents/{(await only(house)).payment_intent}/authenticate", {"outcome": "succeed"}
        )
        await house.deliver_events()
        await episode_ended(house)
        assert await balance(house) == ("60.00", "0.00")
        assert len(await intents(house)) == 1


async def test_a_lost_run_and_settings_sent_anew(house):
    """The PUT wakes where a recharge is open: it is dropped, and the next one is by the new settings."""
    async with house.working():
        await ready(house)
        await decline(house)
        await bring_to(house, "20.00")
        await until(house, "retrying")
        await calm(house)
        await lost(house)
        await put(house, amount="30.00")
        await episode_ended(house)
        assert [(one.status, one.amount_cents) for one in await recharges_of(house)] == [
            ("canceled", 5000),
            ("succeeded", 3000),
        ]
        assert await balance(house) == ("50.00", "0.00")


async def test_a_lost_run_whose_recharge_the_processor_has_ended(house):
    async with house.working():
        await ready(house)
        await decline(house)
        await bring_to(house, "20.00")
        await until(house, "retrying")
        await calm(house)
        await lost(house)
        await house.stripe.v1.payment_intents.cancel_async((await only(house)).payment_intent)
        await bring_to(house, "10.00")
        await put_wake(house)
        await episode_ended(house)
        assert (await only(house)).status == "canceled"
        shown = await stands(house)
        assert (shown["state"], shown["paused_reason"]) == ("paused", "canceled")


async def test_a_cancel_that_finds_no_run_says_so_and_goes_through_with_the_next(house, monkeypatch):
    monkeypatch.setattr("api.updates.PATIENCE_SECONDS", 1)
    async with house.working():
        await ready(house)
        await decline(house)
        await bring_to(house, "20.00")
        await until(house, "retrying")
        await calm(house)
        await lost(house)
        path = f"recharges/{(await only(house)).id}/cancel"
        assert (await house.post(path, {})).status_code == 503
        await put_wake(house)
        await held_at(house, "retrying")
        answer = await house.post(path, {})
        assert (answer.status_code, answer.json()["status"]) == (200, "canceled"), answer.text
        await episode_ended(house)
        assert (await stands(house))["paused_reason"] == "canceled"


async def put_wake(house):
    """News of the account, as the relay hands it over."""
    async with house.database.transaction() as session:
        await auto_recharge.wake(session, house.account.id, now=house.now())
    await house.hand_over()


async def test_an_episode_without_news_is_over(house):
    """Nothing is open for an account that has its money."""
    async with house.working():
        await ready(house)
        await bring_to(house, "20.00")
        await episode_ended(house)
        with pytest.raises(RPCError):
            await episode(house).signal("wake")
