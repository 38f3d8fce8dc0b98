"""A recharge by card: an answer at once, or the customer's confirmation first (3-D Secure)."""

from datetime import timedelta

import pytest

from rules.outcomes import Outcome, State
from store import attempts, recharges
from tests.workflows.recharging import (
    ask,
    balance,
    becomes,
    charges,
    ended,
    handle,
    intents,
    newest_attempt,
    row,
    shown,
    steps,
    times_told,
)

WITH_CUSTOMER = "pm_card_authenticationRequired"


async def waits_for_customer(house, token=WITH_CUSTOMER):
    """A recharge whose customer has the link, and the link."""
    card = await house.add_card(token)
    recharge = await ask(house, card)
    assert recharge["status"] == "requires_action"
    return recharge, recharge["action_url"].removeprefix("http://prepay.test")


async def opens(house, link):
    """Where the customer is sent on to, or the page that is shown."""
    await house.sync()
    answer = await house.api.anyone.get(link)
    return answer.headers.get("location") or answer.text


async def customer(house, recharge, outcome):
    found = await row(house, recharge)
    await house.control(f"payment_intents/{found.payment_intent}/authenticate", {"outcome": outcome})


async def test_succeeded_in_three_activities(house):
    async with house.working():
        card = await house.add_card()
        recharge = await ask(house, card)
        assert recharge["status"] == "succeeded"
        assert await ended(house, recharge) == "succeeded"
        assert await balance(house) == ("50.00", "0.00")
        assert await steps(house, recharge) == ["create_intent", "confirm", "finish"]
        assert [one.status for one in await charges(house)] == ["succeeded"]
        assert await house.notices() == ["recharge_settled"]
        await house.record("recharge/card_succeeded", f"recharge/{recharge['id']}")


EXPIRED = {"decline_code": "expired_card", "advice_code": "confirm_card_data"}


@pytest.mark.parametrize(
    ("story", "fault", "code", "retry"),
    [
        ("card_declined", None, "generic_decline", "later"),
        ("card_expired", EXPIRED, "expired_card", "other_method"),
    ],
)
async def test_declined(house, story, fault, code, retry):
    async with house.working():
        card = await house.add_card("pm_card_visa" if fault else "pm_card_chargeCustomerFail")
        if fault:
            await house.control("faults", {"kind": "decline", "payment_method": "*", "times": 1} | fault)
        recharge = await ask(house, card)
        assert (recharge["status"], recharge["failure"]["code"], recharge["failure"]["retry"]) == (
            "failed",
            code,
            retry,
        )
        assert recharge["failure"]["message"].endswith(".")
        assert await ended(house, recharge) == "failed"
        assert await balance(house) == ("0.00", "0.00")
        assert await steps(house, recharge) == ["create_intent", "confirm", "cancel", "finish"]
        assert [one.status for one in await intents(house)] == ["canceled"]
        assert await house.notices() == ["recharge_failed"]
        await house.record(f"recharge/{story}", f"recharge/{recharge['id']}")


async def test_the_customer_confirms_by_the_link(house):
    """C4: the same intent, as the next numbered confirm."""
    async with house.working():
        recharge, link = await waits_for_customer(house)
        assert await house.notices() == ["action_needed"]
        page = await opens(house, link)
        assert page.startswith(f"{house.sandbox.url}/_sandbox/3ds/")
        assert (await newest_attempt(house, recharge)).number == 2
        await customer(house, recharge, "succeed")
        assert "paid" in (await opens(house, f"{link}/done")).lower()
        assert (await row(house, recharge)).status == "succeeded"
        assert await ended(house, recharge) == "succeeded"
        assert await balance(house) == ("50.00", "0.00")
        assert [one.status for one in await charges(house)] == ["failed", "succeeded"]
        assert len(await intents(house)) == 1
        await house.record("recharge/customer_confirmed", f"recharge/{recharge['id']}")


async def test_the_link_opened_twice_is_one_confirm(house):
    async with house.working():
        recharge, link = await waits_for_customer(house)
        first = await handle(house, recharge).execute_update("authenticate", result_type=str)
        second = await handle(house, recharge).execute_update("authenticate", result_type=str)
        assert (first, second) == ("requires_action", "requires_action")
        assert await opens(house, link) == (await row(house, recharge)).action_url
        assert (await newest_attempt(house, recharge)).number == 2
        assert (await steps(house, recharge)).count("confirm") == 2


async def test_the_customer_fails(house):
    async with house.working():
        recharge, link = await waits_for_customer(house)
        await opens(house, link)
        await customer(house, recharge, "fail")
        await house.deliver_events()
        assert await ended(house, recharge) == "failed"
        failure = (await shown(house, recharge))["failure"]
        assert (failure["code"], failure["retry"]) == ("payment_intent_authentication_failure", "with_customer")
        assert await balance(house) == ("0.00", "0.00")
        assert await house.notices() == ["action_needed", "recharge_failed"]
        await house.record("recharge/customer_failed", f"recharge/{recharge['id']}")


async def test_declined_after_the_customer_confirmed(house):
    async with house.working():
        recharge, link = await waits_for_customer(
            house, "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds"
        )
        await opens(house, link)
        await customer(house, recharge, "succeed")
        await house.deliver_events()
        assert await ended(house, recharge) == "failed"
        assert (await shown(house, recharge))["failure"]["code"] == "insufficient_funds"
        assert await balance(house) == ("0.00", "0.00")


@pytest.mark.parametrize("opened", [False, True])
async def test_nobody_comes_for_a_day(house, opened):
    async with house.working():
        recharge, link = await waits_for_customer(house)
        if opened:
            await opens(house, link)
        await house.environment.sleep(timedelta(hours=23))
        assert (await row(house, recharge)).status == "requires_action"
        assert await ended(house, recharge) == "canceled"
        found = await row(house, recharge)
        assert timedelta(hours=24) <= found.finished_at - found.created_at < timedelta(hours=24, minutes=5)
        assert (await shown(house, recharge))["failure"]["code"] == "action_expired"
        assert await balance(house) == ("0.00", "0.00")
        # The link is dead, and so is the page of the bank behind it.
        assert "canceled" in (await opens(house, link)).lower()
        assert [one.status for one in await intents(house)] == ["canceled"]
        if opened:
            with pytest.raises(AssertionError, match="does not wait for authentication"):
                await customer(house, recharge, "succeed")
        await house.deliver_events()
        assert [one.status for one in await charges(house)] == ["failed"]
        assert await house.notices() == ["action_needed", "recharge_canceled"]
        await house.record(f"recharge/action_expired{'_opened' * opened}", f"recharge/{recharge['id']}")


async def test_the_customer_confirms_while_the_day_ends(house):
    """The timer asks the processor, whose word decides."""
    async with house.working():
        recharge, link = await waits_for_customer(house)
        await opens(house, link)
        await house.environment.sleep(timedelta(hours=23))
        await customer(house, recharge, "succeed")
        assert await ended(house, recharge) == "succeeded"
        assert await balance(house) == ("50.00", "0.00")
        assert (await shown(house, recharge))["failure"] is None


async def test_the_failure_of_the_first_attempt_arrives_while_the_second_runs(house):
    """Outcomes are the newest attempt's: an event of the one before is a hint to look, and no more."""
    async with house.working():
        recharge, link = await waits_for_customer(house)
        page = await opens(house, link)
        await house.deliver_events()
        await becomes(house, recharge, lambda found: found.action_url == page)
        assert "look" in await steps(house, recharge)
        before = await row(house, recharge)
        assert before.status == "requires_action"
        # Nor does the step of the first attempt, were it thought dead and to answer only now.
        async with house.database.transaction() as session:
            late = Outcome(state=State.PROCESSING, attempt=1, charge="ch_late")
            found = await recharges.locked(session, account_id=house.account.id, recharge_id=recharge["id"])
            told = await attempts.record(
                session, found, late, action_url=None, action_digest="late", failure=None, now=house.now()
            )
            assert told == late
        assert (await row(house, recharge)).model_dump() == before.model_dump()
        await customer(house, recharge, "succeed")
        await house.deliver_events()
        assert await ended(house, recharge) == "succeeded"
        assert await balance(house) == ("50.00", "0.00")
        await house.record("recharge/old_news", f"recharge/{recharge['id']}")


async def test_the_worker_is_restarted_while_the_customer_is_awaited(house):
    async with house.working(cache=0):
        recharge, link = await waits_for_customer(house)
    async with house.working(cache=0):
        await opens(house, link)
    async with house.working(cache=0):
        await house.environment.sleep(timedelta(hours=20))
    await customer(house, recharge, "succeed")
    await house.deliver_events()
    async with house.working(cache=0):
        assert await ended(house, recharge) == "succeeded"
    assert await balance(house) == ("50.00", "0.00")
    assert (await newest_attempt(house, recharge)).number == 2
    await house.record("recharge/restarted_while_the_customer_is_awaited", f"recharge/{recharge['id']}")


async def test_a_payment_altered_before_it_was_confirmed_is_canceled(house):
    async with house.working():
        recharge, link = await waits_for_customer(house)
        found = await row(house, recharge)
        await house.stripe.v1.payment_intents.update_async(found.payment_intent, {"amount": 100})
        await opens(house, link)
        assert await ended(house, recharge) == "failed"
        assert (await shown(house, recharge))["failure"]["code"] == "payment_altered"
        assert await balance(house) == ("0.00", "0.00")
        assert [one.status for one in await intents(house)] == ["canceled"]
        assert await times_told(house, "recharge_altered", 1)
        await house.record("recharge/altered", f"recharge/{recharge['id']}")


async def test_a_payment_altered_and_paid_stays_open_and_operators_are_told_daily(house):
    async with house.working():
        recharge, link = await waits_for_customer(house)
        await opens(house, link)
        found = await row(house, recharge)
        await house.stripe.v1.payment_intents.update_async(found.payment_intent, {"amount": 100})
        await customer(house, recharge, "succeed")
        await house.deliver_events()
        assert await times_told(house, "recharge_altered", 1)
        for times in (2, 3):
            await house.pass_days(1.01)
            assert await times_told(house, "recharge_altered", times)
        assert await balance(house) == ("0.00", "0.00"), "nobody knows what of it will come"
        assert (await row(house, recharge)).finished_at is None
        assert "altered" in str((await handle(house, recharge).describe()).typed_search_attributes)
        await house.record("recharge/altered_and_paid", f"recharge/{recharge['id']}")


async def test_a_card_without_an_answer_is_asked_for_less_and_less(house):
    """Seven weeks of silence are some looks, not tens of thousands: a history has room for 51,200 events."""
    async with house.working():
        recharge, link = await waits_for_customer(house)
        await opens(house, link)
        found = await row(house, recharge)
        await house.stripe.v1.payment_intents.update_async(found.payment_intent, {"capture_method": "manual"})
        await customer(house, recharge, "succeed")
        await house.deliver_events()
        await becomes(house, recharge, lambda found: found.status == "processing")
        await house.pass_days(0.1)
        await house.record("recharge/card_in_processing", f"recharge/{recharge['id']}")
        await house.pass_days(49)
        assert 49 < (await steps(house, recharge)).count("look") < 70
        await house.stripe.v1.payment_intents.capture_async(found.payment_intent)
        await house.deliver_events()
        assert await ended(house, recharge) == "succeeded"
        assert await balance(house) == ("50.00", "0.00")
