"""An account's transactions: one line an operation that changed posted, newest first, with the running balance."""

from datetime import timedelta

import ledger
from rules.chart import Kind
from tests.ledger.accounts import NOW


async def _busy_account(db, open_with):
    """One with 12 operations, of which 7 changed posted: 100, +25, -1 (three times), -5 (capture), -200 (settled)."""
    account = await open_with(100)
    async with db.transaction() as session:
        recharge = {"account_id": account, "recharge_id": "rchg_1", "amount_micros": 25, "now": NOW}
        await ledger.recharge_expected(session, **recharge)
        await ledger.recharge_settled(session, **recharge, charge_id="ch_1")
        for n in range(3):
            await ledger.charge(
                session,
                account_id=account,
                reference=f"call-{n}",
                amount_micros=1,
                now=NOW + timedelta(hours=n),
                subaccount_id="SA000000000000000001",
                description="call",
            )
        for n in (1, 2):
            await ledger.hold(
                session, account_id=account, hold_id=f"hold_{n}", reference=f"h{n}", amount_micros=40, now=NOW
            )
        await ledger.release(session, account_id=account, hold_id="hold_1", held_micros=40, now=NOW)
        await ledger.capture(session, account_id=account, hold_id="hold_2", held_micros=40, captured_micros=5, now=NOW)
        await ledger.charge(
            session, account_id=account, reference="late", amount_micros=200, settled=True, kind=Kind.FEE, now=NOW
        )
        await ledger.recharge_expected(session, **recharge | {"recharge_id": "rchg_2"})
        await ledger.recharge_voided(session, **recharge | {"recharge_id": "rchg_2"})
    return account


async def _page(db, account, **more):
    async with db.transaction() as session:
        return await ledger.history(session, account, **{"limit": 100, **more})


async def test_each_line_says_what_changed_and_what_was_left(db, open_with):
    account = await _busy_account(db, open_with)
    page = await _page(db, account)
    assert not page.has_more
    assert [(line.kind, line.amount, line.posted_after) for line in reversed(page.transactions)] == [
        (Kind.ADJUSTMENT, 100, 100),
        (Kind.RECHARGE_SETTLED, 25, 125),
        (Kind.USAGE, -1, 124),
        (Kind.USAGE, -1, 123),
        (Kind.USAGE, -1, 122),
        (Kind.HOLD_CAPTURED, -5, 117),
        (Kind.FEE, -200, -83),
    ]
    charge = page.transactions[2]
    assert (charge.key, charge.subaccount_id, charge.description) == ("call-2", "SA000000000000000001", "call")
    assert charge.posted_at == NOW + timedelta(hours=2)
    assert ledger.parse_transaction_id(charge.id) == (account, charge.seq)
    assert page.transactions[-2].source == "rchg_1"


async def test_pages_meet_without_gap_or_overlap_in_both_directions(db, open_with):
    account = await _busy_account(db, open_with)
    whole = list((await _page(db, account)).transactions)
    down, page = [], await _page(db, account, limit=2)
    while page.transactions:
        down += page.transactions
        assert page.has_more == (len(down) < len(whole))
        page = await _page(db, account, limit=2, older_than=down[-1].seq)
    assert down == whole
    up, page = [], await _page(db, account, limit=3, newer_than=whole[-1].seq)
    while page.transactions:
        up = [*page.transactions, *up]
        page = await _page(db, account, limit=3, newer_than=up[0].seq)
    assert up == whole[:-1]


async def test_filters_by_time_and_kind(db, open_with):
    account = await _busy_account(db, open_with)
    late = await _page(db, account, posted_from=NOW + timedelta(hours=1))
    assert [line.key for line in late.transactions] == ["call-2", "call-1"]
    between = await _page(db, account, posted_from=NOW + timedelta(hours=1), posted_before=NOW + timedelta(hours=2))
    assert [line.key for line in between.transactions] == ["call-1"]
    fees = await _page(db, account, kind=Kind.FEE)
    assert [line.key for line in fees.transactions] == ["late"]


async def test_another_accounts_lines_are_not_shown(db, open_with):
    await _busy_account(db, open_with)
    assert (await _page(db, await open_with(0))).transactions == []
