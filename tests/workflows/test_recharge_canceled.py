"""Cancel: while the customer is awaited, on the debit's own banking day, too late, early, racing with the answer."""

import asyncio

import pytest

from tests.workflows.recharging import (
    ask,
    at_noon,
    balance,
    bank_on_file,
    charges,
    ended,
    intents,
    row,
    shown,
    steps,
    submitted,
)


async def cancel(house, recharge):
    return await house.post(f"recharges/{recharge['id']}/cancel", {})


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr("api.updates.PATIENCE_SECONDS", 0.5)


async def test_while_the_customer_is_awaited(house):
    async with house.working():
        card = await house.add_card("pm_card_authenticationRequired")
        recharge = await ask(house, card)
        for _ in range(2):
            answer = await cancel(house, recharge)
            assert (answer.status_code, answer.json()["status"]) == (200, "canceled")
        assert await ended(house, recharge) == "canceled"
        assert await balance(house) == ("0.00", "0.00")
        assert (await shown(house, recharge))["failure"] is None
        assert [one.status for one in await intents(house)] == ["canceled"]
        link = recharge["action_url"].removeprefix("http://prepay.test")
        assert "canceled" in (await house.api.anyone.get(link)).text
        await house.record("recharge/canceled_while_the_customer_is_awaited", f"recharge/{recharge['id']}")


async def test_a_bank_debit_on_its_own_banking_day(house):
    async with house.working():
        bank = await bank_on_file(house)
        await at_noon(house)
        recharge = await ask(house, bank)
        await submitted(house, recharge)
        answer = await cancel(house, recharge)
        assert (answer.status_code, answer.json()["status"]) == (200, "canceled")
        assert await ended(house, recharge) == "canceled"
        assert await balance(house) == ("0.00", "0.00")
        assert [one.status for one in await charges(house)] == ["failed"]
        assert (await house.notices())[-1] == "recharge_canceled"
        await house.record("recharge/debit_canceled", f"recharge/{recharge['id']}")


async def test_a_bank_debit_too_late(house):
    async with house.working():
        bank = await bank_on_file(house)
        await at_noon(house)
        recharge = await ask(house, bank)
        found = await submitted(house, recharge)
        await house.control("clock", {"advance_business_days": 1})
        answer = await cancel(house, recharge)
        assert (answer.status_code, answer.json()["code"]) == (409, "not_cancelable")
        assert (await row(house, recharge)).status == "processing"
        assert await balance(house) == ("0.00", "50.00")
        await house.control(f"payment_intents/{found.payment_intent}/settle")
        await house.deliver_events()
        assert await ended(house, recharge) == "succeeded"
        await house.record("recharge/cancel_too_late", f"recharge/{recharge['id']}")


async def test_the_debit_has_settled_and_we_were_not_told(house):
    async with house.working():
        bank = await bank_on_file(house)
        await at_noon(house)
        recharge = await ask(house, bank)
        found = await submitted(house, recharge)
        await house.control(f"payment_intents/{found.payment_intent}/settle")
        answer = await cancel(house, recharge)
        assert (answer.status_code, answer.json()["code"]) == (409, "not_cancelable")
        assert await ended(house, recharge) == "succeeded"
        assert await balance(house) == ("50.00", "0.00")


async def test_racing_with_the_settlement(house):
    """The processor lets one of the two win, and we follow it."""
    async with house.working():
        bank = await bank_on_file(house)
        await at_noon(house)
        made = [await ask(house, bank, key=f"race {n}") for n in range(6)]
        found = [await submitted(house, one) for one in made]
        await asyncio.gather(
            *(cancel(house, one) for one in made[:3]),
            *(settle(house, one) for one in found),
            *(cancel(house, one) for one in made[3:]),
        )
        await house.deliver_events()
        for one in made:
            await ended(house, one)
        by_intent = {one.id: one.status for one in await intents(house)}
        rows = [await row(house, one) for one in made]
        assert [one.status for one in rows] == [by_intent[one.payment_intent] for one in rows]
        paid = sum(one.status == "succeeded" for one in rows)
        assert await balance(house) == (f"{50 * paid}.00", "0.00")
        assert [one.status for one in await charges(house)].count("succeeded") == paid


async def settle(house, found):
    """Settle, where nobody was faster."""
    try:
        await house.control(f"payment_intents/{found.payment_intent}/settle")
    except AssertionError as refused:
        if "Only a processing PaymentIntent settles" not in str(refused):
            raise


async def test_before_the_payment_was_made(house, impatient):
    async with house.working(cache=0):
        bank = await bank_on_file(house)
        await at_noon(house)
    recharge = await ask(house, bank)
    assert (await cancel(house, recharge)).status_code == 503
    async with house.working(cache=0):
        assert await ended(house, recharge) == "canceled"
        assert (await cancel(house, recharge)).json()["status"] == "canceled"
    assert await intents(house) == []
    assert await balance(house) == ("0.00", "0.00")
    await house.record("recharge/canceled_before_it_was_made", f"recharge/{recharge['id']}")


async def test_while_the_payment_is_being_made(house):
    """A cancel that comes between the creation and the confirm goes first."""
    async with house.working():
        bank = await bank_on_file(house)
        await at_noon(house)
        await house.control("faults", {"method": "POST", "path": "/v1/payment_intents", "kind": "slow", "seconds": 1})
        recharge = await ask(house, bank)
        while not (await house.control("faults", method="GET"))["data"][0]["fired"]:
            continue
        answer = await cancel(house, recharge)
        assert (answer.status_code, answer.json()["status"]) == (200, "canceled")
        assert await ended(house, recharge) == "canceled"
        assert await charges(house) == []
        assert [one.status for one in await intents(house)] == ["canceled"]
        assert await steps(house, recharge) == ["create_intent", "cancel", "finish"]
        await house.record("recharge/canceled_while_it_was_made", f"recharge/{recharge['id']}")
