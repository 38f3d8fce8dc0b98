"""The balance: every part told apart, with the reason (requirement H3)."""

from datetime import UTC, datetime

import ledger
from rules.outcomes import Outcome, State
from store import attempts, recharges


async def recharge(api, account, *, cents, method_kind):
    new = recharges.NewRecharge(
        account_id=account.id,
        amount_cents=cents,
        method_id="card_x" if method_kind == "card" else "bank_x",
        method_kind=method_kind,
        kind="manual",
        idempotency_key=f"{method_kind}-{cents}",
        request_digest="d",
        return_url=None,
        metadata={},
    )
    async with api.context.database.transaction() as session:
        row, _ = await recharges.create(session, new, now=api.clock.now())
    return row


async def balance(api, account):
    return (await api.operator.get(f"/v1/accounts/{account.id}/balance")).json()


async def test_money_on_its_way_is_pending_with_its_date_and_reason_and_not_spendable(api):
    api.clock.time = datetime(2026, 11, 21, 15, 0, tzinfo=UTC)  # the Saturday before Thanksgiving
    account = await api.open_account()
    await api.adjust(account, "1.25")
    bank = await recharge(api, account, cents=10000, method_kind="bank")
    card = await recharge(api, account, cents=2500, method_kind="card")
    shown = await balance(api, account)
    assert (shown["available"], shown["posted"], shown["pending"]) == ("1.25", "1.25", "125.00")
    assert shown["status"] == "active"
    first, second = shown["pending_items"]
    assert (first["recharge"], first["amount"], first["expected_on"]) == (bank.id, "100.00", "2026-11-30")
    assert first["why"] == bank.expected_why
    assert (second["recharge"], second["amount"], second["expected_on"]) == (card.id, "25.00", None)
    assert second["why"]
    assert "2 under way" in shown["why"]["pending"]


async def test_what_ended_is_pending_no_more(api):
    account = await api.open_account()
    row = await recharge(api, account, cents=2500, method_kind="card")
    async with api.context.database.transaction() as session:
        locked = await recharges.locked(session, account_id=account.id, recharge_id=row.id)
        await recharges.end(session, locked, status="succeeded", charge="ch_1", failure=None, now=api.clock.now())
    shown = await balance(api, account)
    assert (shown["available"], shown["pending"], shown["pending_items"]) == ("25.00", "0.00", [])


async def test_what_is_held_is_posted_and_not_available(api):
    account = await api.open_account()
    await api.adjust(account, "10.00")
    async with api.context.database.transaction() as session:
        await ledger.hold(
            session, account_id=account.id, hold_id="hold_1", reference="call-1", amount_micros=2_500_000,
            now=api.clock.now(),
        )  # fmt: skip
    shown = await balance(api, account)
    assert (shown["posted"], shown["held"], shown["available"]) == ("10.00", "2.50", "7.50")
    assert shown["why"]["available"].startswith("posted 10.00 + provisional 0.00 - held 2.50")


async def test_suspended_is_told_over_exhausted_over_active(api):
    account = await api.open_account()
    assert (await balance(api, account))["status"] == "exhausted"
    await api.operator.patch(f"/v1/accounts/{account.id}", json={"status": "suspended", "reason": "why"})
    assert (await balance(api, account))["status"] == "suspended"
    await api.operator.patch(f"/v1/accounts/{account.id}", json={"status": "active", "reason": "why"})
    await api.adjust(account, "0.000001")
    assert (await balance(api, account))["status"] == "active"


async def test_money_that_waits_for_the_customer_is_not_pending(api):
    account = await api.open_account()
    waiting = await recharge(api, account, cents=3000, method_kind="card")
    arriving = await recharge(api, account, cents=2500, method_kind="card")
    async with api.context.database.transaction() as session:
        row = await recharges.locked(session, account_id=account.id, recharge_id=waiting.id)
        await attempts.begin(session, row, number=1, method_id="card_x", off_session=True, now=api.clock.now())
        outcome = Outcome(state=State.REQUIRES_ACTION, attempt=1)
        await attempts.record(
            session, row, outcome, action_url=None, action_digest="d", failure=None, now=api.clock.now()
        )  # fmt: skip
    shown = await balance(api, account)
    assert (shown["pending"], [item["recharge"] for item in shown["pending_items"]]) == ("25.00", [arriving.id])
    assert "1 under way" in shown["why"]["pending"]
