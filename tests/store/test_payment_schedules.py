"""The month's debit in the book: once for each month, or not at all and the owner told (E8, E13)."""

import asyncio
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy.exc import IntegrityError

import ledger
from activities import scheduling
from activities.scheduling import DebitsDone, DebitsRef, Scheduling
from rules.business_days import EASTERN
from rules.monthly_words import REASONS
from store import payment_schedules, recharges
from store.database import Database
from tests.store.scheduling import LARGEST, open_payer


def at(day: str, clock: str = "09:00") -> datetime:
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=EASTERN)


NOW = at("2026-11-01", "12:00")


@pytest.fixture
async def store(database):
    async with Database(database.app_url) as opened:
        yield opened


@pytest.fixture
async def payer(store):
    return await open_payer(store, now=NOW)


# Once


async def test_the_debit_is_a_recharge_with_its_month_and_the_next_date_in_one_transaction(store, payer):
    await payer.put(31, now=NOW)
    assert not await payer.debit(now=at("2026-11-30", "08:59"))
    assert await payer.debit(now=at("2026-11-30"))
    row = await payer.row()
    assert (row.next_nominal_on, row.next_debit_on) == (date(2026, 12, 31), date(2026, 12, 31))
    assert await payer.months() == [("2026-11", 50)]
    async with store.transaction() as session:
        flying = await payment_schedules.in_flight(session, payer.account_id)
        recharge = await recharges.get(session, account_id=payer.account_id, recharge_id=flying)
    assert (recharge.kind, recharge.method_kind, recharge.method_id) == ("scheduled", "bank", payer.bank_id)
    assert recharge.expected_on == date(2026, 12, 4)
    (handed,) = await payer._rows("SELECT * FROM outbox WHERE account_id = :a AND kind = 'recharge'")
    assert handed.workflow_id == f"recharge/{recharge.id}"
    async with store.transaction() as session:
        book = await ledger.balances(session, payer.account_id)
    assert book is not None
    assert (book.available, book.pending) == (0, 50_000_000)


async def test_many_sweeps_at_once_make_one(payer):
    await payer.put(15, now=NOW)
    made = await asyncio.gather(*(payer.debit(now=at("2026-11-16")) for _ in range(8)))
    assert sorted(made) == [False] * 7 + [True]
    assert await payer.months() == [("2026-11", 50)]


async def test_the_database_admits_one_for_each_month(store, payer):
    """Whatever the code above it should do one day."""
    await payer.put(15, now=NOW)
    assert await payer.debit(now=at("2026-11-16"))
    new = recharges.NewRecharge(
        account_id=payer.account_id, amount_cents=5000, method_id=payer.bank_id, method_kind="bank", kind="scheduled",
        idempotency_key="another", request_digest="-", return_url=None, metadata={}, schedule_month=date(2026, 11, 1),
    )  # fmt: skip
    async with store.transaction() as session:
        with pytest.raises(IntegrityError, match="recharge_one_for_a_month"):
            await recharges.create(session, new, now=NOW)
        await session.rollback()


async def test_an_idempotency_key_of_a_caller_is_never_a_months(store, payer):
    """A manual recharge whose key looks like ours does not stand in for the month's debit."""
    async with store.transaction() as session:
        new = recharges.NewRecharge(
            account_id=payer.account_id, amount_cents=2500, method_id=payer.bank_id, method_kind="bank", kind="manual",
            idempotency_key="schedule/2026-11", request_digest="-", return_url=None, metadata={},
        )  # fmt: skip
        await recharges.create(session, new, now=NOW)
    await payer.put(15, now=NOW)
    assert await payer.debit(now=at("2026-11-16"))
    rows = await payer._rows("SELECT idempotency_key FROM recharge WHERE account_id = :a AND kind = 'scheduled'")
    assert not rows[0].idempotency_key.isascii(), "callers' keys are ASCII"


async def test_only_a_debit_that_is_not_final_is_in_flight(store, payer):
    await payer.put(15, now=NOW)
    assert await payer.debit(now=at("2026-11-16"))
    async with store.transaction() as session:
        flying = await payment_schedules.in_flight(session, payer.account_id)
        row = await recharges.locked(session, account_id=payer.account_id, recharge_id=flying)
        await recharges.end(session, row, status="canceled", charge=None, failure=None, now=at("2026-11-17"))
        assert await payment_schedules.in_flight(session, payer.account_id) is None
    assert not await payer.debit(now=at("2026-11-18"))
    await payer.put(25, now=at("2026-11-17"))
    assert (await payer.row()).next_debit_on == date(2026, 12, 28), "a canceled debit keeps its month"


async def test_two_missed_months_are_one_late_debit(payer):
    await payer.put(10, now=NOW)
    assert await payer.debit(now=at("2027-01-05", "15:00"))
    assert not await payer.debit(now=at("2027-01-05", "16:00"))
    assert await payer.months() == [("2026-11", 50)]
    assert (await payer.row()).next_debit_on == date(2027, 1, 11)


async def test_changed_and_deleted_while_the_debit_is_in_flight_the_month_keeps_its_one(payer):
    await payer.put(15, now=NOW)
    assert await payer.debit(now=at("2026-11-16"))
    await payer.put(28, 80_00, now=at("2026-11-16", "10:00"))
    assert (await payer.row()).next_debit_on == date(2026, 12, 28)
    assert await payer.delete(now=at("2026-11-16", "11:00"))
    assert not await payer.delete(now=at("2026-11-16", "11:01"))
    assert not await payer.debit(now=at("2026-12-28"))
    row = await payer.put(28, 80_00, now=at("2026-11-17"))
    assert row.next_debit_on == date(2026, 12, 28), "November has its debit"
    assert await payer.months() == [("2026-11", 50)]
    (gone,) = await payer.events("payment_schedule.deleted")
    assert gone["in_flight"] == (await payer._rows("SELECT id FROM recharge WHERE account_id = :a"))[0].id


async def test_owner_and_sweep_at_once(store):
    """Whoever comes first: at most one debit for the month, and none after a pause that was first."""
    for n in range(10):
        payer = await open_payer(store, now=NOW)
        await payer.put(15, now=NOW)
        due = at("2026-11-16")
        sweep, pause = payer.debit(now=due), payer.put(15, now=due, enabled=False)
        made, _ = await asyncio.gather(sweep, pause) if n % 2 else reversed(await asyncio.gather(pause, sweep))
        assert await payer.months() == ([("2026-11", 50)] if made else [])
        assert not (await payer.row()).enabled
        assert not await payer.debit(now=at("2027-11-16"))


# Not made, and told

STANDING_AGAINST = {
    "account_suspended": "UPDATE account SET status = 'suspended' WHERE id = :a",
    "method_blocked": "UPDATE bank_account SET status = 'blocked' WHERE account_id = :a",
    "method_removed": "UPDATE bank_account SET status = 'removed' WHERE account_id = :a",
    "method_without_mandate": "UPDATE mandate SET status = 'inactive', ended_at = now() WHERE account_id = :a",
}


@pytest.mark.parametrize("reason", STANDING_AGAINST)
async def test_nothing_is_debited_the_owner_is_told_and_the_next_month_goes_on(payer, reason):
    await payer.put(15, now=NOW)
    await payer.execute(STANDING_AGAINST[reason])
    assert not await payer.debit(now=at("2026-11-16"))
    assert await payer.months() == []
    (told,) = await payer.notices("scheduled_debit_skipped")
    assert (told["reason"], told["nominal_on"], told["amount_cents"]) == (reason, "2026-11-15", 50_00)
    assert reason in REASONS, "it has words"
    (event,) = await payer.events("payment_schedule.skipped")
    assert (event["reason"], event["nominal_on"], event["next_debit_on"]) == (reason, "2026-11-15", "2026-12-15")
    row = await payer.row()
    assert (row.enabled, row.next_debit_on) == (True, date(2026, 12, 15))
    assert (row.skipped_month, row.skipped_reason) == (date(2026, 11, 1), reason)
    assert not await payer.debit(now=at("2026-11-17"))
    assert len(await payer.notices("scheduled_debit_skipped")) == 1


async def test_once_nothing_stands_against_it_any_more_the_next_month_is_debited(payer):
    await payer.put(15, now=NOW)
    await payer.execute("UPDATE bank_account SET status = 'blocked' WHERE account_id = :a")
    assert not await payer.debit(now=at("2026-11-16"))
    await payer.execute("UPDATE bank_account SET status = 'verified' WHERE account_id = :a")
    assert await payer.debit(now=at("2026-12-15"))
    assert await payer.months() == [("2026-12", 50)]
    assert (await payer.row()).skipped_reason is None


async def test_removal_that_was_asked_for_is_enough(payer):
    await payer.put(15, now=NOW)
    await payer.execute("UPDATE bank_account SET removal_requested_at = now() WHERE account_id = :a")
    assert not await payer.debit(now=at("2026-11-16"))
    assert (await payer.row()).skipped_reason == "method_removed"


async def test_a_closed_accounts_schedule_ends(payer):
    """Told once: it is never opened again."""
    await payer.put(15, now=NOW)
    await payer.execute("UPDATE account SET status = 'closed' WHERE id = :a")
    assert not await payer.debit(now=at("2026-11-16"))
    assert not await payer.debit(now=at("2026-12-15"))
    assert [told["reason"] for told in await payer.notices("scheduled_debit_skipped")] == ["account_closed"]
    assert not (await payer.row()).enabled


async def test_an_amount_above_what_is_taken_by_now(payer):
    await payer.put(15, 500_00, now=NOW)
    assert not await payer.debit(now=at("2026-11-16"), largest_cents=499_99)
    assert (await payer.row()).skipped_reason == "amount_above_maximum"
    assert await payer.debit(now=at("2026-12-15"), largest_cents=500_00)


async def test_an_amount_below_the_smallest_recharge(payer):
    """Set while less was taken: by an older release."""
    await payer.put(15, 24_99, now=NOW)
    assert not await payer.debit(now=at("2026-11-16"))
    assert (await payer.row()).skipped_reason == "amount_below_minimum"
    assert await payer.months() == []


async def test_an_amount_above_the_mandates_rule(store):
    payer = await open_payer(store, now=NOW, largest_cents=499_99)
    await payer.put(15, 500_00, now=NOW)
    assert not await payer.debit(now=at("2026-11-16"))
    assert (await payer.row()).skipped_reason == "amount_above_mandate"
    assert await payer.months() == []


# Seven days


async def test_a_changed_amount_is_told_at_once_and_debited_seven_days_later(payer):
    await payer.put(15, now=NOW)
    await payer.put(20, 80_00, now=at("2026-11-12"))
    (told,) = await payer.notices("payment_schedule_changed")
    assert (told["amount_cents"], told["day_of_month"]) == (80_00, "20")
    assert (told["before_amount_cents"], told["before_day_of_month"]) == (50_00, "15")
    assert (told["next_debit_on"], told["next_amount_cents"]) == ("2026-11-16", 50_00)
    assert datetime.fromisoformat(told["effective_at"]) == at("2026-11-19")
    assert await payer.debit(now=at("2026-11-16"))
    assert await payer.debit(now=at("2026-12-21"))
    assert await payer.months() == [("2026-11", 50), ("2026-12", 80)]
    row = await payer.row()
    assert (row.day_of_month, row.amount_cents, row.new_from) == (20, 80_00, None)


async def test_the_mail_says_what_is_debited_until_then(payer):
    """The terms that stand, not those that were asked for and taken back; none where nothing is debited."""
    await payer.put(15, now=NOW)
    await payer.put(20, 80_00, now=at("2026-11-02"))
    await payer.put(21, 90_00, now=at("2026-11-03"))
    await payer.put(15, 50_00, now=at("2026-11-04"))
    await payer.put(15, 50_00, now=at("2026-11-05"), enabled=False)
    await payer.put(15, 60_00, now=at("2026-11-06"))
    told = await payer.notices("payment_schedule_changed")
    assert [(one["amount_cents"], one["before_amount_cents"]) for one in told] == [
        (80_00, 50_00), (90_00, 50_00), (50_00, None), (60_00, None),
    ]  # fmt: skip
    stands = [datetime.fromisoformat(one["effective_at"]) for one in told]
    assert stands == [at("2026-11-09"), at("2026-11-10"), at("2026-11-04"), at("2026-11-13")]


async def test_what_is_no_change_of_amount_or_day_tells_nothing(payer):
    await payer.put(15, now=NOW)
    await payer.put(15, now=NOW + timedelta(hours=1), enabled=False)
    await payer.put(15, now=NOW + timedelta(hours=2))
    await payer.put(15, now=NOW + timedelta(hours=3))
    assert await payer.notices("payment_schedule_changed") == []
    assert [event["enabled"] for event in await payer.events("payment_schedule.updated")] == [True, False, True, True]


# Page by page


async def test_pages_end_where_the_accounts_do(store, monkeypatch):
    monkeypatch.setattr(scheduling, "PAGE", 2)
    payers = sorted([await open_payer(store, now=NOW) for _ in range(5)], key=lambda one: one.account_id)
    for payer in payers:
        await payer.put(15, now=NOW)
    await payers[1].execute("UPDATE bank_account SET status = 'blocked' WHERE account_id = :a")
    hands, now = Scheduling(database=store, largest_cents=LARGEST), at("2026-11-16")
    assert await hands.debit_page(DebitsRef("", at("2026-11-16", "08:00"))) == DebitsDone(last=None)
    page = await hands.debit_page(DebitsRef("", now))
    assert page == DebitsDone(last=payers[1].account_id, made=1, skipped=1)
    page = await hands.debit_page(DebitsRef("", now))  # as after a worker's death
    assert page == DebitsDone(last=payers[3].account_id, made=2)
    page = await hands.debit_page(DebitsRef(payers[3].account_id, now))
    assert page == DebitsDone(last=payers[4].account_id, made=1)
    assert await hands.debit_page(DebitsRef(payers[4].account_id, now)) == DebitsDone(last=None)


async def test_an_account_whose_debit_fails_keeps_nobody_waiting(store, monkeypatch):
    payers = sorted([await open_payer(store, now=NOW) for _ in range(3)], key=lambda one: one.account_id)
    for payer in payers:
        await payer.put(15, now=NOW)
    debit = payment_schedules.debit

    async def fails_for_one(session, account_id, **more):
        made = await debit(session, account_id, **more)
        if account_id == payers[0].account_id:
            raise ArithmeticError
        return made

    monkeypatch.setattr(payment_schedules, "debit", fails_for_one)
    hands, now = Scheduling(database=store, largest_cents=LARGEST), at("2026-11-16")
    assert await hands.debit_page(DebitsRef("", now)) == DebitsDone(last=payers[2].account_id, made=2, failed=1)
    after = DebitsRef(payers[2].account_id, now)
    assert await hands.debit_page(after) == DebitsDone(last=None), (
        "one that fails does not keep the sweep going for ever"
    )
    assert await payers[0].months() == [], "nothing of it is left"
    monkeypatch.setattr(payment_schedules, "debit", debit)
    assert await hands.debit_page(DebitsRef("", now)) == DebitsDone(last=payers[0].account_id, made=1)
