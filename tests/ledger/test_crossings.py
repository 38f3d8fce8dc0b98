"""Crossings (requirement H4, A7): what falls below a threshold is recorded once, by the operation that did it."""

import asyncio
import re
from datetime import timedelta

import asyncpg
import pytest
from sqlalchemy import text

import ledger
from ledger import AccountNotOpenError, Posting
from ledger.charge import Charge
from ledger.crossings import AlreadyHandedError, handed, put_off, take
from ledger.group_commit import GroupCommit
from rules import alerts, chart
from rules.thresholds import ZERO_BELOW, Threshold
from store.database import Database
from tests.ledger import accounts
from tests.ledger.accounts import NOW, new_account_id

DOLLAR = 1_000_000
SUBACCOUNT = "SA000000000000000001"
MONTH = NOW.date().replace(day=1)


@pytest.fixture
async def commit(book):
    group = GroupCommit(book.app_url, now=lambda: NOW)
    yield group
    await group.close()


@pytest.fixture
async def alone(postgres, migrated):
    """A book of the test's own: for what looks at all that waits."""
    copy = await postgres.create_database(template=migrated.name)
    async with Database(copy.app_url) as opened:
        yield opened
    await postgres.drop_database(copy)


def charge(account, reference, amount, **fields):
    return Charge(account_id=account, reference=reference, amount_micros=amount, epoch=0, **fields)


async def spend(db, account, reference, amount, **more):
    async with db.transaction() as session:
        answer = await accounts.charge(session, account_id=account, reference=reference, amount_micros=amount, **more)
    assert answer.outcome == "posted"
    return answer.seq


async def post(db, account, operation, source="s", **more):
    async with db.transaction() as session:
        posting = Posting(
            account_id=account, operation=operation, key=f"{operation.kind}/{source}", source=source, now=NOW, **more
        )
        assert await accounts.post(session, posting) == "posted"


async def crossed(db, account):
    """(seq, threshold, which way, balance after) of all that was crossed; zero is 0 here."""
    async with db.transaction() as session:
        found = await ledger.crossed(session, account)
        assert [one for one in await ledger.verify(session) if one.account_id == account] == []
    return [
        (one.seq, 0 if one.kind is Threshold.ZERO else one.below_micros, "up" if one.rising else "down",
         one.spendable_after)
        for one in found
    ]  # fmt: skip


async def falls(db, account):
    return [(seq, below, after) for seq, below, way, after in await crossed(db, account) if way == "down"]


async def watch(db, account, *below, kind=Threshold.ALERT):
    async with db.transaction() as session:
        await ledger.watch(session, account, kind, below)


async def test_an_account_begins_with_the_alerts_that_need_no_set_up_and_with_zero(db, open_with):
    account = await open_with(0)
    async with db.transaction() as session:
        assert (await ledger.watched(session, account))[Threshold.ALERT] == list(alerts.BUILT_IN)
        assert (await ledger.watched(session, account))[Threshold.ZERO] == [ZERO_BELOW]
        await ledger.open_account(session, account)
    assert await crossed(db, account) == [], "it opens at nothing, which is no fall"


async def test_one_charge_through_three_fires_each_once(db, open_with):
    account = await open_with(260 * DOLLAR)
    seq = await spend(db, account, "all", 255 * DOLLAR)
    left = 5 * DOLLAR
    assert await falls(db, account) == [(seq, 250 * DOLLAR, left), (seq, 100 * DOLLAR, left), (seq, 10 * DOLLAR, left)]


async def test_exactly_on_a_threshold_is_not_below_it(db, open_with):
    account = await open_with(300 * DOLLAR)
    await spend(db, account, "on", 50 * DOLLAR)
    assert await falls(db, account) == []
    seq = await spend(db, account, "below", 1)
    assert await falls(db, account) == [(seq, 250 * DOLLAR, 250 * DOLLAR - 1)]


async def test_zero_is_reached_exactly_and_left_by_a_millionth(db, open_with):
    account = await open_with(2)
    await spend(db, account, "a", 1)
    seq = await spend(db, account, "b", 1)
    await spend(db, account, "settled", 5, settled=True)
    await post(db, account, chart.adjustment("goodwill", 5), "to nothing")
    await post(db, account, chart.adjustment("goodwill", 1), "above")
    assert await crossed(db, account) == [(1, 0, "up", 2), (seq, 0, "down", 0), (6, 0, "up", 1)]


async def test_rising_arms_it_again_and_staying_below_says_nothing(db, open_with):
    account = await open_with(101 * DOLLAR)
    first = await spend(db, account, "1", 2 * DOLLAR)
    await spend(db, account, "2", 2 * DOLLAR)
    await post(db, account, chart.adjustment("goodwill", 2 * DOLLAR), "almost")
    await spend(db, account, "3", 2 * DOLLAR)
    await post(db, account, chart.adjustment("goodwill", 3 * DOLLAR), "exactly on it")
    second = await spend(db, account, "4", 1)
    assert await falls(db, account) == [
        (first, 100 * DOLLAR, 99 * DOLLAR), (second, 100 * DOLLAR, 100 * DOLLAR - 1),
    ]  # fmt: skip


async def test_a_new_threshold_above_the_balance_says_nothing_until_it_is_passed_both_ways(db, open_with):
    account = await open_with(50 * DOLLAR)
    await watch(db, account, 60 * DOLLAR, 50 * DOLLAR)
    at_it = await spend(db, account, "1", DOLLAR)
    await spend(db, account, "2", DOLLAR)
    await post(db, account, chart.adjustment("goodwill", 20 * DOLLAR))
    below = await spend(db, account, "3", 10 * DOLLAR)
    assert await falls(db, account) == [(at_it, 50 * DOLLAR, 49 * DOLLAR), (below, 60 * DOLLAR, 58 * DOLLAR)]


async def test_what_is_not_watched_any_more_is_not_crossed_and_what_stays_is_as_it_was(db, open_with):
    account = await open_with(50 * DOLLAR)
    await watch(db, account, 40 * DOLLAR, 30 * DOLLAR, 30 * DOLLAR)
    await spend(db, account, "1", 5 * DOLLAR)
    await watch(db, account, 30 * DOLLAR, 20 * DOLLAR)
    async with db.transaction() as session:
        assert (await ledger.watched(session, account))[Threshold.ALERT] == [30 * DOLLAR, 20 * DOLLAR]
        assert (await ledger.watched(session, account))[Threshold.ZERO] == [ZERO_BELOW]
        kept = await session.execute(
            text("SELECT below, since FROM ledger_threshold WHERE account_id = :a AND kind = 1 ORDER BY below"),
            {"a": account},
        )
        assert kept.all() == [(20 * DOLLAR, 2), (30 * DOLLAR, 1)]
    seq = await spend(db, account, "2", 20 * DOLLAR)
    assert await falls(db, account) == [(seq, 30 * DOLLAR, 25 * DOLLAR)]
    await watch(db, account)
    last = await spend(db, account, "3", 25 * DOLLAR)
    assert (await falls(db, account))[1:] == [(last, 0, 0)]


async def test_kinds_are_watched_beside_each_other_even_at_one_amount(db, open_with):
    account = await open_with(20)
    await watch(db, account, 10)
    await watch(db, account, 10, -5, kind=Threshold.MINIMUM)
    await spend(db, account, "1", 11)
    await spend(db, account, "2", 15, settled=True)
    async with db.transaction() as session:
        found = [(one.seq, one.kind, one.below_micros) for one in await ledger.crossed(session, account)]
    assert found == [
        (1, Threshold.ZERO, 1), (2, Threshold.ALERT, 10), (2, Threshold.MINIMUM, 10),
        (3, Threshold.ZERO, 1), (3, Threshold.MINIMUM, -5),
    ]  # fmt: skip
    await watch(db, account)
    assert (3, 0, -6) in await falls(db, account)


async def test_who_asks_for_nonsense_is_told(db, open_with):
    account = await open_with(1)
    with pytest.raises(AccountNotOpenError):
        await watch(db, new_account_id(), 1)
    with pytest.raises(ValueError, match="budgets"):
        await watch(db, account, 1, kind=Threshold.BUDGET)
    for wanted in ("NULL, '{1}'", "1::smallint, NULL", "1::smallint, '{NULL}'"):
        with pytest.raises(Exception, match="malformed thresholds"):
            async with db.transaction() as session:
                await session.execute(text(f"SELECT ledger_watch('{account}', {wanted})"))
    with pytest.raises(Exception, match="no balance row"):
        async with db.transaction() as session:
            await session.execute(text("SELECT ledger_watch('MA', 1::smallint, '{1}')"))


CAUSES = {
    "a charge": [chart.usage(5)],
    "a fee": [chart.usage(5, kind=chart.Kind.FEE)],
    "settled usage": [chart.usage(5, settled=True)],
    "a hold": [chart.hold(5)],
    "a capture of more than was held": [chart.hold(1), chart.hold_captured(1, 6, settled=True)],
    "a correction": [chart.adjustment("correction", -5)],
    "a withdrawal, as of a returned debit": [chart.withdrawn(5)],
    "a refund that is asked for": [chart.refund_asked(5)],
    "a refund made at the processor": [chart.refund_mirrored(5)],
    "a recharge that fails after it was lent": [
        chart.recharge_expected(9), chart.provisional_granted(4), chart.adjustment("correction", -8),
        chart.adjustment("goodwill", 9), chart.recharge_voided(9, lent=4),
    ],
}  # fmt: skip


@pytest.mark.parametrize("cause", CAUSES)
async def test_whatever_makes_it_fall(cause, db, open_with):
    account = await open_with(12)
    *before, last = CAUSES[cause]
    for n, operation in enumerate(before):
        source = "s" if operation.kind in chart.ENDINGS else f"s{n}"
        await post(db, account, operation, source)
    async with db.transaction() as session:
        spendable = (await ledger.balances(session, account)).available
        seq = (await ledger.balances(session, account)).seq + 1
    await watch(db, account, spendable)
    await post(db, account, last)
    async with db.transaction() as session:
        after = (await ledger.balances(session, account)).available
    assert after < spendable
    assert await falls(db, account) == [(seq, spendable, after)]


RISES = {
    "a recharge": [chart.recharge_expected(7), chart.recharge_settled(7)],
    "a provisional credit": [chart.recharge_expected(7), chart.provisional_granted(7)],
    "a hold that is released": [chart.hold(3), chart.hold_released(3)],
    "a capture of less than was held": [chart.hold(3), chart.hold_captured(3, 2)],
    "a refund that failed": [chart.refund_asked(3), chart.refund_failed(3)],
    "money that is reinstated": [chart.withdrawn(3), chart.reinstated(3)],
    "goodwill": [chart.adjustment("correction", -3), chart.adjustment("goodwill", 3)],
}


@pytest.mark.parametrize("cause", RISES)
async def test_whatever_makes_it_rise_above_zero_is_told_once(cause, db, open_with):
    account = await open_with(3)
    *before, last = RISES[cause]
    for operation in before:
        await post(db, account, operation, "before" if operation.kind is chart.Kind.ADJUSTMENT else "s")
    if before[0].kind is chart.Kind.RECHARGE_EXPECTED:
        await spend(db, account, "to nothing", 3)
    await post(db, account, last)
    ups = [found for found in await crossed(db, account) if found[2] == "up"]
    assert len(ups) == 2
    assert ups[0] == (1, 0, "up", 3)
    assert len(await falls(db, account)) == 1


async def test_an_operation_of_several_legs_is_judged_whole_and_named_by_its_first(db, open_with):
    """Settling 9 with 4 lent takes spendable up by 5; a capture that frees nothing in the end crosses nothing."""
    account = await open_with(5)
    await post(db, account, chart.hold(5))
    await watch(db, account, 3)
    async with db.transaction() as session:
        first = (await ledger.balances(session, account)).seq + 1
    await post(db, account, chart.hold_captured(5, 1))
    assert (first, 0, "up", 4) in await crossed(db, account)
    async with db.transaction() as session:
        rows = await session.execute(
            text("SELECT leg FROM ledger_transfer WHERE account_id = :a AND seq >= :s"), {"a": account, "s": first}
        )
        assert rows.scalars().all() == [0, 1]
    assert await falls(db, account) == [(2, 0, 0)]


async def test_a_batch_names_the_charges_that_crossed(commit, db, open_with):
    account, other = await open_with(260 * DOLLAR), await open_with(1000 * DOLLAR)
    batch = [charge(account, f"r{n}", 50 * DOLLAR) for n in range(5)] + [charge(other, "r", DOLLAR)]
    answers = await commit.charge_batch(batch)
    assert {answer.outcome for answer in answers} == {"posted"}
    seqs = [answer.seq for answer in answers]
    assert await falls(db, account) == [(seqs[0], 250 * DOLLAR, 210 * DOLLAR), (seqs[3], 100 * DOLLAR, 60 * DOLLAR)]
    assert await falls(db, other) == []


@pytest.mark.parametrize("way", ["lone", "group", "batch"])
async def test_each_way_in_sees_it(way, commit, db, open_with):
    account, other = await open_with(105), await open_with(105)
    await watch(db, account, 100)
    wanted = [charge(account, "a", 5), charge(other, "a", 5)]
    if way == "lone":
        await commit.charge(wanted[0])
        answer = await commit.charge(charge(account, "b", 1))
    elif way == "group":
        await asyncio.gather(*map(commit.charge, wanted))
        answers = await asyncio.gather(*map(commit.charge, [charge(account, "b", 1), charge(other, "b", 1)]))
        answer = answers[0]
    else:
        await commit.charge_batch(wanted)
        answer = (await commit.charge_batch([charge(account, "b", 1), charge(other, "b", 1)]))[0]
    assert await falls(db, account) == [(answer.seq, 100, 99)]
    assert await falls(db, other) == []


async def test_charges_that_stay_above_take_the_short_way(commit, db, open_with, superuser):
    account = await open_with(100)
    await watch(db, account, 50)
    await superuser.execute("ALTER FUNCTION ledger_charge_one RENAME TO away")
    try:
        await commit.charge_batch([charge(account, f"r{n}", 9) for n in range(5)])
        lone = await commit.charge(charge(account, "lone", 5))
    finally:
        await superuser.execute("ALTER FUNCTION away RENAME TO ledger_charge_one")
    assert lone.spendable_after == 50
    assert await falls(db, account) == []


async def test_many_connections_at_once_cross_each_threshold_once(db, open_with):
    account = await open_with(100)
    await watch(db, account, 90, 50, 10)
    await asyncio.gather(*(spend(db, account, f"r{n}", 3) for n in range(32)))
    found = await falls(db, account)
    assert [(below, after) for _, below, after in found] == [(90, 88), (50, 49), (10, 7)]


async def test_what_is_rolled_back_or_replayed_or_refused_has_crossed_nothing(db, open_with):
    account = await open_with(20)
    await watch(db, account, 15)
    async with db.transaction() as session:
        await accounts.charge(session, account_id=account, reference="r", amount_micros=10)
        await session.rollback()
    assert await falls(db, account) == []
    seq = await spend(db, account, "r", 10)
    await post(db, account, chart.adjustment("goodwill", 10))
    async with db.transaction() as session:
        again = await accounts.charge(session, account_id=account, reference="r", amount_micros=10)
        refused = await accounts.charge(session, account_id=account, reference="too much", amount_micros=21)
        assert (again.outcome, refused.outcome) == ("replayed", "balance_exhausted")
    assert await falls(db, account) == [(seq, 15, 10)]


async def test_it_tells_the_posting_and_its_time(db, open_with):
    account = await open_with(10)
    await watch(db, account, 10)
    seq = await spend(db, account, "r", 1, now=NOW + timedelta(hours=1))
    async with db.transaction() as session:
        found = (await ledger.crossed(session, account))[-1]
    assert found.crossed_at == NOW + timedelta(hours=1)
    assert found.transaction_id == ledger.transaction_id(account, seq)


class TestBudgets:
    """A budget is crossed when what is spent of it reaches its amount."""

    @pytest.fixture
    async def account(self, db, open_with):
        account = await open_with(1000)
        await self.set(db, account, 100)
        return account

    @staticmethod
    async def set(db, account, limit, month=MONTH):
        async with db.transaction() as session:
            await ledger.set_budget(
                session, account_id=account, subaccount_id=SUBACCOUNT, limit_micros=limit, month=month,
                month_starts=NOW - timedelta(days=1),
            )  # fmt: skip

    @staticmethod
    async def spend(db, account, reference, amount, *, now=NOW, **more):
        return await spend(db, account, reference, amount, now=now, subaccount_id=SUBACCOUNT, **more)

    @staticmethod
    async def found(db, account):
        async with db.transaction() as session:
            assert [one for one in await ledger.verify(session) if one.account_id == account] == []
            return [
                (one.seq, one.below_micros, one.subaccount_id, one.spendable_after)
                for one in await ledger.crossed(session, account)
                if one.kind is Threshold.BUDGET
            ]

    async def test_reaching_it_is_told_once(self, db, account):
        await self.spend(db, account, "1", 99)
        assert await self.found(db, account) == []
        seq = await self.spend(db, account, "2", 1)
        await self.spend(db, account, "3", 1, settled=True)
        assert await self.found(db, account) == [(seq, 100, SUBACCOUNT, 900)]

    async def test_a_hold_counts_and_what_it_frees_arms_it_again(self, db, account):
        hold = {"account_id": account, "hold_id": "h", "subaccount_id": SUBACCOUNT, "now": NOW}
        async with db.transaction() as session:
            await ledger.hold(session, **hold, reference="h", amount_micros=100, budget_month=MONTH)
            await ledger.capture(session, **hold, held_micros=100, captured_micros=40)
        seq = await self.spend(db, account, "1", 60)
        assert await self.found(db, account) == [(2, 100, SUBACCOUNT, 900), (seq, 100, SUBACCOUNT, 900)]

    async def test_a_capture_of_more_than_was_held_is_named_by_its_first_leg(self, db, account):
        hold = {"account_id": account, "hold_id": "h", "subaccount_id": SUBACCOUNT, "now": NOW}
        async with db.transaction() as session:
            await ledger.hold(session, **hold, reference="h", amount_micros=30, budget_month=MONTH)
            await ledger.capture(session, **hold, held_micros=30, captured_micros=130, settled=True)
            rows = await session.execute(text("SELECT leg FROM ledger_transfer WHERE account_id = :a"), {"a": account})
            assert sorted(rows.scalars()) == [0, 0, 0, 1]
        assert await self.found(db, account) == [(3, 100, SUBACCOUNT, 870)]

    async def test_the_next_month_begins_anew(self, db, account):
        first = await self.spend(db, account, "1", 100)
        in_december = NOW + timedelta(days=20)
        second = await self.spend(db, account, "2", 100, now=in_december)
        assert [seq for seq, *_ in await self.found(db, account)] == [first, second]

    async def test_settled_usage_of_a_new_month_alone_may_pass_it_at_once(self, db, account):
        first = await self.spend(db, account, "1", 100)
        second = await self.spend(db, account, "2", 300, now=NOW + timedelta(days=20), settled=True)
        assert [seq for seq, *_ in await self.found(db, account)] == [first, second]

    async def test_a_budget_that_is_lowered_below_what_is_spent_says_nothing(self, db, account):
        await self.spend(db, account, "1", 50)
        await self.set(db, account, 20)
        await self.spend(db, account, "2", 1, settled=True)
        assert await self.found(db, account) == []

    async def test_a_budget_of_nothing_is_never_used_up(self, db, account):
        await self.set(db, account, 0)
        await self.spend(db, account, "1", 1, settled=True)
        await self.spend(db, account, "2", 1, settled=True, now=NOW + timedelta(days=20))
        assert await self.found(db, account) == []

    async def test_the_account_own_usage_does_not_count(self, db, account):
        await spend(db, account, "own", 500)
        assert await self.found(db, account) == []


class TestHandingOn:
    """Taken oldest first, in order within an account, once."""

    @pytest.fixture
    def open_alone(self, alone):
        return accounts.opener(alone)

    @staticmethod
    async def taken(session, limit=10, now=NOW):
        return [(one.account_id, one.seq, one.below_micros) for one in await take(session, now=now, limit=limit)]

    async def test_the_oldest_first_and_of_each_account_one_at_a_time(self, alone, open_alone):
        first, second = await open_alone(300 * DOLLAR), await open_alone(0)
        seq = await spend(alone, first, "1", 295 * DOLLAR, now=NOW + timedelta(seconds=2))
        async with alone.transaction() as session:
            await ledger.adjust(
                session, account_id=second, adjustment_id="a", kind="goodwill", amount_micros=5, reason="-",
                now=NOW + timedelta(seconds=1),
            )  # fmt: skip
        told = []
        async with alone.transaction() as session:
            while found := await take(session, now=NOW, limit=10):
                told.append([(one.account_id, one.seq, one.below_micros) for one in found])
                await handed(session, found, now=NOW)
        assert told == [
            [(first, 1, 1), (second, 1, 1)],
            [(first, seq, 250 * DOLLAR)],
            [(first, seq, 100 * DOLLAR)],
            [(first, seq, 10 * DOLLAR)],
        ]

    async def test_what_another_holds_is_skipped_and_nothing_of_that_account_overtakes_it(self, alone, open_alone):
        account, other = await open_alone(5), await open_alone(5)
        await spend(alone, account, "1", 5)
        async with alone.transaction() as one, alone.transaction() as two:
            assert await self.taken(one, limit=1) == [(account, 1, 1)]
            assert await self.taken(two) == [(other, 1, 1)]
        async with alone.transaction() as session:
            assert len(await self.taken(session)) == 2, "what was not marked is taken again"

    async def test_marked_once(self, alone, open_alone):
        await open_alone(5)
        async with alone.transaction() as session:
            (crossing,) = await take(session, now=NOW, limit=10)
            await handed(session, [crossing], now=NOW)
        with pytest.raises(AlreadyHandedError):
            async with alone.transaction() as session:
                await handed(session, [crossing], now=NOW)
        async with alone.transaction() as session:
            assert await take(session, now=NOW, limit=10) == []

    async def test_what_is_put_off_lets_the_others_go_and_comes_back(self, alone, open_alone):
        account = await open_alone(5)
        seq = await spend(alone, account, "1", 5)
        async with alone.transaction() as session:
            (crossing,) = await take(session, now=NOW, limit=10)
            await put_off(session, crossing, error="E" * 900, until=NOW + timedelta(seconds=3))
        async with alone.transaction() as session:
            (later,) = await take(session, now=NOW + timedelta(seconds=2), limit=10)
            assert later.seq == seq
            assert [one.seq for one in await take(session, now=NOW + timedelta(seconds=3), limit=10)] == [1]
            assert (await take(session, now=NOW + timedelta(seconds=3), limit=10))[0].tries == 1
            row = await session.execute(text("SELECT length(last_error) FROM ledger_crossing WHERE seq = 1"))
            assert row.scalar_one() == 500

    async def test_two_that_failed_with_it_at_the_same_time_count_as_one_try(self, alone, open_alone):
        """The lock is gone with the effect that failed: another takes the crossing before the first has put it off."""
        account = await open_alone(5)
        await spend(alone, account, "1", 5)
        async with alone.transaction() as session:
            (crossing,) = await take(session, now=NOW, limit=10)
        for seconds in (1, 2):
            async with alone.transaction() as session:
                await put_off(session, crossing, error="E", until=NOW + timedelta(seconds=seconds))
        async with alone.transaction() as session:
            assert [one.tries for one in await take(session, now=NOW + timedelta(seconds=1), limit=1)] == [1]

    async def test_somebody_is_woken_only_when_something_was_crossed(self, book, db, open_with):
        account = await open_with(20)
        listener, heard = await _listening(book.app_url)
        await spend(db, account, "1", 5)
        await spend(db, account, "2", 15)
        async with asyncio.timeout(5):
            await heard.get()
        assert heard.empty()
        await listener.close()


async def _listening(url):
    heard: asyncio.Queue[str] = asyncio.Queue()
    connection = await asyncpg.connect(url)
    await connection.add_listener("prepay_crossings", lambda *told: heard.put_nowait(told[2]))
    return connection, heard


async def test_every_function_that_may_cross_names_the_column_that_the_trigger_is_on(superuser):
    """Decision 18: but for the two that leave out what would cross, and are not to pay for the trigger."""
    found = await superuser.fetch(
        "SELECT proname, coalesce(pg_get_function_sqlbody(oid), prosrc) AS source FROM pg_proc"
        " WHERE pronamespace = 'public'::regnamespace"
    )
    moves = re.compile(r"UPDATE ledger_balance\b[^;]*?\bSET\s+spendable =[^;]*")
    updates = {row["proname"]: match[0] for row in found if (match := moves.search(row["source"]))}
    assert {name for name, update in updates.items() if re.search(r"\bheld =", update)} == {
        "ledger_charge_one", "ledger_post",
    }  # fmt: skip
    assert {name for name, update in updates.items() if "next_below" in update} == {
        "ledger_charge_all", "ledger_charge_lone",
    }  # fmt: skip
    assert len(updates) == 4, "another function moves spendable: it names held, or leaves out what would cross"
