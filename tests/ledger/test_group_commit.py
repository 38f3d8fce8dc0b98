"""Group commit on real Postgres: each charge has its own answer, whatever happens to the group."""

import asyncio
from datetime import UTC, datetime

import asyncpg
import pytest
from sqlalchemy import text

import ledger
from ledger import group_commit
from ledger.charge import Charge
from ledger.group_commit import GroupCommit
from tests.ledger.accounts import NOW


@pytest.fixture
async def commit(book):
    group = GroupCommit(book.app_url, now=lambda: NOW)
    yield group
    await group.close()


def charge(account, reference, amount=1, **fields):
    return Charge(account_id=account, reference=reference, amount_micros=amount, epoch=0, **fields)


async def spendable(db, account):
    async with db.transaction() as session:
        return (await ledger.balances(session, account)).available


async def test_many_at_once_are_few_groups(commit, db, open_with):
    accounts = [await open_with(100) for _ in range(4)]
    wanted = [charge(account, f"r{n}") for n in range(50) for account in accounts]
    answers = await asyncio.gather(*map(commit.charge, wanted))
    assert {answer.outcome for answer in answers} == {"posted"}
    assert len({answer.transaction_id for answer in answers}) == 200
    assert [await spendable(db, account) for account in accounts] == [50] * 4
    assert commit.groups < 20


async def test_one_that_does_not_fit_is_refused_and_smaller_ones_after_it_still_fit(commit, db, open_with):
    account = await open_with(10)
    answers = await commit.charge_batch(
        [charge(account, "a", 4), charge(account, "b", 7), charge(account, "c", 6), charge(account, "d", 1)]
    )
    assert [answer.outcome for answer in answers] == ["posted", "balance_exhausted", "posted", "balance_exhausted"]
    assert [answer.spendable_after for answer in answers] == [6, 6, 0, 0]
    assert await spendable(db, account) == 0


async def test_an_epoch_that_has_moved_makes_a_charge_stale_but_not_a_stored_one(commit, db, open_with):
    account = await open_with(10)
    assert (await commit.charge(charge(account, "a"))).outcome == "posted"
    async with db.transaction() as session:
        await ledger.lock(session, [account])
        await session.execute(
            text("SELECT ledger_set_budget(:a, 'SA00000000000000000A', NULL, NULL, NULL, NULL, NULL)"), {"a": account}
        )
    answers = await commit.charge_batch([charge(account, "a"), charge(account, "b"), charge(account, "a", 2)])
    assert [answer.outcome for answer in answers] == ["replayed", "stale", "conflict"]


async def test_a_refusal_does_not_hide_what_is_stored(commit, open_with):
    account = await open_with(10)
    await commit.charge(charge(account, "a"))
    answers = await asyncio.gather(
        commit.charge(charge(account, "a", refusal="account_suspended")),
        commit.charge(charge(account, "b", refusal="account_suspended")),
    )
    assert [answer.outcome for answer in answers] == ["replayed", "account_suspended"]


async def test_a_retry_in_a_group_leaves_the_others_fast_and_charges_once(commit, db, open_with):
    accounts = [await open_with(100) for _ in range(10)]
    await commit.charge(charge(accounts[3], "again"))
    wanted = [charge(account, "again" if account == accounts[3] else "new") for account in accounts]
    answers = await commit.charge_batch(wanted)
    assert [answer.outcome for answer in answers] == ["posted"] * 3 + ["replayed"] + ["posted"] * 6
    assert [await spendable(db, account) for account in accounts] == [99] * 10


async def test_an_account_that_somebody_has_locked_does_not_hold_up_the_others(commit, db, open_with, monkeypatch):
    locked, free = await open_with(10), await open_with(10)
    async with db.transaction() as session:
        await ledger.lock(session, [locked])
        answers = await asyncio.gather(
            commit.charge(charge(locked, "a")), commit.charge(charge(free, "a")), return_exceptions=True
        )
    assert isinstance(answers[0], asyncpg.LockNotAvailableError)
    assert answers[1].outcome == "posted"
    assert (await commit.charge(charge(locked, "a"))).outcome == "posted"
    assert group_commit.LOCK_MILLISECONDS < group_commit.COMMAND_SECONDS * 1000


async def test_a_connection_that_is_cut_is_made_anew_and_the_charge_is_asked_for_again(
    commit, db, open_with, superuser
):
    account = await open_with(10)
    assert (await commit.charge(charge(account, "a"))).outcome == "posted"
    pid = await (await commit._line.connection()).fetchval("SELECT pg_backend_pid()")
    await superuser.execute("SELECT pg_terminate_backend($1, 5000)", pid)
    assert (await commit.charge(charge(account, "b"))).outcome == "posted"
    assert await spendable(db, account) == 8


async def test_a_malformed_charge_fails_alone(commit, open_with):
    account, other = await open_with(10), await open_with(10)
    answers = await asyncio.gather(
        commit.charge(charge(account, "a", -1)), commit.charge(charge(other, "a")), return_exceptions=True
    )
    assert isinstance(answers[0], asyncpg.PostgresError)
    assert answers[1].outcome == "posted"


async def test_an_account_that_is_not_open_fails_alone(commit, db, open_with):
    account = await open_with(10)
    answers = await asyncio.gather(
        commit.charge(charge("MA0000000000000NONE", "a")), commit.charge(charge(account, "a")), return_exceptions=True
    )
    assert isinstance(answers[0], asyncpg.PostgresError)
    assert answers[1].outcome in {"posted", "replayed"}  # the group was posted in part, and asked for again
    assert await spendable(db, account) == 9


async def test_time_never_runs_back_along_an_accounts_charges(book, open_with, superuser):
    times = iter([datetime(2026, 11, 25, 12, n, tzinfo=UTC) for n in (5, 3, 7)])
    commit = GroupCommit(book.app_url, now=lambda: next(times))
    account = await open_with(10)
    posted = [(await commit.charge(charge(account, f"{n}"))).posted_at for n in range(3)]
    await commit.close()
    assert [moment.minute for moment in posted] == [5, 5, 7]


async def test_a_lone_charge_is_posted_as_it_stands_or_after_a_closer_look(commit, db, open_with):
    account = await open_with(10)
    wanted = [("a", 4, {}), ("a", 4, {}), ("a", 5, {}), ("b", 7, {}), ("b", 7, {"settled": True}), ("c", 1, {})]
    answers = [await commit.charge(charge(account, reference, amount, **more)) for reference, amount, more in wanted]
    assert [answer.outcome for answer in answers] == [
        *("posted", "replayed", "conflict", "balance_exhausted", "posted", "balance_exhausted"),
    ]
    assert answers[0].seq == answers[1].seq
    assert [answer.spendable_after for answer in answers] == [6, 6, 6, 6, -1, -1]
    assert await spendable(db, account) == -1
