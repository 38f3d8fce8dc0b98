"""Outages of the processor, lost answers and strays: still one charge, one credit, and no wait of a day."""

from datetime import timedelta

import pytest

from store import customers
from tests.workflows.recharging import OUTAGES, as_it_is, ask, balance, charges, ended, intents, row, shown

CREATE, CONFIRM, CANCEL = "/v1/payment_intents", "/v1/payment_intents/*/confirm", "/v1/payment_intents/*/cancel"


@pytest.fixture
def impatient(monkeypatch):
    """The API answers as it is after an instant: what follows is the workflow's alone."""
    monkeypatch.setattr("api.recharges.until", as_it_is)


async def faults(house, path, outage):
    await house.control("faults", {"method": "POST", "path": path} | outage)


async def all_struck(house):
    """Whether each fault was met as often as it was set; none is left."""
    found = (await house.control("faults", method="GET"))["data"]
    await house.control("faults", method="DELETE")
    return all(one["fired"] == one["times"] for one in found)


async def test_creating_and_confirming(house, impatient):
    async with house.working():
        card = await house.add_card()
        for outage in OUTAGES:
            what = str(outage)
            await faults(house, CREATE, outage)
            await faults(house, CONFIRM, outage)
            recharge = await ask(house, card, key=what)
            assert await ended(house, recharge) == "succeeded", what
            assert await all_struck(house), what
            found = await row(house, recharge)
            assert found.finished_at - found.created_at < timedelta(minutes=2), what
            own = [one.status for one in await intents(house) if one.metadata.to_dict()["recharge"] == recharge["id"]]
            assert own.count("succeeded") == 1, what
            assert set(own) <= {"succeeded", "canceled"}, what
        assert [one.status for one in await charges(house)] == ["succeeded"] * len(OUTAGES)
        assert await balance(house) == (f"{50 * len(OUTAGES)}.00", "0.00")


async def test_giving_up(house, impatient):
    async with house.working():
        card = await house.add_card("pm_card_chargeCustomerFail")
        for outage in OUTAGES:
            what = str(outage)
            await faults(house, CANCEL, outage)
            recharge = await ask(house, card, key=what)
            assert await ended(house, recharge) == "failed", what
            assert await all_struck(house), what
            assert (await shown(house, recharge))["failure"]["code"] == "generic_decline", what
        assert [one.status for one in await intents(house)] == ["canceled"] * len(OUTAGES)
        assert [one.status for one in await charges(house)] == ["failed"] * len(OUTAGES)
        assert await balance(house) == ("0.00", "0.00")


async def test_keys_are_forgotten_between_a_lost_answer_and_the_next_try(house, impatient):
    async with house.working(cache=0):
        card = await house.add_card()
        await faults(house, CONFIRM, {"kind": "drop_after", "times": 1})
        recharge = await ask(house, card)
        while not await charges(house):
            continue
        await house.control("idempotency_keys/forget")
        assert await ended(house, recharge) == "succeeded"
        assert [one.status for one in await charges(house)] == ["succeeded"]
        assert await balance(house) == ("50.00", "0.00")


async def test_the_id_of_the_payment_was_lost_and_there_is_a_stray(house, impatient):
    """The first one found by listing is the recharge's; the other is canceled, and was never confirmed."""
    async with house.working(cache=0):
        card = await house.add_card()
    recharge = await ask(house, card)
    async with house.database.transaction() as session:
        customer = await customers.find(session, house.account.id)
    first = await house.stripe.v1.payment_intents.create_async(
        {
            "amount": 5000,
            "currency": "usd",
            "customer": customer,
            "allowed_payment_method_types": ["card", "us_bank_account"],
            "metadata": {"account": house.account.id, "recharge": recharge["id"]},
        }
    )
    await faults(house, CREATE, {"kind": "drop_after", "times": 1})
    async with house.working(cache=0):
        assert await ended(house, recharge) == "succeeded"
    assert (await row(house, recharge)).payment_intent == first.id
    assert [one.status for one in await intents(house)] == ["canceled", "succeeded"]
    assert [one.status for one in await charges(house)] == ["succeeded"]
    await house.record("recharge/stray_canceled", f"recharge/{recharge['id']}")


async def test_the_card_is_removed_between_row_and_confirm(house, impatient, monkeypatch):
    async with house.working(cache=0):
        card = await house.add_card()
    monkeypatch.setattr("api.cards.until", as_it_is)
    recharge = await ask(house, card)
    await house.delete(f"cards/{card['id']}")
    async with house.working(cache=0):
        assert await ended(house, recharge) == "failed"
    assert (await shown(house, recharge))["failure"]["code"] == "method_removed"
    assert await balance(house) == ("0.00", "0.00")
    assert await charges(house) == []
    assert await house.notices() == ["recharge_failed"]
    await house.record("recharge/card_removed", f"recharge/{recharge['id']}")
