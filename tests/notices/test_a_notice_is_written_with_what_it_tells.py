"""`store.notices.add`: one row, its recipients and its hand-off, in the caller's transaction."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from rules.notices import NoticeFactsError
from store import notices

NOW = datetime(2026, 11, 24, 15, tzinfo=UTC)


async def test_the_facts_are_read_from_the_record(store, owner):
    recharge = await owner.recharge(amount_cents=2500, status="succeeded")
    async with store.transaction() as session:
        notice_id = await notices.add(
            session,
            account_id=owner.account_id,
            kind="recharge_settled",
            cause=recharge,
            facts={"recharge": recharge},
            now=NOW,
        )
    async with store.transaction() as session:
        (notice,) = (await session.execute(text("SELECT * FROM notice"))).mappings()
        (recipient,) = (await session.execute(text("SELECT * FROM notice_recipient"))).mappings()
        (hand_off,) = (await session.execute(text("SELECT * FROM outbox"))).mappings()
    assert notice["id"] == notice_id
    assert notice["facts"] == {
        "recharge": recharge,
        "amount_cents": 2500,
        "recharge_kind": "manual",
        "method_kind": "card",
        "method_name": "visa",
        "method_last4": "4242",
        "declined_kind": None,
        "declined_name": None,
        "declined_last4": None,
        "declined_message": None,
        "declined_retry": None,
    }
    assert (recipient["email"], recipient["state"]) == (owner.email, "pending")
    assert (hand_off["kind"], hand_off["workflow_id"]) == ("notice", f"notice/{notice_id}")
    assert hand_off["arguments"] == {
        "notice_id": notice_id,
        "kind": "recharge_settled",
        "account_id": owner.account_id,
    }


async def test_one_happening_is_told_once(store, owner):
    recharge = await owner.recharge(status="succeeded")

    async def add(cause):
        async with store.transaction() as session:
            return await notices.add(
                session,
                account_id=owner.account_id,
                kind="recharge_settled",
                cause=cause,
                facts={"recharge": recharge},
                now=NOW,
            )

    assert await add("first")
    assert await add("first") is None
    assert await add("second")
    async with store.transaction() as session:
        assert await session.scalar(text("SELECT count(*) FROM outbox")) == 2


async def test_an_unknown_fact_is_refused_when_it_is_needed(store, owner):
    recharge = await owner.recharge(status="requires_action", action_expires_at=None)
    with pytest.raises(NoticeFactsError, match="action_expires_at"):
        async with store.transaction() as session:
            await notices.add(
                session,
                account_id=owner.account_id,
                kind="action_needed",
                cause=recharge,
                facts={"recharge": recharge},
                now=NOW,
            )


async def test_operators_have_no_recipient_until_delivery(store, owner):
    recharge = await owner.recharge(expected_on=NOW.date())
    async with store.transaction() as session:
        assert await notices.add(
            session,
            account_id=owner.account_id,
            kind="recharge_overdue",
            cause=recharge,
            facts={"recharge": recharge},
            now=NOW,
        )
    async with store.transaction() as session:
        assert await session.scalar(text("SELECT count(*) FROM notice_recipient")) == 0
        assert await session.scalar(text("SELECT audience FROM notice")) == "operators"
