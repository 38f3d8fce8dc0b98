"""D4, D6, D7: each turn of auto-recharge is told to its owner, once, with what the records say at that moment."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from models.attempt import ChargeAttempt
from models.auto_recharge import AutoRecharge
from rules.auto_recharge import LIFTED
from rules.notices import superseded
from store import auto_story, notice_facts

NOW = datetime(2026, 11, 24, 15, tzinfo=UTC)
HOUR = timedelta(hours=1)
FAILURE = {"code": "insufficient_funds", "message": "Insufficient funds.", "retry": "later"}


@pytest.fixture
async def settings(store, owner):
    row = AutoRecharge(
        account_id=owner.account_id, enabled=True, minimum_micros=100_000_000, amount_cents=5_000, weekly_cents=50_000,
        episode_from=NOW, refusals_from=NOW, updated_at=NOW, created_at=NOW,
    )  # fmt: skip
    await owner._save(row)
    return row


@pytest.fixture
def turn(store, owner, settings):
    """One step of the story, in a transaction of its own."""

    async def step(act, **arguments):
        async with store.transaction() as session:
            row = await session.get_one(AutoRecharge, owner.account_id)
            return await act(session, row, **arguments)

    return step


@pytest.fixture
def sql(store):
    async def run(statement):
        async with store.transaction() as session:
            await session.execute(text(statement))

    return run


@pytest.fixture
def told(store):
    async def notices():
        async with store.transaction() as session:
            return (await session.execute(text("SELECT kind, cause, facts FROM notice ORDER BY id"))).all()

    return notices


@pytest.fixture
def stands(store, owner):
    async def reason(kind, facts):
        async with store.transaction() as session:
            status = await notice_facts.status_of_subject(
                session, account_id=owner.account_id, kind=kind, facts=facts
            )  # fmt: skip
        return superseded(kind, made_at=NOW, status=status, now=NOW)

    return reason


async def declined(owner, recharge, number, *, failure=FAILURE):
    await owner._save(
        ChargeAttempt(
            account_id=owner.account_id, recharge_id=recharge, number=number, method_id=owner.card_id,
            off_session=True, outcome="declined", failure=failure, ended_at=NOW, created_at=NOW,
        )
    )  # fmt: skip


async def test_each_decline_is_told_once_however_its_next_try_moves(owner, turn, told, stands, sql):
    recharge = await owner.recharge(amount_cents=5_000, kind="auto")
    await declined(owner, recharge, 1)
    for until in (NOW + HOUR, NOW + HOUR / 4):
        await turn(auto_story.waits, until=until, why="Tried again later.", recharge_id=recharge, now=NOW)
    await declined(owner, recharge, 2, failure=FAILURE | {"message": "The card has reached its limit."})
    await turn(auto_story.waits, until=NOW + 24 * HOUR, why="Tried again later.", recharge_id=recharge, now=NOW + HOUR)
    first, second = await told()
    assert (first.kind, second.kind) == ("auto_recharge_declined", "auto_recharge_declined")
    assert first.facts == {
        "recharge": recharge,
        "amount_cents": 5_000,
        "recharge_kind": "auto",
        "method_kind": "card",
        "method_name": "visa",
        "method_last4": "4242",
        "failure_code": "insufficient_funds",
        "failure_message": "Insufficient funds.",
        "next_attempt_at": (NOW + HOUR).isoformat(),
    }
    assert second.facts["failure_message"] == "The card has reached its limit."
    assert await stands(first.kind, first.facts) is None
    await sql(f"UPDATE recharge SET status = 'succeeded', finished_at = now() WHERE id = '{recharge}'")
    assert await stands(first.kind, first.facts) == "recharge_succeeded"


async def test_a_limit_is_told_once_for_each_window(owner, turn, told, stands):
    opens = NOW + 24 * HOUR
    for until in (opens, opens, opens + 168 * HOUR):
        await turn(auto_story.limited, by="weekly", until=until, why="The limit.", now=until)
        await turn(forget_the_limit)  # as settings that are sent again do
    first, second = await told()
    assert first.kind == second.kind == "auto_recharge_limited"
    assert first.facts == {
        "auto_recharge": owner.account_id,
        "minimum_micros": 100_000_000,
        "amount_cents": 5_000,
        "limit": "weekly",
        "limit_cents": 50_000,
        "limited_until_at": opens.isoformat(),
    }
    assert await stands(first.kind, first.facts) == "auto_recharge_active"
    await turn(auto_story.limited, by="weekly", until=opens, why="The limit.", now=NOW)
    assert await stands(first.kind, first.facts) is None


async def forget_the_limit(session, row):
    row.limited_by = row.limited_until = None
    session.add(row)


async def test_a_pause_and_its_end_are_told(owner, turn, told, stands):
    recharge = await owner.recharge(kind="auto", status="failed")
    await turn(auto_story.pause, reason="lost_card", why="Nothing is left.", recharge_id=recharge, now=NOW)
    (paused,) = await told()
    assert paused.kind == "auto_recharge_paused"
    assert paused.facts == {
        "auto_recharge": owner.account_id,
        "minimum_micros": 100_000_000,
        "amount_cents": 5_000,
        "paused_at": NOW.isoformat(),
        "reason": "lost_card",
        "recharge": recharge,
    }
    assert await stands(paused.kind, paused.facts) is None
    await turn(auto_story.resume, why=LIFTED["new_default"], now=NOW + HOUR)
    assert await stands(paused.kind, paused.facts) == "auto_recharge_active"
    _, resumed = await told()
    assert resumed.kind == "auto_recharge_resumed"
    assert resumed.facts["why"] == "Another card is the default now."
    assert await stands(resumed.kind, resumed.facts) is None
    await turn(auto_story.pause, reason="canceled", why="Again.", recharge_id=None, now=NOW + 2 * HOUR)
    assert await stands(resumed.kind, resumed.facts) == "auto_recharge_paused"
    assert len(await told()) == 3


async def test_what_was_switched_off_is_not_mailed(turn, told, stands, sql):
    await turn(auto_story.pause, reason="canceled", why="Canceled.", recharge_id=None, now=NOW)
    (paused,) = await told()
    await sql("UPDATE auto_recharge SET enabled = false")
    assert await stands(paused.kind, paused.facts) == "auto_recharge_off"


async def test_a_pause_without_a_recharge_is_told_too(turn, told):
    await turn(auto_story.pause, reason="no_payment_method", why="No card.", recharge_id=None, now=NOW)
    (paused,) = await told()
    assert paused.facts["recharge"] is None


async def test_a_recharge_that_the_backup_paid_says_what_was_declined(store, owner):
    recharge = await owner.recharge(kind="auto", method="bank", status="succeeded")
    await declined(owner, recharge, 1)
    await owner._save(
        ChargeAttempt(
            account_id=owner.account_id, recharge_id=recharge, number=2, method_id=owner.bank_id, trigger="backup",
            off_session=True, outcome="succeeded", ended_at=NOW, created_at=NOW,
        )
    )  # fmt: skip
    async with store.transaction() as session:
        facts = await notice_facts.known(session, account_id=owner.account_id, given={"recharge": recharge})
    assert {name: facts[name] for name in facts if name.startswith(("declined", "method"))} == {
        "method_kind": "bank",
        "method_name": "STRIPE TEST BANK",
        "method_last4": "6789",
        "declined_kind": "card",
        "declined_name": "visa",
        "declined_last4": "4242",
        "declined_message": "Insufficient funds.",
        "declined_retry": "later",
    }
