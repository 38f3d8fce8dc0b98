"""Bank accounts beside their verification: refused, made once, blocked, unblocked, removed."""

import asyncio

import pytest

from activities.bank_verifying import BankVerifying
from activities.banks import BankRef
from rules.bank_verification import Status
from sandbox.stripe import bank_debits, mandates
from store import bank_accounts
from store import mandates as proofs

R02 = {"network_code": "R02", "reason": "bank_account_closed"}


async def row(house, bank_id):
    async with house.database.transaction() as session:
        return await bank_accounts.get(session, account_id=house.account.id, bank_id=bank_id)


async def proof(house, bank_id):
    async with house.database.transaction() as session:
        return await proofs.of_bank(
            session, await bank_accounts.get(session, account_id=house.account.id, bank_id=bank_id)
        )


async def verified_bank(house, token="pm_usBankAccount_success"):
    await house.add_card()
    bank = await house.add_bank(token)
    answer = await house.post(f"bank_accounts/{bank['id']}/verify", {"code": "SM11AA"})
    assert answer.json()["status"] == "verified", answer.text
    await house.deliver_events()  # what came until here is old news
    return answer.json()


async def setups(house):
    return [one async for one in (await house.stripe.v1.setup_intents.list_async()).auto_paging_iter()]


async def until_status(house, bank, status):
    return await house.until(
        "prepay_bank_account", bank["id"], lambda found: found.status == status, lambda _: row(house, bank["id"])
    )


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("pm_nobody_knows_it", "payment_method_refused"),
        ("pm_card_visa", "bank_account_not_supported"),
    ],
)
async def test_what_is_no_us_bank_account_is_refused_and_takes_no_place(house, token, code):
    async with house.working():
        await house.add_card()
        answer = await house.post_bank(token)
        assert (answer.status_code, answer.json()["code"]) == (422, code)
        shown = await house.get(f"bank_accounts/{answer.json()['bank_account']}")
        assert (shown["status"], shown["failure"]["code"], shown["attempts_left"]) == ("verification_failed", code, 0)
        assert await setups(house) == []
        assert await house.notices() == []
        assert (await house.add_bank())["status"] == "verification_pending"


async def test_a_bank_account_that_is_another_customers_is_left_alone(house):
    async with house.working():
        await house.add_card()
        other = await house.processor.create_customer(account_id="somebody", key="other")
        method = await house.processor.retrieve_method("pm_usBankAccount_success")
        acceptance = {"customer_acceptance": {"type": "offline"}}
        setup = await house.stripe.v1.setup_intents.create_async(
            {"customer": other, "payment_method": method.id, "payment_method_types": ["us_bank_account"],
             "mandate_data": acceptance, "confirm": True}  # pyright: ignore[reportArgumentType]
        )  # fmt: skip
        await house.processor.verify_setup(setup.id, code="SM11AA", amounts=None, key="theirs")
        answer = await house.post_bank(method.id)
        assert (answer.status_code, answer.json()["code"]) == (422, "payment_method_refused")
        await house.delete(f"bank_accounts/{answer.json()['bank_account']}")
        assert (await house.processor.retrieve_method(method.id)).customer == other


async def test_one_that_the_processor_verifies_at_once_is_verified(house):
    async with house.working():
        await house.add_card()
        method = await house.processor.retrieve_method("pm_usBankAccount_success")
        world = house.sandbox._world
        with world.store.transaction():
            known = world.get("payment_method", method.id)
            known["_"]["verified"] = True
            world.save(known)
        bank = await house.add_bank(method.id)
        assert (bank["status"], bank["mandate"]["status"]) == ("verified", "active")
        assert await house.notices() == ["bank_verified", "mandate_copy"]


async def test_removed_while_the_setup_is_being_made(house):
    async with house.working():
        await house.add_card()
        await house.control(
            "faults", {"path": "/v1/setup_intents", "method": "POST", "kind": "slow", "seconds": 2, "times": 1}
        )
        adding = asyncio.create_task(house.post_bank())
        (bank,) = await house.until("prepay_bank_account", None, asked_for, lambda _: listed(house))
        removed = await house.delete(f"bank_accounts/{bank['id']}")
        assert removed.json()["status"] == "removed"
        assert (await adding).json()["status"] == "removed"
        assert await house.finished(f"verify/{bank['id']}") == "removed"
        assert [one.status for one in await setups(house)] == ["canceled"]


async def listed(house):
    return (await house.get("bank_accounts"))["data"]


def asked_for(banks):
    return banks and banks[0]["payment_method"] is not None


async def test_a_deposit_that_cannot_be_sent(house):
    async with house.working():
        await house.add_card()
        bank = await house.add_bank("pm_usBankAccount_failMicrodeposits")
        assert (bank["status"], bank["failure"]["code"]) == ("verification_failed", "microdeposit_failed")
        assert await house.notices() == ["bank_verification_failed"]
        assert await house.finished(f"verify/{bank['id']}") == "verification_failed"
        await house.record("bank_verification/deposit_not_sent", f"verify/{bank['id']}")


async def test_a_card_first_and_one_at_a_time(house):
    async with house.working():
        answer = await house.post_bank()
        assert (answer.status_code, answer.json()["code"]) == (409, "card_required")
        await house.add_card()
        bank = await house.add_bank()
        again = await house.add_bank()
        assert again["id"] == bank["id"]
        answer = await house.post_bank("pm_usBankAccount_noAccount")
        assert (answer.status_code, answer.json()["code"], answer.json()["bank_account"]) == (
            409, "bank_account_exists", bank["id"],
        )  # fmt: skip
        assert len(await setups(house)) == 1


async def test_sixteen_requests_at_once_are_one_bank_account(house):
    async with house.working():
        await house.add_card()
        answers = await asyncio.gather(*(house.post_bank() for _ in range(16)))
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.json()["id"] for answer in answers}) == 1
        assert len(await setups(house)) == 1


async def test_one_setup_though_its_answer_was_lost_and_its_key_forgotten(house):
    async with house.working():
        await house.add_card()
        await house.control("faults", {"path": "/v1/setup_intents", "method": "POST", "kind": "drop_after", "times": 1})
        forgetting = asyncio.create_task(forget_when_there_is_one(house))
        bank = await house.add_bank()
        await forgetting
        assert bank["microdeposit_type"] == "descriptor_code"
        (only,) = await setups(house)
        assert (await row(house, bank["id"])).setup_intent == only.id


async def forget_when_there_is_one(house):
    await house.until("prepay_bank_account", None, bool, lambda _: setups(house))
    await house.control("idempotency_keys/forget", {})


async def test_a_step_that_runs_again_after_it_verified_detaches_nothing(house):
    async with house.working():
        bank = await verified_bank(house)
    hands = BankVerifying(database=house.database, processor=house.processor)
    found = await hands.begin_verification(BankRef(house.account.id, bank["id"], house.now()))
    assert found.status == "verified"
    assert (await house.processor.retrieve_method(bank["payment_method"])).customer is not None


async def test_blocked_and_unblocked_as_the_processor_says(house):
    async with house.working():
        bank = await verified_bank(house)
        set_block(house, bank, R02)
        await house.deliver_events()
        assert (await until_status(house, bank, "blocked")).status_reason == "R02"
        shown = await house.get(f"bank_accounts/{bank['id']}")
        assert (shown["status"], shown["status_reason"], shown["mandate"]["status"]) == ("blocked", "R02", "active")
        answer = await house.post_bank()
        assert answer.json()["code"] == "bank_account_exists"
        await house.control(f"payment_methods/{bank['payment_method']}/unblock", {})
        await house.deliver_events()
        assert (await until_status(house, bank, "verified")).status_reason is None
        told = await house.notices()
        assert told[-2:] == ["bank_blocked", "bank_verified"]
        await house.record("bank_review/blocked_and_unblocked", f"bank-review/{bank['id']}")


def set_block(house, bank, blocked):
    world = house.sandbox._world
    with world.store.transaction():
        bank_debits.set_block(world, world.get("payment_method", bank["payment_method"]), blocked)


async def test_a_debit_returned_as_closed_ends_the_mandate_and_blocks_until_it_is_removed(house):
    async with house.working():
        bank = await verified_bank(house)
        customer = (await house.processor.retrieve_method(bank["payment_method"])).customer
        intent = await house.processor.create_intent(customer=customer, amount_cents=2500, metadata={}, key="debit")
        await house.processor.confirm_intent(
            intent.id,
            payment_method=bank["payment_method"],
            off_session=True,
            return_url="https://x.example",
            key="debit/1",
        )
        await house.control(f"payment_intents/{intent.id}/return", {"code": "R02"})
        await house.deliver_events()
        await until_status(house, bank, "blocked")
        await settled(house, bank)
        mandate = await proof(house, bank["id"])
        assert (mandate.status, mandate.ended_reason) == ("inactive", "mandate_inactive")
        assert mandate.ended_at is not None
        await house.control(f"payment_methods/{bank['payment_method']}/unblock", {})
        await house.deliver_events()
        await settled(house, bank)
        found = await row(house, bank["id"])
        assert (found.status, found.status_reason) == ("blocked", "mandate_inactive")
        assert (await house.notices()).count("bank_blocked") == 1
        answer = await house.delete(f"bank_accounts/{bank['id']}")
        assert answer.json()["status"] == "removed"
        assert (await house.add_bank())["status"] == "verification_pending"


async def settled(house, bank):
    """Wait until nothing reviews the bank account any more."""
    await house.finished(f"bank-review/{bank['id']}")


async def test_news_during_a_review_is_looked_at_too(house):
    async with house.working():
        bank = await verified_bank(house)
        await house.control("faults", {"path": "/v1/mandates/*", "kind": "slow", "seconds": 1, "times": 1})
        async with house.database.transaction() as session:
            found = await bank_accounts.get(session, account_id=house.account.id, bank_id=bank["id"])
            await bank_accounts.ask_review(session, found, cause="evt_1", now=house.now())
        await house.hand_over()
        await house.until(
            "prepay_outbox",
            None,
            lambda faults: faults["data"][0]["fired"],
            lambda _: house.control("faults", method="GET"),
        )
        set_block(house, bank, R02)
        await house.deliver_events()
        assert (await until_status(house, bank, "blocked")).status_reason == "R02"


async def test_detached_elsewhere_is_removed_here(house):
    async with house.working():
        bank = await verified_bank(house)
        await house.processor.detach_method(bank["payment_method"])
        await house.deliver_events()
        found = await until_status(house, bank, "removed")
        assert found.status_reason == "detached"
        assert (await proof(house, bank["id"])).status == "inactive"
        assert (await house.notices())[-1] == "bank_removed"


async def test_a_verified_one_is_removed(house):
    async with house.working():
        bank = await verified_bank(house)
        answer = await house.delete(f"bank_accounts/{bank['id']}")
        assert (answer.status_code, answer.json()["status"], answer.json()["status_reason"]) == (
            200, "removed", "requested",
        )  # fmt: skip
        assert (await house.processor.retrieve_method(bank["payment_method"])).customer is None
        assert (await house.get("bank_accounts"))["data"][0]["status"] == Status.REMOVED
        await house.deliver_events()
        assert (await row(house, bank["id"])).status_reason == "requested"
        await house.record("bank_removal/verified", f"bank-removal/{bank['id']}")


async def test_a_mandate_there_that_becomes_active_later_is_followed(house):
    async with house.working():
        bank = await verified_bank(house)
        async with house.database.transaction() as session:
            found = await bank_accounts.get(session, account_id=house.account.id, bank_id=bank["id"])
            mandate = await proofs.of_bank(session, found)
            await proofs.follow(
                session, mandate, processor_mandate=None, status="pending", reason="", now=house.now()
            )  # fmt: skip
        world = house.sandbox._world
        with world.store.transaction():
            there = world.get("mandate", mandate.processor_mandate)
            world.emit("mandate.updated", there)
        assert mandates.active_of(world, world.get("payment_method", bank["payment_method"])) is not None
        await house.deliver_events()
        await settled(house, bank)
        assert (await proof(house, bank["id"])).status == "active"
