"""One function posts: it refuses, replays, and keeps its word when many ask at once."""

import asyncio
import hashlib
from collections import Counter

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

import ledger
from ledger import AccountNotOpenError, AlreadyEndedError, KeyReusedError, Posting
from rules import chart
from rules.chart import Code, Kind, Leg, Operation
from tests.ledger import accounts
from tests.ledger.accounts import NOW, new_account_id

CENT = 10_000


async def _charge(db, account, reference, amount, **more):
    async with db.transaction() as session:
        return await accounts.charge(session, account_id=account, reference=reference, amount_micros=amount, **more)


async def _balances(db, account):
    async with db.transaction() as session:
        return await ledger.balances(session, account)


async def test_sixty_four_charges_for_the_last_cent_one_passes(db, open_with):
    account = await open_with(CENT)
    results = await asyncio.gather(*(_charge(db, account, f"call-{n}", CENT) for n in range(64)))
    assert Counter(result.outcome for result in results) == {"posted": 1, "balance_exhausted": 63}
    assert (await _balances(db, account)).available == 0


async def test_sixty_four_calls_with_one_reference_are_one_charge(db, open_with):
    account = await open_with(100 * CENT)
    results = await asyncio.gather(*(_charge(db, account, "call", CENT) for _ in range(64)))
    assert Counter(result.outcome for result in results) == {"posted": 1, "replayed": 63}
    assert len({result.transaction_id for result in results}) == 1
    assert (await _balances(db, account)).available == 99 * CENT


async def test_a_replay_is_answered_even_when_the_money_is_gone_since(db, open_with):
    account = await open_with(CENT)
    first = await _charge(db, account, "call", CENT)
    again = await _charge(db, account, "call", CENT)
    assert again.outcome == "replayed"
    assert (again.seq, again.spendable_after, again.posted_at) == (first.seq, first.spendable_after, first.posted_at)


async def test_a_refusal_is_not_stored(db, open_with):
    account = await open_with(CENT)
    assert (await _charge(db, account, "call", 2 * CENT)).outcome == "balance_exhausted"
    assert (await _charge(db, account, "call", CENT)).outcome == "posted"


@pytest.mark.parametrize(
    "other",
    [
        {"amount": 2},
        {"kind": Kind.FEE},
        {"description": "other"},
        {"subaccount_id": "SA000000000000000001"},
        {"sender_id": "other"},
        {"settled": True},
    ],
)
async def test_the_same_reference_with_other_content_is_an_error_and_the_transaction_lives_on(db, open_with, other):
    account = await open_with(CENT)
    await _charge(db, account, "call", 1)
    content = {"amount_micros": other.pop("amount", 1), **other}
    async with db.transaction() as session:
        found = await accounts.charge(session, account_id=account, reference="call", **content)
        assert found.outcome == "conflict"
        await accounts.charge(session, account_id=account, reference="another", amount_micros=1)
    assert (await _balances(db, account)).available == CENT - 2


async def test_references_with_one_md5_are_two_references(db, open_with):
    one, other = (f"TEXTCOLLBYfGiJUETHQ4h{c}cKSMd5zYpgqf1YRDhkmxHkhPWptrkoyz28wnI9V0aHeAuaKnak" for c in "AE")
    assert hashlib.md5(one.encode()).digest() == hashlib.md5(other.encode()).digest()
    account = await open_with(CENT)
    await _charge(db, account, one, 1)
    assert (await _charge(db, account, other, 1)).outcome == "conflict"
    assert (await _charge(db, account, one, 1)).outcome == "replayed"


async def test_usage_and_holds_share_one_space_of_references_and_nothing_else_does(db, open_with):
    account = await open_with(CENT)
    await _charge(db, account, "x", 1)
    async with db.transaction() as session:
        held = await ledger.hold(session, account_id=account, hold_id="h", reference="x", amount_micros=1, now=NOW)
        assert held.outcome == "conflict"
        settled = {"account_id": account, "recharge_id": "rchg_1", "amount_micros": 7, "now": NOW}
        await ledger.recharge_expected(session, **settled)
        await ledger.recharge_settled(session, **settled, charge_id="x")
        await ledger.adjust(
            session, account_id=account, adjustment_id="x", kind="goodwill", amount_micros=1, reason="sorry", now=NOW
        )
    other = await open_with(CENT)
    assert (await _charge(db, other, "x", 1)).outcome == "posted", "another account, another space"


async def test_settled_usage_alone_goes_below_zero(db, open_with):
    account = await open_with(1)
    assert (await _charge(db, account, "a", 2)).outcome == "balance_exhausted"
    assert (await _charge(db, account, "a", 2, settled=True)).spendable_after == -1
    assert (await _charge(db, account, "b", 1)).outcome == "balance_exhausted"


async def test_what_raises_available_is_posted_though_it_stays_below_zero(db, open_with):
    account = await open_with(10)
    async with db.transaction() as session:
        await ledger.hold(session, account_id=account, hold_id="hold_1", reference="h", amount_micros=10, now=NOW)
        await accounts.charge(session, account_id=account, reference="c", amount_micros=50, settled=True)
        freed = await ledger.release(session, account_id=account, hold_id="hold_1", held_micros=10, now=NOW)
    assert freed.balances.available == -40


async def test_nothing_is_posted_on_an_account_that_was_not_opened(db):
    with pytest.raises(asyncpg.PostgresError) as refused:
        await _charge(db, new_account_id(), "a", 1)
    assert refused.value.sqlstate == "LG001"
    posting = Posting(account_id=new_account_id(), operation=chart.adjustment("goodwill", 1), now=NOW, key="a")
    with pytest.raises(AccountNotOpenError):
        async with db.transaction() as session:
            await ledger.post(session, posting)
    with pytest.raises(AccountNotOpenError):
        async with db.transaction() as session:
            await ledger.lock(session, [new_account_id()])


async def test_a_rolled_back_posting_leaves_nothing_and_its_key_is_free(db, open_with):
    account = await open_with(CENT)
    async with db.transaction() as session:
        await accounts.charge(session, account_id=account, reference="a", amount_micros=1)
        await session.rollback()
    assert (await _charge(db, account, "a", 2)).spendable_after == CENT - 2


LEG = Leg(Code.USAGE, Code.SPENDABLE, 1)  # raises spendable, so it is never refused for want of money


@pytest.mark.parametrize(
    ("operation", "key"),
    [
        (Operation(Kind.ADJUSTMENT, ()), "a"),
        (Operation(Kind.ADJUSTMENT, (LEG,) * 9), "a"),
        (Operation(Kind.ADJUSTMENT, (Leg(Code.USAGE, Code.SPENDABLE, 0),)), "a"),
        (Operation(Kind.ADJUSTMENT, (Leg(Code.USAGE, Code.SPENDABLE, -5),), may_overdraw=True), "a"),
        (Operation(Kind.ADJUSTMENT, (Leg(Code.SPENDABLE, Code.USAGE, -5),)), "a"),
        (Operation(Kind.ADJUSTMENT, (Leg(Code.USAGE, Code.USAGE, 1),)), "a"),
        (Operation(Kind.ADJUSTMENT, (Leg(Code.SPENDABLE, Code.USAGE, 2**63 - 1),), may_overdraw=True), "a"),
        (Operation(Kind.ADJUSTMENT, (LEG,)), ""),
        (Operation(Kind.ADJUSTMENT, (LEG,)), "k" * 256),
        (chart.usage(1), "is charged elsewhere"),
        (chart.hold(1), "is held elsewhere"),
        (chart.refund_asked(1), "opens nothing, for it has no source"),
        (chart.recharge_voided(1), "ends what was never opened"),
        (chart.provisional_granted(1), "lends against nothing that is pending"),
        (chart.reinstated(1), "gives back what was not withdrawn"),
        (Operation(Kind.REINSTATED, (Leg(Code.HELD, Code.SPENDABLE, 1),)), "takes from holds what is not held"),
    ],
)
async def test_what_cannot_be_is_refused_by_the_database_itself(db, open_with, operation, key):
    account = await open_with(CENT)
    async with db.transaction() as session:  # a first overdraft, so that the largest amount overflows
        await accounts.charge(session, account_id=account, reference="s", amount_micros=3 * CENT, settled=True)
    before = await _balances(db, account)
    posting = Posting(account_id=account, operation=operation, now=NOW, key=key)
    with pytest.raises(DBAPIError):
        async with db.transaction() as session:
            await ledger.post(session, posting)
    assert await _balances(db, account) == before


async def test_a_key_of_255_characters_in_any_script_is_taken(db, open_with):
    account = await open_with(CENT)
    key = "ключ " * 51
    assert (await _charge(db, account, key, 1)).outcome == "posted"
    assert (await _charge(db, account, key, 1)).outcome == "replayed"


async def test_an_account_id_has_its_form(db):
    with pytest.raises(IntegrityError):
        async with db.transaction() as session:
            await ledger.open_account(session, "MA123")


async def test_locks_are_taken_in_id_order_so_opposite_wishes_do_not_deadlock(db, open_with):
    every = [await open_with(CENT) for _ in range(6)]

    async def take(order):
        async with db.transaction() as session:
            found = await ledger.lock(session, order)
            assert list(found) == sorted(order)
            for account in order:
                await accounts.charge(session, account_id=account, reference=f"{order}", amount_micros=1)

    await asyncio.gather(*(take(every[n % 6 :] + every[: n % 6]) for n in range(24)))
    assert [(await _balances(db, account)).seq for account in every] == [1 + 6] * 6


async def test_locks_are_taken_in_id_order_however_the_rows_lie(db):
    every = sorted(new_account_id() for _ in range(6))
    async with db.transaction() as session:
        for account in reversed(every):
            await ledger.open_account(session, account)
        for plan in ("enable_indexscan", "enable_indexonlyscan", "enable_bitmapscan"):
            await session.execute(text(f"SET LOCAL {plan} = off"))
        assert list(await ledger.lock(session, every)) == every


async def test_a_lock_holds_others_off_until_the_transaction_ends(db, open_with):
    account = await open_with(CENT)
    async with db.transaction() as session:
        await ledger.lock(session, [account])
        async with db.transaction() as other:
            await other.execute(text("SET LOCAL lock_timeout = '50ms'"))
            with pytest.raises(asyncpg.LockNotAvailableError):
                await accounts.charge(other, account_id=account, reference="a", amount_micros=1)
            await other.rollback()
    assert (await _charge(db, account, "a", 1)).outcome == "posted"


WHOLE_LIVES = {
    "a hold captured in part": [(chart.hold(40), "hold_1"), (chart.hold_captured(40, 15), "hold_1")],
    "a hold captured with more": [(chart.hold(40), "hold_1"), (chart.hold_captured(40, 900, settled=True), "hold_1")],
    "a hold released": [(chart.hold(40), "hold_1"), (chart.hold_released(40), "hold_1")],
    "a recharge settled with credit lent": [
        (chart.recharge_expected(50), "rchg_1"),
        (chart.provisional_granted(20), "rchg_1"),
        (chart.recharge_settled(50, lent=20), "rchg_1"),
    ],
    "a recharge voided after its credit was spent": [
        (chart.recharge_expected(50), "rchg_1"),
        (chart.provisional_granted(50), "rchg_1"),
        (chart.usage(140), None),
        (chart.recharge_voided(50, lent=50), "rchg_1"),
    ],
    "a dispute won": [(chart.withdrawn(130), "dp_1"), (chart.reinstated(130), "dp_1")],
    "a dispute lost": [
        (chart.withdrawn(130), "dp_1"),
        (chart.processor_fee(15), "dp_1"),
        (chart.dispute_lost(130), "dp_1"),
    ],
    "a refund done and come back": [
        (chart.refund_asked(30), "rfnd_1"),
        (chart.refund_done(30), "rfnd_1"),
        (chart.refund_reversed(30), "rfnd_1"),
    ],
    "a refund that failed": [(chart.refund_asked(30), "rfnd_1"), (chart.refund_failed(30), "rfnd_1")],
    "a refund made elsewhere": [(chart.refund_mirrored(130), "rchg_1")],
}


@pytest.mark.parametrize("life", WHOLE_LIVES)
async def test_every_verb_is_booked_as_the_chart_says(db, superuser, open_with, life):
    account = await open_with(100)
    posted = [chart.adjustment("opening_balance", 100)]
    for number, (operation, source) in enumerate(WHOLE_LIVES[life]):
        async with db.transaction() as session:
            posting = Posting(account_id=account, operation=operation, now=NOW, key=f"k{number}", source=source)
            assert await accounts.post(session, posting) == "posted"
            after = await ledger.balances(session, account)
        posted.append(operation)
        sums = chart.balances(leg for each in posted for leg in each.legs)
        assert (after.spendable, after.pending, after.code_provisional) == (
            sums[Code.SPENDABLE],
            sums[Code.PENDING],
            sums[Code.PROVISIONAL],
        )
        assert (after.code_held, after.at_risk, after.refund_due) == (
            sums[Code.HELD],
            sums[Code.AT_RISK],
            sums[Code.REFUND_DUE],
        )
        last = await superuser.fetchrow(
            "SELECT * FROM ledger_transfer WHERE account_id = $1 ORDER BY seq DESC LIMIT 1", account
        )
        assert last["posted_after"] == after.posted == sum(sums[code] for code in chart.POSTED)
        assert last["spendable_after"] == after.available
    entries = await superuser.fetch(
        "SELECT code, sum(amount)::bigint FROM ledger_entry WHERE account_id = $1 GROUP BY code", account
    )
    assert dict.fromkeys(Code, 0) | {Code(code): amount for code, amount in entries} == sums
    async with db.transaction() as session:
        assert [found for found in await ledger.verify(session) if found.account_id == account] == []


async def test_a_hold_is_ended_once_by_capture_or_by_release(db, open_with):
    account = await open_with(100)
    async with db.transaction() as session:
        common = {"account_id": account, "hold_id": "hold_1", "now": NOW}
        held = await ledger.hold(session, **common, reference="call", amount_micros=60)
        assert (held.outcome, held.spendable) == ("posted", 40)
        found = await ledger.balances(session, account)
        assert (found.available, found.held, found.posted) == (40, 60, 100)
        captured = await ledger.capture(session, **common, held_micros=60, captured_micros=25)
        assert (captured.balances.available, captured.balances.held, captured.balances.posted) == (75, 0, 75)
        assert (await ledger.capture(session, **common, held_micros=60, captured_micros=25)).replayed
        with pytest.raises(AlreadyEndedError):
            await ledger.release(session, **common, held_micros=60)
        with pytest.raises(KeyReusedError):
            await ledger.capture(session, **common, held_micros=60, captured_micros=26)


async def test_more_than_was_held_is_captured_only_as_settled_usage(db, open_with):
    account = await open_with(100)
    async with db.transaction() as session:
        common = {"account_id": account, "hold_id": "hold_1", "now": NOW}
        await ledger.hold(session, **common, reference="call", amount_micros=60)
        with pytest.raises(ValueError, match="settled"):
            await ledger.capture(session, **common, held_micros=60, captured_micros=200)
        more = await ledger.capture(session, **common, held_micros=60, captured_micros=200, settled=True)
    assert (more.balances.available, more.balances.held) == (-100, 0)


async def test_a_capture_that_names_another_amount_than_is_held_is_refused_by_the_database(db, open_with):
    account = await open_with(100)
    async with db.transaction() as session:
        for n in (1, 2):
            await ledger.hold(
                session, account_id=account, hold_id=f"hold_{n}", reference=f"{n}", amount_micros=40, now=NOW
            )
    with pytest.raises(DBAPIError, match="does not end what was opened: 50 of 40"):
        async with db.transaction() as session:
            await ledger.capture(
                session, account_id=account, hold_id="hold_1", held_micros=50, captured_micros=50, now=NOW
            )


async def test_an_adjustment_is_signed_and_may_go_below_zero(db, open_with):
    account = await open_with(0)
    async with db.transaction() as session:
        common = {"account_id": account, "reason": "because", "now": NOW}
        up = await ledger.adjust(session, **common, adjustment_id="adj_1", kind="promotional", amount_micros=5)
        down = await ledger.adjust(session, **common, adjustment_id="adj_2", kind="correction", amount_micros=-8)
        again = await ledger.adjust(session, **common, adjustment_id="adj_2", kind="correction", amount_micros=-8)
        off = await ledger.adjust(session, **common, adjustment_id="adj_3", kind="write_off", amount_micros=3)
    assert [result.balances.posted for result in (up, down, again, off)] == [5, -3, -3, 0]
    assert again.replayed
