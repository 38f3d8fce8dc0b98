"""An account's transactions: one line an operation that changed posted, newest first, with the running balance."""

from datetime import timedelta

import pytest

import ledger
from rules.chart import Kind
from tests.ledger import accounts
from tests.ledger.accounts import NOW


async def _busy_account(db, open_with):
    """One with 12 operations, of which 7 changed posted: 100, +25, -1 (three times), -5 (capture), -200 (settled)."""
    account = await open_with(100)
    async with db.transaction() as session:
        recharge = {"account_id": account, "recharge_id": "rchg_1", "amount_micros": 25, "now": NOW}
        await ledger.recharge_expected(session, **recharge)
        await ledger.recharge_settled(session, **recharge, charge_id="ch_1")
        for n in range(3):
            await accounts.charge(
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
        await accounts.charge(
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


async def test_filters_by_time_kind_and_subaccount(db, open_with):
    account = await _busy_account(db, open_with)
    late = await _page(db, account, posted_from=NOW + timedelta(hours=1))
    assert [line.key for line in late.transactions] == ["late", "h2", "call-2", "call-1"]
    assert {line.posted_at for line in late.transactions[:3]} == {NOW + timedelta(hours=2)}, "none is before the last"
    between = await _page(db, account, posted_from=NOW + timedelta(hours=1), posted_before=NOW + timedelta(hours=2))
    assert [line.key for line in between.transactions] == ["call-1"]
    fees = await _page(db, account, kind=Kind.FEE)
    assert [(line.key, line.settled) for line in fees.transactions] == [("late", True)]
    calls = await _page(db, account, subaccount="SA000000000000000001")
    assert [line.key for line in calls.transactions] == ["call-2", "call-1", "call-0"]
    own = await _page(db, account, subaccount=ledger.MAIN)
    assert [line.kind for line in own.transactions] == [
        Kind.FEE,
        Kind.HOLD_CAPTURED,
        Kind.RECHARGE_SETTLED,
        Kind.ADJUSTMENT,
    ]


@pytest.mark.parametrize("window", [1, 2, 3, 5])
async def test_what_filters_leave_out_ends_no_page(db, open_with, monkeypatch, window):
    """A statement looks at few transfers; a page goes on until it is full or the history ends."""
    monkeypatch.setattr("ledger.transactions.WINDOW", window)
    account = await _busy_account(db, open_with)
    whole = list((await _page(db, account)).transactions)
    assert len(whole) == 7
    for more in ({"kind": Kind.ADJUSTMENT}, {"subaccount": ledger.MAIN}, {"kind": Kind.USAGE}, {}):
        wanted = list((await _page(db, account, **more)).transactions)
        for direction, end in (("older_than", 10**6), ("newer_than", 0)):
            lines, page = [], await _page(db, account, limit=2, **more, **{direction: end})
            while True:
                found = list(page.transactions)
                lines = lines + found if direction == "older_than" else found + lines
                if not page.has_more:
                    break
                assert len(found) == 2
                cursor = found[-1 if direction == "older_than" else 0].seq
                page = await _page(db, account, limit=2, **more, **{direction: cursor})
            assert lines == wanted


async def test_a_stretch_is_what_there_was_whatever_comes_later(db, open_with):
    account = await _busy_account(db, open_with)
    async with db.transaction() as session:
        whole = await ledger.stretch(session, account)
        expected = (await ledger.history(session, account, limit=100)).transactions
    lines, left = [], whole
    while left is not None:
        async with db.transaction() as session:
            found, left = await ledger.read_on(session, left, rows=2)
            lines += found
            await accounts.charge(
                session, account_id=account, reference=f"new-{len(lines)}-{left is None}", amount_micros=1, now=NOW
            )
    assert lines == expected


async def test_a_captured_hold_is_listed_under_the_reference_that_it_was_placed_with(db, open_with):
    account = await open_with(100)
    held = {"account_id": account, "hold_id": "hold_x"}
    async with db.transaction() as session:
        await ledger.hold(
            session, **held, reference="call-9", amount_micros=40, now=NOW, sender_id="ACME", description="long"
        )
        await ledger.capture(session, **held, held_micros=40, captured_micros=60, settled=True, now=NOW)
    line = (await _page(db, account)).transactions[0]
    assert (line.amount, line.posted_after, line.settled) == (-60, 40, True)
    assert (line.key, line.source, line.sender_id, line.description) == ("call-9", "hold_x", "ACME", "long")


async def test_another_accounts_lines_are_not_shown(db, open_with):
    await _busy_account(db, open_with)
    assert (await _page(db, await open_with(0))).transactions == []
