"""D8: a returned bank debit is presented again twice at most, and for R01 and R09 alone."""

from datetime import datetime, timedelta

import pytest

from rules.settlement import watchdog_at
from sandbox.stripe import bank_debits
from tests.workflows.auto_recharging import (
    DAY,
    HOUR,
    about,
    at_processor,
    bring_to,
    episode_ended,
    held_at,
    only,
    put,
    recharges_of,
    seen,
    stands,
    tries,
    until,
    wait_until,
)
from tests.workflows.recharging import at_noon, balance, bank_on_file, charges, intents, times_told

R02 = {"network_code": "R02", "reason": "bank_account_closed"}


async def with_bank(house, token="pm_usBankAccount_success", *, backup=False, **settings):
    """Auto-recharge by bank debit; with ``backup`` the card that has to be there stands in. Gives the bank account."""
    bank = await bank_on_file(house, token)
    await bring_to(house, "100.00")
    if backup:
        (card,) = (await house.get("cards"))["data"]
        settings["backup_payment_method"] = card["id"]
    await put(house, payment_method=bank["id"], **settings)
    await at_noon(house)
    return bank


async def debited(house, times=1):
    """The recharge once its confirm number ``times`` is at the bank."""
    await seen(lambda: tries(house), lambda made: len(made) == times and made[-1].outcome == "processing")
    return await only(house)


async def lifted(house):
    """Whether it is; the wake that came with it is handed over after that was seen, for before it may not be there."""
    is_lifted = (await stands(house))["state"] != "paused"
    await house.hand_over()
    return is_lifted


async def returned(house, code):
    await house.control(f"payment_intents/{(await only(house)).payment_intent}/return", {"code": code})
    await house.deliver_events()


async def test_settled_after_four_business_days_and_in_t_meanwhile(house):
    async with house.working():
        await with_bank(house)
        await bring_to(house, "20.00")
        await debited(house)
        assert await balance(house) == ("20.00", "50.00")
        await bring_to(house, "-29.99")  # T is 20.01
        await held_at(house, "charging")
        await house.control("clock", {"advance_business_days": 4})
        await house.deliver_events()
        await episode_ended(house)
        assert (await only(house)).status == "succeeded"
        assert await balance(house) == ("20.01", "0.00")
        assert (await stands(house))["state"] == "watching"


async def test_t_reaches_the_minimum_while_a_debit_is_on_its_way_and_it_is_tested_after_success(house):
    """One in flight at a time (D5); what fell meanwhile is seen when it has ended."""
    async with house.working():
        await with_bank(house)
        await bring_to(house, "20.00")
        await debited(house)
        await bring_to(house, "-40.00")
        await held_at(house, "charging")
        assert len(await tries(house)) == 1
        await house.control("clock", {"advance_business_days": 4})
        await house.deliver_events()
        await seen(lambda: tries(house), lambda made: len(made) == 2 and made[1].outcome == "processing")
        assert await balance(house) == ("10.00", "50.00")


async def test_r01_twice_more_by_rungs_then_the_back_up(house):
    async with house.working():
        bank = await with_bank(house, backup=True)
        await bring_to(house, "20.00")
        for times, rung in ((1, HOUR), (2, DAY)):
            await debited(house, times)
            await returned(house, "R01")
            shown = await until(house, "retrying")
            made = await tries(house)
            due = datetime.fromisoformat(shown["next_attempt_at"])
            assert about(due - made[-1].ended_at, rung)
            await bring_to(house, f"{times}.00")  # no steps for a bank debit
            await wait_until(house, due, past=timedelta(minutes=-2))
            assert len(await tries(house)) == times
            await wait_until(house, due)
        await debited(house, 3)
        await returned(house, "R01")
        await episode_ended(house)
        made = await tries(house)
        assert [one.trigger for one in made] == ["first", "rung", "rung", "backup"]
        assert [one.method_id for one in made[:3]] == [bank["id"]] * 3
        assert (await only(house)).status == "succeeded"
        assert len(await intents(house)) == 1, "the same entry, the same amount"
        assert {one.amount for one in await charges(house)} == {5000}
        assert [one.status for one in await charges(house)] == ["failed"] * 3 + ["succeeded"]
        assert (await stands(house))["state"] == "watching"


async def test_r01_three_times_without_a_back_up_pauses(house):
    async with house.working():
        await with_bank(house)
        await bring_to(house, "20.00")
        for times in (1, 2):
            await debited(house, times)
            await returned(house, "R01")
            shown = await until(house, "retrying")
            await wait_until(house, shown["next_attempt_at"])
        await debited(house, 3)
        await returned(house, "R01")
        await episode_ended(house)
        shown = await stands(house)
        assert (shown["state"], shown["paused_reason"]) == ("paused", "R01")
        assert len(await tries(house)) == 3
        assert [one.status for one in await intents(house)] == ["canceled"]
        assert await balance(house) == ("20.00", "0.00")


@pytest.mark.parametrize("code", ["R02", "R10", "R08", "R16"])
async def test_another_return_is_not_presented_again(house, code):
    async with house.working():
        await with_bank(house)
        await bring_to(house, "20.00")
        await debited(house)
        await returned(house, code)
        await episode_ended(house)
        shown = await stands(house)
        assert (shown["state"], shown["paused_reason"]) == ("paused", code)
        assert len(await tries(house)) == 1
        assert len(await charges(house)) == 1
        assert await balance(house) == ("20.00", "0.00")


async def test_r02_and_the_back_up_pays_at_once(house):
    async with house.working():
        await with_bank(house, backup=True)
        await bring_to(house, "20.00")
        await debited(house)
        await returned(house, "R02")
        await episode_ended(house)
        assert [one.trigger for one in await tries(house)] == ["first", "backup"]
        assert await balance(house) == ("70.00", "0.00")


async def blocked(house, bank):
    """Blocked at the processor, and here."""
    world = house.sandbox._world
    with world.store.transaction():
        bank_debits.set_block(world, world.get("payment_method", await at_processor(house, bank)), R02)
    await house.deliver_events()
    await seen(lambda: status(house, bank), lambda found: found == "blocked")


async def status(house, bank):
    await house.hand_over()
    return (await house.get(f"bank_accounts/{bank['id']}"))["status"]


async def test_a_blocked_bank_account_pauses_and_unblocked_it_lifts_the_pause(house):
    async with house.working():
        bank = await with_bank(house)
        await bring_to(house, "20.00")
        await debited(house)
        await returned(house, "R01")
        shown = await until(house, "retrying")
        await blocked(house, bank)
        await wait_until(house, shown["next_attempt_at"])
        assert (await until(house, "paused"))["paused_reason"] == "method_blocked"
        assert [one.status for one in await charges(house)] == ["failed"], "the bank was not asked again"
        await house.control(f"payment_methods/{await at_processor(house, bank)}/unblock", {})
        await house.deliver_events()
        await seen(lambda: lifted(house))
        assert "resumed" in [one["what"] for one in (await stands(house))["decisions"]]
        await seen(lambda: recharges_of(house), lambda made: len(made) == 2)
        await seen(lambda: tries(house), lambda made: made[-1].outcome == "processing")
        assert await balance(house) == ("20.00", "50.00")


async def test_unblocked_without_its_authorization_it_lifts_nothing(house):
    """R02 has ended the mandate as well: the bank account stays blocked until it is removed."""
    async with house.working():
        bank = await with_bank(house)
        await bring_to(house, "20.00")
        await debited(house)
        await returned(house, "R02")
        await episode_ended(house)
        await seen(lambda: status(house, bank), lambda found: found == "blocked")
        await house.control(f"payment_methods/{await at_processor(house, bank)}/unblock", {})
        await house.deliver_events()
        await held_at(house, "paused")
        assert len(await charges(house)) == 1


async def test_no_answer_on_the_day_is_told_and_asked_for(house):
    async with house.working():
        await with_bank(house)
        await bring_to(house, "20.00")
        found = await debited(house)
        await wait_until(house, watchdog_at(found.expected_on), past=timedelta(minutes=5))
        await times_told(house, "recharge_overdue", 1)
        await house.control(f"payment_intents/{found.payment_intent}/settle")
        await episode_ended(house)
        assert (await only(house)).status == "succeeded"
        assert await balance(house) == ("70.00", "0.00")


async def test_the_bank_account_removed_while_its_debit_is_on_its_way(house):
    """The debit goes on; the next time there is nothing to charge but the default card, which was not chosen."""
    async with house.working():
        bank = await with_bank(house)
        await bring_to(house, "20.00")
        found = await debited(house)
        await house.control(f"payment_intents/{found.payment_intent}/settle")
        await house.deliver_events()
        await episode_ended(house)
        answer = await house.delete(f"bank_accounts/{bank['id']}")
        assert answer.status_code in {200, 202, 204}, answer.text
        await house.hand_over()
        await bring_to(house, "20.00")
        shown = await until(house, "paused")
        assert shown["paused_reason"] == "method_removed"
        assert [one.status for one in await charges(house)] == ["succeeded"]
