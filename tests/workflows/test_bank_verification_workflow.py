"""The verification of a bank account, as days pass: real workflow, database and sandbox; only time is skipped."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text
from temporalio.api.enums.v1 import EventType

import api.updates
from models.bank_attempt import BankAttempt
from store import bank_accounts, bank_attempts, mandates, methods

WRONG = ("SM00AA", "SM00BB", "SM00CC", "SM00DD", "SM00EE")


def verifying(house, bank):
    return house.temporal.get_workflow_handle(f"verify/{bank['id']}")


async def ended(house, bank) -> str:
    return await house.finished(f"verify/{bank['id']}")


async def entered(house, bank, **entry):
    return await house.post(f"bank_accounts/{bank['id']}/verify", entry)


async def row(house, bank):
    async with house.database.transaction() as session:
        return await bank_accounts.get(session, account_id=house.account.id, bank_id=bank["id"])


async def attempts(house, bank):
    async with house.database.transaction() as session:
        return list(await bank_attempts.of_bank(session, await row(house, bank)))


async def mandate(house, bank):
    async with house.database.transaction() as session:
        return await mandates.of_bank(session, await row(house, bank))


async def at_processor(house, bank):
    return await house.processor.retrieve_setup((await row(house, bank)).setup_intent)


async def tries_left_there(house, bank) -> int:
    """How many the processor still allows; asking costs one."""
    setup_intent = (await row(house, bank)).setup_intent
    answer = await house.processor.verify_setup(setup_intent, code="SM99ZZ", amounts=None, key="asked by the test")
    return 1 + int(answer.message.split("You have ")[1].split()[0])


async def test_verified_on_day_two(house):
    async with house.working():
        await house.add_card()
        bank = await house.add_bank()
        assert (bank["status"], bank["microdeposit_type"], bank["attempts_left"], bank["last4"]) == (
            "verification_pending", "descriptor_code", 5, "6789",
        )  # fmt: skip
        assert bank["deposit_expected_on"] is not None
        assert bank["mandate"]["status"] == "pending"
        await house.pass_days(2)
        answer = await entered(house, bank, code=" 11aa ")
        assert (answer.status_code, answer.json()["status"]) == (200, "verified")
        assert answer.json()["mandate"]["status"] == "active"
        assert answer.json()["expires_at"] is None
        assert await ended(house, bank) == "verified"
        assert await house.notices() == ["bank_deposit_sent", "mandate_copy", "bank_verified"]
        async with house.database.transaction() as session:
            method = await methods.find(session, account_id=house.account.id, method_id=bank["id"])
        assert isinstance(method, methods.ChargeableMethod)
        (attempt,) = await attempts(house, bank)
        assert (attempt.answer, attempt.sealed) == ("verified", None)
        await house.record("bank_verification/verified_on_day_2", f"verify/{bank['id']}")


async def test_wrong_four_times_then_right(house):
    async with house.working():
        await house.add_card()
        bank = await house.add_bank()
        for n, code in enumerate(WRONG[:4]):
            answer = await entered(house, bank, code=code)
            assert (answer.status_code, answer.json()["code"]) == (422, "code_mismatch")
            assert answer.json()["attempts_left"] == 4 - n
        assert (await house.get(f"bank_accounts/{bank['id']}"))["attempts_left"] == 1
        assert (await entered(house, bank, code="SM11AA")).json()["status"] == "verified"
        assert await ended(house, bank) == "verified"
        await house.record("bank_verification/wrong_four_times_then_right", f"verify/{bank['id']}")


async def test_five_wrong_codes_end_it_and_free_the_place(house):
    async with house.working():
        await house.add_card()
        bank = await house.add_bank()
        for code in WRONG:
            answer = await entered(house, bank, code=code)
            assert (answer.status_code, answer.json()["code"]) == (422, "code_mismatch")
        assert answer.json()["attempts_left"] == 0
        assert await ended(house, bank) == "verification_failed"
        shown = await house.get(f"bank_accounts/{bank['id']}")
        assert (shown["status"], shown["failure"]["code"]) == ("verification_failed", "attempts_exceeded")
        assert shown["mandate"]["status"] == "inactive"
        assert (await at_processor(house, bank)).status == "canceled"
        method = await house.processor.retrieve_method((await row(house, bank)).payment_method)
        assert method.customer is None
        assert (await house.notices())[-1] == "bank_verification_failed"
        assert (await entered(house, bank, code="SM11AA")).json()["code"] == "verification_not_pending"
        assert (await house.add_bank())["status"] == "verification_pending"
        await house.record("bank_verification/five_wrong", f"verify/{bank['id']}")


async def test_the_same_wrong_code_after_its_answer_is_another_try(house):
    async with house.working():
        await house.add_card()
        bank = await house.add_bank()
        assert (await entered(house, bank, code="SM00AA")).json()["attempts_left"] == 4
        assert (await entered(house, bank, code="sm00aa")).json()["attempts_left"] == 3


async def test_the_processor_falls_back_to_two_amounts(house):
    await house.control("settings", {"microdeposit_type": "amounts"})
    async with house.working():
        await house.add_card()
        bank = await house.add_bank()
        assert (bank["microdeposit_type"], bank["attempts_left"]) == ("amounts", 3)
        answer = await entered(house, bank, code="SM11AA")
        assert (answer.status_code, answer.json()["code"]) == (422, "amounts_required")
        for left in (2, 1):
            answer = await entered(house, bank, amounts=[1, 2])
            assert (answer.status_code, answer.json()["code"]) == (422, "amounts_mismatch")
            assert answer.json()["attempts_left"] == left
        answer = await entered(house, bank, amounts=[32, 45])
        assert (answer.status_code, answer.json()["status"]) == (200, "verified")
        assert await ended(house, bank) == "verified"
        await house.record("bank_verification/amounts", f"verify/{bank['id']}")


async def test_the_processor_falls_back_after_a_code_was_asked_for(house):
    async with house.working():
        await house.add_card()
        bank = await house.add_bank()
        assert (await entered(house, bank, code="SM00AA")).json()["attempts_left"] == 4
        world = house.sandbox._world
        with world.store.transaction():
            setup = world.get("setup_intent", (await row(house, bank)).setup_intent)
            setup["next_action"]["verify_with_microdeposits"]["microdeposit_type"] = "amounts"
            world.save(setup)
        answer = await entered(house, bank, code="SM11AA")
        assert (answer.status_code, answer.json()["code"]) == (422, "amounts_required")
        shown = await house.get(f"bank_accounts/{bank['id']}")
        assert (shown["microdeposit_type"], shown["attempts_left"]) == ("amounts", 3)
        assert (await house.notices()).count("bank_deposit_sent") == 2
        assert (await entered(house, bank, amounts=[45, 32])).json()["status"] == "verified"


async def test_three_wrong_pairs_of_amounts_end_it(house):
    await house.control("settings", {"microdeposit_type": "amounts"})
    async with house.working():
        await house.add_card()
        bank = await house.add_bank()
        for left in (2, 1, 0):
            answer = await entered(house, bank, amounts=[1, 2])
            assert (answer.json()["code"], answer.json()["attempts_left"]) == ("amounts_mismatch", left)
        assert await ended(house, bank) == "verification_failed"
        assert (await house.get(f"bank_accounts/{bank['id']}"))["failure"]["code"] == "attempts_exceeded"


@pytest.mark.parametrize(("code", "status"), [("SM33CC", "verification_failed"), ("SM44DD", "expired")])
async def test_the_processors_own_end_wins(house, code, status):
    async with house.working():
        await house.add_card()
        bank = await house.add_bank()
        answer = await entered(house, bank, code=code)
        assert (answer.status_code, answer.json()["status"]) == (200, status)
        assert await ended(house, bank) == status


async def test_reminders_on_day_three_and_seven_and_the_end_on_day_ten(house):
    async with house.working():
        await house.add_card()
        bank = await house.add_bank()
        handle = verifying(house, bank)
        await house.pass_days(3.5)
        assert (await house.notices()).count("bank_reminder") == 1
        await handle.signal("look")
        await house.pass_days(3)
        assert (await house.notices()).count("bank_reminder") == 1
        await house.pass_days(1)
        assert (await house.notices()).count("bank_reminder") == 2
        assert await ended(house, bank) == "expired"
        assert await house.notices() == [
            "bank_deposit_sent", "mandate_copy", "bank_reminder", "bank_reminder", "bank_expired",
        ]  # fmt: skip
        shown = await house.get(f"bank_accounts/{bank['id']}")
        assert (shown["status"], shown["failure"]["code"]) == ("expired", "timed_out")
        assert (await at_processor(house, bank)).status == "canceled"
        assert (await house.add_bank())["status"] == "verification_pending"
        await house.record("bank_verification/expired", f"verify/{bank['id']}")


async def test_the_processor_is_asked_before_it_expires(house):
    async with house.working():
        await house.add_card()
        bank = await house.add_bank()
        await house.pass_days(9.9)
        setup_intent = (await row(house, bank)).setup_intent
        await house.processor.verify_setup(setup_intent, code="SM11AA", amounts=None, key="on the hosted page")
        assert (await row(house, bank)).status == "verification_pending"
        assert await ended(house, bank) == "verified"
        assert "bank_expired" not in await house.notices()


async def test_verified_on_the_processors_page_is_heard_of_by_its_event(house):
    async with house.working():
        await house.add_card()
        bank = await house.add_bank()
        setup_intent = (await row(house, bank)).setup_intent
        await house.processor.verify_setup(setup_intent, code="SM11AA", amounts=None, key="on the hosted page")
        await house.deliver_events()
        assert await ended(house, bank) == "verified"


async def test_the_worker_is_restarted_in_each_wait(house):
    async with house.working(cache=0):
        await house.add_card()
        bank = await house.add_bank()
    async with house.working(cache=0):
        await house.pass_days(2)
        assert (await entered(house, bank, code="SM00AA")).json()["attempts_left"] == 4
    async with house.working(cache=0):
        await house.pass_days(2)
        await reminded(house, times=1)
    async with house.working(cache=0):
        await house.pass_days(4)
        await reminded(house, times=2)
        assert (await entered(house, bank, code="SM00BB")).json()["attempts_left"] == 3
    async with house.working(cache=0):
        assert await ended(house, bank) == "expired"
    assert (await house.notices()).count("bank_reminder") == 2
    await house.record("bank_verification/restarted_in_each_wait", f"verify/{bank['id']}")


async def reminded(house, *, times):
    async def count(session):
        found = await session.execute(text("SELECT count(*) FROM notice WHERE kind = 'bank_reminder'"))
        return found.scalar_one()

    await house.until("prepay_outbox", None, lambda found: found == times, count)


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(api.updates, "PATIENCE_SECONDS", 1.0)


async def test_an_update_that_timed_out_and_is_sent_again_is_one_try(house, impatient):
    async with house.working(cache=0):
        await house.add_card()
        bank = await house.add_bank()
    for _ in range(2):
        answer = await entered(house, bank, code="SM00AA")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    other = await entered(house, bank, code="SM00BB")
    assert other.status_code == 503
    async with house.working(cache=0):
        answer = await entered(house, bank, code="SM00AA")
        assert (answer.status_code, answer.json()["attempts_left"]) == (422, 4)
    assert [one.answer for one in await attempts(house, bank)] == ["mismatch"]
    assert await tries_left_there(house, bank) == 9


async def test_an_answer_that_nobody_was_told_is_given_to_the_same_request(house, impatient):
    async with house.working(cache=0):
        await house.add_card()
        bank = await house.add_bank()
    assert (await entered(house, bank, code="SM00AA")).status_code == 503
    async with house.working(cache=0):
        found = await house.until("prepay_bank_account", bank["id"], answered, lambda _: attempts(house, bank))
        assert [one.answer for one in found] == ["mismatch"]
        answer = await entered(house, bank, code="SM00AA")
        assert (answer.status_code, answer.json()["attempts_left"]) == (422, 4)
        assert len(await attempts(house, bank)) == 1
        assert (await entered(house, bank, code="SM00AA")).json()["attempts_left"] == 3


def answered(found: list[BankAttempt]) -> bool:
    return bool(found) and all(one.answer is not None for one in found)


async def test_another_code_waits_for_the_one_before(house, impatient, monkeypatch):
    async with house.working(cache=0):
        await house.add_card()
        bank = await house.add_bank()
    assert (await entered(house, bank, code="SM00AA")).status_code == 503
    monkeypatch.setattr(api.updates, "PATIENCE_SECONDS", 30.0)  # somebody answers now
    async with house.working(cache=0):
        assert (await entered(house, bank, code="SM11AA")).json()["status"] == "verified"
    assert [one.answer for one in await attempts(house, bank)] == ["mismatch", "verified"]


async def test_the_code_that_verified_is_answered_again_after_the_end(house):
    async with house.working():
        await house.add_card()
        bank = await house.add_bank()
        for _ in range(2):
            answer = await entered(house, bank, code="SM11AA")
            assert (answer.status_code, answer.json()["status"]) == (200, "verified")
        answer = await entered(house, bank, code="SM00AA")
        assert (answer.status_code, answer.json()["code"]) == (409, "verification_not_pending")
        assert len(await attempts(house, bank)) == 1


async def test_one_code_sent_eight_times_at_once_is_one_try(house):
    async with house.working():
        await house.add_card()
        bank = await house.add_bank()
        await house.control("faults", {"path": "*/verify_microdeposits", "kind": "slow", "seconds": 1, "times": 1})
        answers = await asyncio.gather(*(entered(house, bank, code="SM00AA") for _ in range(8)))
        assert {(one.status_code, one.json()["attempts_left"]) for one in answers} == {(422, 4)}
        assert len(await attempts(house, bank)) == 1


async def test_the_answer_to_a_code_is_lost_on_the_way_back(house):
    async with house.working():
        await house.add_card()
        bank = await house.add_bank()
        await house.control("faults", {"path": "*/verify_microdeposits", "kind": "drop_after", "times": 1})
        answer = await entered(house, bank, code="SM00AA")
        assert (answer.status_code, answer.json()["attempts_left"]) == (422, 4)
        assert await tries_left_there(house, bank) == 9


async def test_a_code_inside_the_processors_call_while_the_tenth_day_ends(house):
    async with house.working():
        await house.add_card()
        bank = await house.add_bank()
        expires_at = (await row(house, bank)).expires_at
        await house.control("faults", {"path": "*/verify_microdeposits", "kind": "slow", "seconds": 4, "times": 1})
        left = expires_at - await house.environment.get_current_time()
        await house.environment.sleep(left - timedelta(seconds=2))
        answer = await entered(house, bank, code="SM11AA")
        assert (answer.status_code, answer.json()["status"]) == (200, "verified")
        assert await ended(house, bank) == "verified"
        assert "bank_expired" not in await house.notices()
        kinds = [event.event_type for event in (await verifying(house, bank).fetch_history()).events]
        places = {kind: n for n, kind in enumerate(kinds)}  # of the last one of each kind
        assert (
            places[EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED]
            < places[EventType.EVENT_TYPE_TIMER_FIRED]
            < places[EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED]
        )
        await house.record("bank_verification/code_while_the_tenth_day_ends", f"verify/{bank['id']}")


async def test_removed_while_its_verification_is_pending(house):
    async with house.working():
        await house.add_card()
        bank = await house.add_bank()
        answer = await house.delete(f"bank_accounts/{bank['id']}")
        assert (answer.status_code, answer.json()["status"]) == (200, "removed")
        assert answer.json()["mandate"]["status"] == "inactive"
        assert await ended(house, bank) == "removed"
        assert (await at_processor(house, bank)).status == "canceled"
        assert (await house.notices())[-1] == "bank_removed"
        assert (await entered(house, bank, code="SM11AA")).json()["code"] == "verification_not_pending"
        assert (await house.delete(f"bank_accounts/{bank['id']}")).status_code == 200
        assert (await house.add_bank())["status"] == "verification_pending"
        await house.record("bank_verification/removed_while_pending", f"verify/{bank['id']}")
        await house.record("bank_removal/while_pending", f"bank-removal/{bank['id']}")


async def test_removed_before_the_worker_began(house, monkeypatch):
    async with house.working(cache=0):
        await house.add_card()
    monkeypatch.setattr(api.waiting.until, "__kwdefaults__", api.waiting.until.__kwdefaults__ | {"seconds": 0.5})
    bank = await house.add_bank()
    assert bank["microdeposit_type"] is None
    assert (await entered(house, bank, code="SM11AA")).status_code == 503
    assert (await house.delete(f"bank_accounts/{bank['id']}")).status_code == 503
    async with house.working(cache=0):
        assert await ended(house, bank) == "removed"
        assert (await house.delete(f"bank_accounts/{bank['id']}")).json()["status"] == "removed"
    setups = [one async for one in (await house.stripe.v1.setup_intents.list_async()).auto_paging_iter()]
    assert {one.status for one in setups} <= {"canceled"}
