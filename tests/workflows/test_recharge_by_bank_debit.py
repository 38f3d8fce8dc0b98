"""A recharge by bank debit, as business days pass: real workflow, database and sandbox; only time is skipped."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from rules.declines import ACH_RETURNS
from rules.settlement import expected_on, watchdog_at
from tests.workflows.recharging import (
    ask,
    at_noon,
    balance,
    bank_on_file,
    charges,
    ended,
    handle,
    intents,
    row,
    shown,
    steps,
    submitted,
    times_told,
    to_the_watchdog,
)


async def test_settled_on_day_four_as_the_processor_says(house):
    async with house.working():
        bank = await bank_on_file(house)
        await at_noon(house)
        recharge = await ask(house, bank)
        found = await submitted(house, recharge)
        assert found.expected_on == expected_on(house.time).on
        assert (recharge["status"], await balance(house)) == ("processing", ("0.00", "50.00"))
        await house.pass_days(3)
        await house.control("clock", {"advance_business_days": 4})
        await house.deliver_events()
        assert await ended(house, recharge) == "succeeded"
        assert await balance(house) == ("50.00", "0.00")
        assert (await shown(house, recharge))["expected_on"] == found.expected_on.isoformat()
        assert [one.status for one in await charges(house)] == ["succeeded"]
        assert (await house.notices())[-1] == "recharge_settled"
        assert "recharge_overdue" not in await house.notices()
        await house.record("recharge/settled_on_day_4", f"recharge/{recharge['id']}")


async def test_without_any_signal_the_watchdog_finds_it(house):
    """E10: at 21:00 Eastern of the expected date."""
    async with house.working():
        bank = await bank_on_file(house)
        await at_noon(house)
        recharge = await ask(house, bank)
        found = await submitted(house, recharge)
        await house.control("clock", {"advance_business_days": 4})
        await to_the_watchdog(house, found, minutes=-5)
        assert (await row(house, recharge)).status == "processing"
        assert await ended(house, recharge) == "succeeded"
        finished = (await row(house, recharge)).finished_at
        assert watchdog_at(found.expected_on) <= finished < watchdog_at(found.expected_on) + timedelta(minutes=5)
        assert await balance(house) == ("50.00", "0.00")
        assert "recharge_overdue" not in await house.notices()
        await house.record("recharge/found_by_the_watchdog", f"recharge/{recharge['id']}")


@pytest.mark.parametrize("code", ["R01", "R02", "R10"])
async def test_returned_before_success(house, code):
    async with house.working():
        bank = await bank_on_file(house)
        await at_noon(house)
        recharge = await ask(house, bank)
        found = await submitted(house, recharge)
        await house.pass_days(1)
        await house.control(f"payment_intents/{found.payment_intent}/return", {"code": code})
        await house.deliver_events()
        assert await ended(house, recharge) == "failed"
        assert await balance(house) == ("0.00", "0.00")
        failure = (await shown(house, recharge))["failure"]
        assert (failure["code"], failure["retry"]) == (code, "later" if code == "R01" else "other_method")
        assert failure["message"] == f"The bank returned the debit: {ACH_RETURNS[code]} ({code})."
        assert (await house.notices()).count("recharge_failed") == 1
        assert [one.status for one in await intents(house)] == ["canceled"]
        await house.record(f"recharge/failed_{code.lower()}", f"recharge/{recharge['id']}")


async def test_no_answer_by_day_four_operators_are_told_daily_settled_two_days_later(house):
    async with house.working():
        bank = await bank_on_file(house)
        await at_noon(house)
        recharge = await ask(house, bank)
        found = await submitted(house, recharge)
        for days in (0, 1):
            await to_the_watchdog(house, found, days=days)
            assert await times_told(house, "recharge_overdue", days + 1)
        assert await balance(house) == ("0.00", "50.00")
        await house.control(f"payment_intents/{found.payment_intent}/settle")
        await house.deliver_events()
        assert await ended(house, recharge) == "succeeded"
        assert await balance(house) == ("50.00", "0.00")
        assert (await house.notices()).count("recharge_overdue") == 2
        told = [one["what"] for one in (await shown(house, recharge))["timeline"]]
        assert told == ["created", "payment_created", "submitted", "overdue", "overdue", "confirmed", "succeeded"]
        await house.record("recharge/overdue_then_settled", f"recharge/{recharge['id']}")


async def test_after_days_without_a_worker_operators_are_told_once(house, monkeypatch):
    """This server skips no time that no worker is there for: the debit is as old as if one had been away."""
    async with house.working():
        bank = await bank_on_file(house)
        await at_noon(house)
        long_ago = replace(expected_on(house.time), on=house.time.date() - timedelta(days=3))
        monkeypatch.setattr("store.attempts.expected_on", lambda _: long_ago)
        recharge = await ask(house, bank)
        found = await submitted(house, recharge)
        assert await times_told(house, "recharge_overdue", 1)
        for days in (3, 4):
            await to_the_watchdog(house, found, days=days)
            assert await times_told(house, "recharge_overdue", days - 1)
        looks = [one for one in await steps(house, recharge) if one == "look"]
        assert len(looks) == 3


async def test_the_worker_is_restarted_in_each_wait(house):
    """Without a cache, so that each worker builds the workflow from its history."""
    async with house.working(cache=0):
        bank = await bank_on_file(house)
        await at_noon(house)
        recharge = await ask(house, bank)
        found = await submitted(house, recharge)
    async with house.working(cache=0):
        await to_the_watchdog(house, found)
        assert await times_told(house, "recharge_overdue", 1)
    async with house.working(cache=0):
        await handle(house, recharge).signal("look")
        await to_the_watchdog(house, found, days=1)
        assert await times_told(house, "recharge_overdue", 2)
    await house.control(f"payment_intents/{found.payment_intent}/settle")
    await house.deliver_events()
    async with house.working(cache=0):
        assert await ended(house, recharge) == "succeeded"
    assert await balance(house) == ("50.00", "0.00")
    assert len(await charges(house)) == 1
    await house.record("recharge/restarted_in_each_wait", f"recharge/{recharge['id']}")


async def test_canceled_on_the_processors_dashboard(house):
    async with house.working():
        bank = await bank_on_file(house)
        await at_noon(house)
        recharge = await ask(house, bank)
        found = await submitted(house, recharge)
        await house.stripe.v1.payment_intents.cancel_async(found.payment_intent)
        await house.deliver_events()
        assert await ended(house, recharge) == "canceled"
        assert await balance(house) == ("0.00", "0.00")
        assert (await house.notices())[-1] == "recharge_canceled"
        await house.record("recharge/canceled_on_the_dashboard", f"recharge/{recharge['id']}")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("UPDATE bank_account SET status = 'blocked'", "method_blocked"),
        ("UPDATE mandate SET status = 'inactive'", "method_without_mandate"),
        ("UPDATE bank_account SET removal_requested_at = created_at", "method_removed"),
    ],
)
async def test_what_happens_to_the_bank_account_before_the_confirm_is_no_outage(house, change, code):
    async with house.working(cache=0):
        bank = await bank_on_file(house)
        await at_noon(house)
    recharge = await ask(house, bank)
    async with house.database.transaction() as session:
        await session.execute(text(change))
    async with house.working(cache=0):
        assert await ended(house, recharge) == "failed"
    failure = (await shown(house, recharge))["failure"]
    assert (failure["code"], failure["retry"]) == (code, "other_method")
    assert await balance(house) == ("0.00", "0.00")
    assert await charges(house) == []
    assert [one.status for one in await intents(house)] == ["canceled"]
    await house.record(f"recharge/{code}", f"recharge/{recharge['id']}")


async def test_blocked_at_the_processor_before_we_hear_of_it(house):
    async with house.working():
        bank = await bank_on_file(house)
        await at_noon(house)
        first = await ask(house, bank, key="first")
        found = await submitted(house, first)
        await house.control(f"payment_intents/{found.payment_intent}/return", {"code": "R02"})
        second = await ask(house, bank, key="second")
        assert await ended(house, second) == "failed"
        assert (await shown(house, second))["failure"]["code"] == "R02"
        assert await balance(house) == ("0.00", "50.00")


async def test_the_day_counts_from_the_confirm(house, monkeypatch):
    """E9: the POST stores an estimate from its own time; the confirm overwrites it, here after a night's outage."""
    async with house.working():
        bank = await bank_on_file(house)
        await at_noon(house)

        async def unreached(*_):
            return None

        monkeypatch.setattr("api.recharges.hand_over_now", unreached)
        recharge = await ask(house, bank)
        estimate = (await row(house, recharge)).expected_on
        await house.pass_days(0.5)
        await house.hand_over()
        found = await submitted(house, recharge)
        assert estimate == expected_on(found.created_at).on
        assert found.expected_on == expected_on(await house.sync()).on > estimate


async def test_the_day_counts_from_the_try_that_the_processor_took(house):
    """E9: the first try is before the cut-off, the processor takes the debit after it."""
    async with house.working():
        bank = await bank_on_file(house)
        await at_noon(house)
        await house.pass_days((9 * 60 - 2) / (24 * 60))
        await house.control("faults", {"path": "*/confirm", "kind": "rate_limit", "times": 8})
        recharge = await ask(house, bank)
        estimate = (await row(house, recharge)).expected_on
        before = await house.sync()
        await house.pass_days(10 / (24 * 60))
        found = await submitted(house, recharge)
        assert estimate == expected_on(before).on
        assert found.expected_on == expected_on(await house.sync()).on > estimate
