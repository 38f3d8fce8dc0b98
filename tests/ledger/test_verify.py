"""`verify` (requirement H5): a sound book has no findings, and whatever is tampered with is found and named.

The tampering is done as superuser with triggers, and where needed constraints, switched off, and is rolled back.
"""

from datetime import timedelta

import pytest
from sqlalchemy import text

import ledger
from ledger.checks import CHECKS
from ledger.verification import MOST
from rules import chart
from rules.thresholds import Threshold
from tests.ledger import accounts
from tests.ledger.accounts import NOW


@pytest.fixture
async def session(book, postgres):
    """A superuser's transaction without triggers, rolled back at the end."""
    async with accounts.tampering(postgres.server, book.name) as opened:
        yield opened


SUBACCOUNT = "SA000000000000000001"


@pytest.fixture
async def account(db, open_with):
    """Transfers: 1 opening balance; 2 expected; 3, 4 settled; 5 usage; 6 hold; 7, 8 captured; 9 expected; 10 hold.

    Its subaccount's budget counts from 11: 11 usage; 12 hold; 13, 14 captured; 15 hold; 16 released.
    """
    account = await open_with(100)
    async with db.transaction() as session:
        recharge = {"account_id": account, "recharge_id": "rchg_1", "amount_micros": 25, "now": NOW}
        await ledger.recharge_expected(session, **recharge)
        await ledger.recharge_settled(session, **recharge, charge_id="ch_1")
        await accounts.charge(session, account_id=account, reference="call", amount_micros=1, now=NOW)
        hold = {"account_id": account, "hold_id": "hold_1", "now": NOW}
        await ledger.hold(session, **hold, reference="h1", amount_micros=40)
        await ledger.capture(session, **hold, held_micros=40, captured_micros=5)
        await ledger.recharge_expected(session, **recharge | {"recharge_id": "rchg_2"})
        await ledger.hold(session, **hold | {"hold_id": "hold_2"}, reference="h2", amount_micros=7)
        month = NOW.date().replace(day=1)
        budget = {"limit_micros": 50, "month": month, "month_starts": NOW + timedelta(seconds=1)}
        await ledger.set_budget(session, account_id=account, subaccount_id=SUBACCOUNT, **budget)
        await accounts.charge(session, account_id=account, reference="s", amount_micros=3, subaccount_id=SUBACCOUNT)
        for number, captured in ((3, 10), (4, None)):
            hold = {"account_id": account, "hold_id": f"hold_{number}", "now": NOW, "subaccount_id": SUBACCOUNT}
            await ledger.hold(session, **hold, reference=f"s{number}", amount_micros=4, budget_month=month)
            if captured is None:
                await ledger.release(session, **hold, held_micros=4)
            else:
                await ledger.capture(session, **hold, held_micros=4, captured_micros=captured, settled=True)
        found = await ledger.budgets(session, account, [SUBACCOUNT])
        assert found[SUBACCOUNT].spent_micros == 3 + 10
    return account


BUDGET = "UPDATE ledger_budget SET {} WHERE account_id = :account"
TRANSFER = "UPDATE ledger_transfer SET {} WHERE account_id = :account AND seq = {}"
THRESHOLD = "DELETE FROM ledger_threshold WHERE account_id = :account AND {}"
CROSSING = "UPDATE ledger_crossing SET {} WHERE account_id = :account"  # of zero, rising, by transfer 1
TAMPERED = {
    "a balance is raised": (
        ["UPDATE ledger_balance SET spendable = spendable + 1 WHERE account_id = :account"], {"balance"}),
    "money is held that no hold holds": (
        ["UPDATE ledger_balance SET held = held + 1 WHERE account_id = :account"], {"balance", "open"}),
    "pending is raised": (["UPDATE ledger_balance SET pending = 26 WHERE account_id = :account"], {"balance", "open"}),
    "an amount is changed": ([TRANSFER.format("amount = amount + 1", 1)], {"balance", "chain"}),
    "sides are swapped": ([TRANSFER.format("debit = credit, credit = debit", 5)], {"balance", "chain"}),
    "the last transfer is deleted": (
        ["DELETE FROM ledger_transfer WHERE account_id = :account AND seq = 16"],
        {"balance", "sequence", "open", "budget"}),
    "the first transfer is deleted": (
        ["DELETE FROM ledger_transfer WHERE account_id = :account AND seq = 1"],
        {"balance", "sequence", "chain", "crossing", "uncrossed"}),
    "a transfer in the middle is deleted": (
        ["DELETE FROM ledger_transfer WHERE account_id = :account AND seq = 5"], {"balance", "sequence", "chain"}),
    "all transfers are deleted": (
        ["DELETE FROM ledger_transfer WHERE account_id = :account"],
        {"balance", "sequence", "open", "budget", "crossing"}),
    "a transfer is renumbered": ([TRANSFER.format("seq = 17", 16)], {"sequence"}),
    "the counter is moved": (["UPDATE ledger_balance SET seq = 17 WHERE account_id = :account"], {"sequence"}),
    "the time of the latest transfer is moved": (
        ["UPDATE ledger_balance SET posted_at = posted_at + interval '1 s' WHERE account_id = :account"], {"sequence"}),
    "a transfer and its balance are taken out together": (
        ["DELETE FROM ledger_transfer WHERE account_id = :account AND seq = 5",
         "UPDATE ledger_balance SET spendable = spendable + 1 WHERE account_id = :account"], {"sequence", "chain"}),
    "a running balance is changed": ([TRANSFER.format("spendable_after = 0", 5)], {"chain", "uncrossed"}),
    "the last running balance is changed": ([TRANSFER.format("spendable_after = 0", 16)], {"chain", "uncrossed"}),
    "a running balance of posted is changed": ([TRANSFER.format("posted_after = 0", 5)], {"chain"}),
    "usage is dated before what was posted before it": (
        [TRANSFER.format("posted_at = posted_at - interval '1 second'", 5)], {"chain"}),
    "a leg is taken from its operation": ([TRANSFER.format("leg = 2", 8)], {"operation", "ending"}),
    "a leg is made an operation of its own": ([TRANSFER.format("leg = 0, kind = 1", 8)], {"ending"}),
    "a leg is of another time": ([TRANSFER.format("posted_at = posted_at - interval '1 second'", 8)], {"operation"}),
    "a leg is of another source": ([TRANSFER.format("source = 'hold_2'", 8)], {"operation"}),
    "a leg is of another subaccount": ([TRANSFER.format("subaccount_id = 'SA'", 8)], {"operation"}),
    "a kind is not in the chart": ([TRANSFER.format("kind = 99", 5)], {"transfer"}),
    "a code is not in the chart": ([TRANSFER.format("credit = 19", 5)], {"transfer"}),
    "a transfer is negative": (
        ["ALTER DOMAIN ledger_amount DROP CONSTRAINT ledger_amount",
         TRANSFER.format("amount = -amount, debit = credit, credit = debit", 5)], {"transfer", "guard"}),
    "a transfer goes nowhere": ([TRANSFER.format("credit = debit", 5)], {"transfer", "balance", "chain"}),
    "a key is on the second leg": ([TRANSFER.format("key = 'second'", 8)], {"operation"}),
    "a reference is charged twice": (
        ["DROP INDEX ledger_transfer_reference", TRANSFER.format("key = 'h1'", 5)], {"key", "guard"}),
    "a charge settles twice": (
        ["DROP INDEX ledger_transfer_key", TRANSFER.format("key = 'rchg_1'", 9)], {"key", "guard"}),
    "an end has no opening": ([TRANSFER.format("source = 'rchg_9'", 2)], {"ending", "open"}),
    "an end belongs to a younger opening": (
        [TRANSFER.format("source = 'rchg_9'", 2), TRANSFER.format("source = 'rchg_1'", 9)], {"ending"}),
    "an end is of another amount": ([TRANSFER.format("amount = 24", 3)], {"ending", "balance", "chain"}),
    "two ends of one opening": (
        ["DROP INDEX ledger_transfer_ending", TRANSFER.format("kind = 51, source = 'hold_1'", 5)], {"ending", "guard"}),
    "an end is of another subaccount": ([TRANSFER.format("subaccount_id = NULL", 16)], {"ending", "budget"}),
    "an account has lost its row": (["DELETE FROM ledger_balance WHERE account_id = :account"],
        {"account", "budget", "threshold"}),
    "usage that nobody settled went below zero": (
        [TRANSFER.format("spendable_after = -1", 5)], {"chain", "overdraft", "uncrossed"}),
    "a hold went below zero": (
        [TRANSFER.format("spendable_after = -1", 10)], {"chain", "overdraft", "uncrossed"}),
    "more than was held was captured unsettled": (
        ["UPDATE ledger_transfer SET settled = false WHERE account_id = :account AND seq IN (13, 14)"], {"overdraft"}),
    "a budget has spent less": ([BUDGET.format("spent = spent - 1")], {"budget"}),
    "a budget counts from elsewhere": ([BUDGET.format("since = since + 1")], {"budget"}),
    "a budget counts from nowhere": ([BUDGET.format("since = 18, spent = 0")], {"budget"}),
    "a budget's month begins in its middle": ([BUDGET.format("month = month + 1")], {"budget"}),
    "usage of a subaccount is taken from it": ([TRANSFER.format("subaccount_id = NULL", 11)], {"budget"}),
    "a balance has a wrong sign": (
        ["ALTER DOMAIN ledger_owed DROP CONSTRAINT ledger_owed",
         "UPDATE ledger_balance SET at_risk = -1 WHERE account_id = :account"], {"sign", "balance", "guard"}),
    "more is lent than is pending": (
        ["DROP TRIGGER ledger_balance_provisional ON ledger_balance",
         "UPDATE ledger_balance SET provisional = -99 WHERE account_id = :account"], {"sign", "balance", "guard"}),
    "what is watched next is moved": (
        ["UPDATE ledger_balance SET next_above = next_above + 1 WHERE account_id = :account"], {"threshold"}),
    "nothing is watched next": (
        ["UPDATE ledger_balance SET next_below = NULL WHERE account_id = :account"], {"threshold"}),
    "the next threshold is taken away": ([THRESHOLD.format("below = 10000000")], {"threshold"}),
    "zero is not watched": (
        [THRESHOLD.format("kind = 2"), "UPDATE ledger_balance SET next_below = NULL WHERE account_id = :account"],
        {"threshold"}),
    "a threshold begins after the end": (
        ["UPDATE ledger_threshold SET since = 17 WHERE account_id = :account AND kind = 1"], {"threshold"}),
    "a crossing is taken away": (["DELETE FROM ledger_crossing WHERE account_id = :account"], {"uncrossed"}),
    "a crossing goes the other way": (
        ["ALTER TABLE ledger_crossing DROP CONSTRAINT ledger_crossing_rising", CROSSING.format("rising = false")],
        {"crossing", "uncrossed", "guard"}),
    "a crossing is of another transfer": ([CROSSING.format("seq = 5")], {"crossing", "uncrossed"}),
    "a crossing is of the second leg": ([CROSSING.format("seq = 8")], {"crossing", "uncrossed"}),
    "a crossing is of a threshold that was not reached": ([CROSSING.format("below = 101")], {"crossing", "uncrossed"}),
    "a crossing tells another balance": ([CROSSING.format("spendable_after = 101")], {"crossing"}),
    "a crossing tells another time": (
        [CROSSING.format("crossed_at = crossed_at + interval '1 second'")], {"crossing"}),
    "a crossing is made up": (
        ["""INSERT INTO ledger_crossing (account_id, seq, kind, below, rising, spendable_after, crossed_at)
            SELECT account_id, seq, 1, 200, false, spendable_after, posted_at FROM ledger_transfer
            WHERE account_id = :account AND seq = 5"""], {"crossing"}),
    "a budget is used up by another": (
        ["""INSERT INTO ledger_crossing (account_id, seq, kind, below, rising, subaccount_id, spendable_after,
            crossed_at) SELECT account_id, seq, 5, 50, false, 'SA000000000000000002', spendable_after, posted_at
            FROM ledger_transfer WHERE account_id = :account AND seq = 11"""], {"crossing"}),
}  # fmt: skip


@pytest.mark.parametrize("case", TAMPERED)
async def test_tampering_is_found_and_named(session, account, case):
    statements, checks = TAMPERED[case]
    for statement in statements:
        await session.execute(text(statement), {"account": account} if ":account" in statement else {})
    findings = await ledger.verify(session)
    assert {finding.check for finding in findings} == checks
    assert {finding.account_id for finding in findings if finding.check != "guard"} <= {account}


GUARDS = {
    "ALTER TABLE ledger_transfer DISABLE TRIGGER ledger_transfer_append_only": "ledger_transfer_append_only",
    "ALTER TABLE ledger_transfer ENABLE REPLICA TRIGGER ledger_transfer_append_only": "ledger_transfer_append_only",
    "DROP TRIGGER ledger_balance_never_emptied ON ledger_balance": "ledger_balance_never_emptied",
    "DROP INDEX ledger_transfer_opening": "ledger_transfer_opening",
    "ALTER TABLE ledger_transfer DROP CONSTRAINT ledger_transfer_pkey": "ledger_transfer_pkey",
    "ALTER DOMAIN ledger_owed DROP CONSTRAINT ledger_owed": "ledger_owed",
    "ALTER TABLE ledger_balance ALTER COLUMN at_risk TYPE bigint": "ledger_balance.at_risk",
    "DROP TRIGGER ledger_balance_provisional ON ledger_balance": "ledger_balance_provisional",
    "ALTER TABLE ledger_budget DROP CONSTRAINT ledger_budget_spent": "ledger_budget_spent",
    "ALTER TABLE ledger_budget DROP CONSTRAINT ledger_budget_pkey": "ledger_budget_pkey",
    "DROP TRIGGER account_moves_epoch ON account": "account_moves_epoch",
    "ALTER TABLE account_token DISABLE TRIGGER account_token_moves_epoch": "account_token_moves_epoch",
    "ALTER TABLE subaccount DISABLE TRIGGER ALL": "subaccount_moves_epoch",
    "DROP TRIGGER subaccount_token_moves_epoch ON subaccount_token": "subaccount_token_moves_epoch",
    "DROP FUNCTION ledger_lock": "ledger_lock",
    "ALTER FUNCTION ledger_post SECURITY INVOKER": "ledger_post",
    "ALTER FUNCTION ledger_charge_one RESET search_path": "ledger_charge_one",
    "ALTER FUNCTION ledger_charge_all OWNER TO postgres": "ledger_charge_all",
    "DROP TRIGGER ledger_balance_crosses ON ledger_balance": "ledger_balance_crosses",
    "ALTER TABLE ledger_budget DISABLE TRIGGER ledger_budget_crosses": "ledger_budget_crosses",
    "DROP TRIGGER ledger_crossing_stays ON ledger_crossing": "ledger_crossing_stays",
    "ALTER TABLE ledger_crossing DISABLE TRIGGER ledger_crossing_never_emptied": "ledger_crossing_never_emptied",
    "ALTER TABLE ledger_threshold DROP CONSTRAINT ledger_threshold_pkey": "ledger_threshold_pkey",
    "ALTER TABLE ledger_crossing DROP CONSTRAINT ledger_crossing_pkey": "ledger_crossing_pkey",
    "ALTER TABLE ledger_crossing DROP CONSTRAINT ledger_crossing_payer": "ledger_crossing_payer",
    "ALTER FUNCTION ledger_watch SECURITY INVOKER": "ledger_watch",
    "ALTER FUNCTION ledger_crosses RESET search_path": "ledger_crosses",
}


@pytest.mark.parametrize("statement", GUARDS)
async def test_a_guard_that_is_off_is_named(session, statement):
    await session.execute(text(statement))
    (finding,) = await ledger.verify(session)
    assert finding.check == "guard"
    assert finding.detail.startswith(GUARDS[statement])


@pytest.mark.parametrize("table", ["ledger_transfer", "ledger_budget", "ledger_threshold", "ledger_crossing"])
async def test_a_right_to_write_is_named(session, table):
    await session.execute(text(f"GRANT UPDATE ON {table} TO prepay_app"))
    await session.execute(text("SET LOCAL ROLE prepay_app"))
    (finding,) = await ledger.verify(session)
    assert finding.detail == f"prepay_app may write {table}"


async def test_a_sound_book_has_no_findings_and_progress_is_told(db, account, open_with):
    await open_with(0)
    told = []
    async with db.transaction() as session:
        assert await ledger.verify(session, lambda *step: told.append(step)) == []
    assert told == [*((name, n, len(CHECKS)) for n, name in enumerate(CHECKS)), ("done", len(CHECKS), len(CHECKS))]


async def test_an_empty_book_is_sound(database):
    from store.database import Database

    async with Database(database.app_url) as empty, empty.transaction() as session:
        assert await ledger.verify(session) == []


async def test_a_broken_book_is_not_read_out_line_by_line(session, account):
    await session.execute(
        text("""INSERT INTO ledger_transfer (account_id, seq, posted_at, amount, spendable_after, posted_after, leg,
            kind, debit, credit) SELECT :account, n, now(), 1, 0, 0, 0, 99, 10, 20 FROM generate_series(17, 400) n"""),
        {"account": account},
    )
    findings = await ledger.verify(session)
    assert sum(finding.check == "transfer" for finding in findings) == MOST


def test_every_check_is_seen_to_find_something():
    assert set().union(*(checks for _, checks in TAMPERED.values())) == set(CHECKS)


async def test_a_missing_crossing_of_an_operation_of_several_legs_is_found(session, db, open_with):
    """Its first leg moves available and its last one does not: it is judged whole."""
    account = await open_with(100)
    async with db.transaction() as writing:
        await ledger.watch(writing, account, Threshold.ALERT, [100])
        withdrawn = ledger.Posting(account_id=account, operation=chart.withdrawn(5), key="dp", source="dp", now=NOW)
        assert await accounts.post(writing, withdrawn) == "posted"
    assert await ledger.verify(session) == []
    await session.execute(text("DELETE FROM ledger_crossing WHERE account_id = :a AND kind = 1"), {"a": account})
    (finding,) = await ledger.verify(session)
    assert (finding.check, finding.account_id) == ("uncrossed", account)
    assert finding.detail.startswith("transfer 2 went from 100 to 95 past 100")
