"""A card put on file, read anew and taken off: the row is there first, the workflow makes the processor agree."""

import asyncio

import pytest

from store import cards
from tests.workflows.recharging import OUTAGES, as_it_is

ATTACH, DETACH = "/v1/payment_methods/*/attach", "/v1/payment_methods/*/detach"


async def row(house, card):
    async with house.database.transaction() as session:
        return await cards.find(session, account_id=house.account.id, card_id=card["id"])


async def at_processor(house, card):
    return await house.processor.retrieve_method((await row(house, card)).payment_method)


async def becomes(house, card, status):
    async def read(session):
        return await cards.find(session, account_id=house.account.id, card_id=card["id"])

    return await house.until("prepay_card", card["id"], lambda found: found.status == status, read)


@pytest.fixture
def impatient(monkeypatch):
    """The API answers as it is at once: what follows is the workflow's alone."""
    monkeypatch.setattr("api.cards.until", as_it_is)


async def asked(house, token):
    """A card that is being attached."""
    assert (await house.post("cards", {"payment_method": token})).status_code == 503
    return (await house.get("cards"))["data"][0]


async def own_method(house):
    """A method of the processor that stays the same one, as a token of a real card does."""
    return await house.stripe.v1.payment_methods.create_async({"type": "card", "card": {"token": "tok_visa"}})


async def test_attached_and_detached(house):
    async with house.working():
        card = await house.add_card()
        assert (card["status"], card["brand"], card["last4"], card["default"]) == ("active", "visa", "4242", True)
        assert (await at_processor(house, card)).customer is not None
        assert (await house.delete(f"cards/{card['id']}")).json()["status"] == "removed"
        assert (await at_processor(house, card)).customer is None
        assert await house.finished(f"card/{card['id']}") == "active"
        assert await house.finished(f"card/{card['id']}/detach") == "removed"
        await house.record("payment_method/attached", f"card/{card['id']}")
        await house.record("payment_method/detached", f"card/{card['id']}/detach")


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("pm_card_chargeDeclinedExpiredCard", "expired_card"),
        ("pm_card_chargeDeclined", "generic_decline"),
        ("pm_usBankAccount_success", "payment_method_not_a_card"),
        ("pm_unknown", "resource_missing"),
    ],
)
async def test_a_card_that_the_processor_does_not_take(house, token, code):
    async with house.working():
        answer = await house.post("cards", {"payment_method": token})
        card = (await house.get("cards"))["data"][0]
        assert (card["status"], card["failure"]["code"]) == ("failed", code), answer.text
        assert await house.finished(f"card/{card['id']}") == "failed"
        await house.record(f"payment_method/{code}", f"card/{card['id']}")


async def test_attaching_and_detaching_through_outages(house, impatient):
    async with house.working():
        for outage in OUTAGES:
            what = str(outage)
            method = await own_method(house)
            for path in (ATTACH, DETACH):
                await house.control("faults", {"method": "POST", "path": path} | outage)
            card = await asked(house, method.id)
            assert await house.finished(f"card/{card['id']}") == "active", what
            assert (await at_processor(house, card)).customer is not None, what
            await house.delete(f"cards/{card['id']}")
            assert await house.finished(f"card/{card['id']}/detach") == "removed", what
            assert (await at_processor(house, card)).customer is None, what
            found = (await house.control("faults", method="GET"))["data"]
            assert all(one["fired"] == one["times"] for one in found), what


async def test_keys_forgotten_between_a_lost_answer_and_the_next_try(house, impatient):
    """The look finds the card where it belongs."""
    method = await own_method(house)
    async with house.working():
        await house.control("faults", {"method": "POST", "path": ATTACH, "kind": "drop_after", "times": 1})
        card = await asked(house, method.id)
        while (await house.processor.retrieve_method(method.id)).customer is None:
            continue
        await house.control("idempotency_keys/forget")
        assert await house.finished(f"card/{card['id']}") == "active"


async def test_taken_off_while_it_was_being_attached(house, impatient):
    method = await own_method(house)
    async with house.working():
        await house.control("faults", {"method": "POST", "path": ATTACH, "kind": "slow", "seconds": 1, "times": 1})
        card = await asked(house, method.id)
        while not (await house.control("faults", method="GET"))["data"][0]["fired"]:
            continue
        await house.delete(f"cards/{card['id']}")
        assert await house.finished(f"card/{card['id']}/detach") == "removed"
        assert await house.finished(f"card/{card['id']}") == "removed"
        assert (await house.processor.retrieve_method(method.id)).customer is None
        await house.record("payment_method/taken_off_meanwhile", f"card/{card['id']}")


async def test_the_worker_is_restarted_before_each_step(house, impatient):
    card = await asked(house, "pm_card_visa")
    async with house.working(cache=0):
        assert await house.finished(f"card/{card['id']}") == "active"
    assert (await house.delete(f"cards/{card['id']}")).status_code in {200, 503}
    async with house.working(cache=0):
        assert await house.finished(f"card/{card['id']}/detach") == "removed"


async def test_what_the_network_renewed_is_read_anew(house):
    async with house.working():
        card = await house.add_card()
        method = (await row(house, card)).payment_method
        await house.deliver_events()
        await house.stripe.v1.payment_methods.update_async(method, {"card": {"exp_month": 1, "exp_year": 2039}})
        await house.deliver_events()
        found = await asyncio.wait_for(_expires(house, card, 2039), 20)
        assert (found.exp_month, found.status) == (1, "active")


async def _expires(house, card, year):
    async def read(session):
        return await cards.find(session, account_id=house.account.id, card_id=card["id"])

    return await house.until("prepay_card", card["id"], lambda found: found.exp_year == year, read)


async def test_detached_on_the_processors_dashboard(house):
    async with house.working():
        card = await house.add_card()
        await house.deliver_events()
        await house.stripe.v1.payment_methods.detach_async((await row(house, card)).payment_method)
        await house.deliver_events()
        await becomes(house, card, "removed")
        assert (await house.get(f"cards/{card['id']}"))["default"] is False
