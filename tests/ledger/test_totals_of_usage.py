"""Usage totals are what a reader of the whole journal would add up, and are found without reading the whole of it."""

import itertools
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

import ledger
from ledger import usage_totals
from ledger.charge import Charge
from ledger.charging import charge_all
from ledger.moments import seqs_at
from rules.chart import USAGE_KINDS, Kind
from tests.ledger import accounts
from tests.ledger.accounts import new_account_id

ZONES = (
    "UTC",
    "America/New_York",
    "America/Santiago",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
)
PAYERS = (None, "SA000000000000000001", "SA000000000000000002")
#: Around the days on which clocks change in New York, Santiago and on Lord Howe Island.
BEGINNINGS = tuple(
    datetime(2026, *at, tzinfo=UTC) for at in ((3, 7, 20), (4, 4, 10), (9, 5, 20), (10, 3, 10), (10, 31, 22))
)
amounts = st.integers(1, 10**6)
charges = st.fixed_dictionaries(
    {
        "what": st.sampled_from([*sorted(USAGE_KINDS), "capture", "release", "adjustment"]),
        "payer": st.sampled_from(PAYERS),
        "amount": amounts,
        "captured": st.integers(0, 2 * 10**6),
        "after": st.integers(-36 * 3600, 36 * 3600),
    }
)
_names = itertools.count()


async def totals(db, account, first, last, timezone, subaccount=None):
    async with db.transaction() as session:
        return await ledger.sum_usage(
            session, account, first=first, last=last, timezone=timezone, subaccount=subaccount, most=10_000
        )


async def post(session, account, item, now):
    """Post what `item` says; return what it charged, or None."""
    name = f"n{next(_names)}"
    payer = {"account_id": account, "subaccount_id": item["payer"], "now": now}
    match item["what"]:
        case Kind() as kind:
            await accounts.charge(
                session, **payer, reference=name, amount_micros=item["amount"], kind=kind, settled=True
            )
            return item["amount"]
        case "adjustment":
            await ledger.adjust(
                session,
                account_id=account,
                adjustment_id=name,
                kind="goodwill",
                amount_micros=item["amount"],
                reason="r",
                now=now,
            )
            return None
    month = date(2026, 1, 1)
    await ledger.hold(session, **payer, hold_id=name, reference=name, amount_micros=item["amount"], budget_month=month)
    ended = payer | {"hold_id": name, "held_micros": item["amount"]}
    if item["what"] == "release":
        await ledger.release(session, **ended)
        return None
    await ledger.capture(session, **ended, captured_micros=item["captured"], settled=True)
    return item["captured"] or None


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    timezone=st.sampled_from(ZONES),
    beginning=st.sampled_from(BEGINNINGS),
    items=st.lists(charges, max_size=25),
    payer=st.sampled_from([None, ledger.MAIN, *PAYERS[1:]]),
    window=st.integers(1, 30),
)
async def test_they_are_the_sums_of_what_was_charged(db, monkeypatch, timezone, beginning, items, payer, window):
    monkeypatch.setattr(usage_totals, "WINDOW", window)
    account = new_account_id()
    sums = defaultdict(lambda: (0, 0))
    latest = datetime.min.replace(tzinfo=UTC)
    async with db.transaction() as session:
        await ledger.open_account(session, account)
        await ledger.adjust(
            session,
            account_id=account,
            adjustment_id="adj",
            kind="goodwill",
            amount_micros=10**9,
            reason="r",
            now=beginning - timedelta(days=3),
        )
        for item in items:
            latest = max(latest, beginning + timedelta(seconds=item["after"]))
            amount = await post(session, account, item, beginning + timedelta(seconds=item["after"]))
            if amount is not None:
                kind = item["what"] if item["what"] in USAGE_KINDS else Kind.USAGE
                key = latest.astimezone(ZoneInfo(timezone)).date(), item["payer"], kind
                sums[key] = (sums[key][0] + amount, sums[key][1] + 1)
    for first, last in ((-3, 3), (0, 0), (-1, 0), (1, 3)):
        days = [(beginning + timedelta(days=shift)).date() for shift in (first, last)]
        expected = {
            key: total
            for key, total in sums.items()
            if days[0] <= key[0] <= days[1] and (payer is None or (key[1] or ledger.MAIN) == payer)
        }
        found = await totals(db, account, *days, timezone, payer)
        assert {(line.day, line.subaccount_id, line.kind): (line.amount, line.count) for line in found} == expected
        assert len(found) == len(expected)
        order = [(-line.day.toordinal(), line.subaccount_id or "", line.kind) for line in found]
        assert order == sorted(order), "newest day first"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    given_times=st.lists(st.integers(0, 20), max_size=30),
    asked=st.lists(st.integers(-2, 22), min_size=1, max_size=8),
)
async def test_a_moment_is_found_whatever_the_clocks_of_those_who_post_say(db, given_times, asked):
    account, start = new_account_id(), BEGINNINGS[0]
    async with db.transaction() as session:
        await ledger.open_account(session, account)
        for n, second in enumerate(given_times):
            await accounts.charge(
                session,
                account_id=account,
                reference=f"c{n}",
                amount_micros=1,
                settled=True,
                now=start + timedelta(seconds=second),
            )
        stored = list(itertools.accumulate(given_times, max))
        found = await seqs_at(session, account, [start + timedelta(seconds=second) for second in asked])
    expected = [sum(second < moment for second in stored) + 1 for moment in asked]
    assert found == expected


async def test_time_never_runs_back_along_the_journal_by_whichever_door(db, superuser):
    """Usage in groups, one by one and as holds, and what is posted by operation: none before the latest."""
    account, late = new_account_id(), BEGINNINGS[1]
    early = late - timedelta(hours=1)
    credit = {"account_id": account, "kind": "goodwill", "amount_micros": 10**6, "reason": "r"}
    charge = {"account_id": account, "amount_micros": 1, "epoch": 0}
    async with db.transaction() as session:
        await ledger.open_account(session, account)
        await ledger.adjust(session, **credit, adjustment_id="late", now=late)
        await ledger.adjust(session, **credit, adjustment_id="early", now=early)
    single = [Charge(**charge, reference="alone")]
    group = [Charge(**charge, reference=f"group-{n}") for n in range(3)]
    looked_at = [Charge(**charge, reference=f"each-{n}", has_budget=True) for n in range(2)]
    for charges_ in (single, group, looked_at):
        answers = await charge_all(superuser, charges_, now=early)
        assert {(answer.outcome, answer.posted_at) for answer in answers} == {("posted", late)}
        again = await charge_all(superuser, charges_, now=late + timedelta(hours=1))
        assert {(answer.outcome, answer.posted_at) for answer in again} == {("replayed", late)}
    await charge_all(superuser, [Charge(**charge, reference="later")], now=late + timedelta(seconds=1))
    async with db.transaction() as session:
        await ledger.hold(session, account_id=account, hold_id="h", reference="h", amount_micros=1, now=early)
        await ledger.release(session, account_id=account, hold_id="h", held_micros=1, now=early)
    times = await superuser.fetch("SELECT posted_at FROM ledger_transfer WHERE account_id = $1 ORDER BY seq", account)
    assert [row["posted_at"] for row in times] == [late] * 8 + [late + timedelta(seconds=1)] * 3


MANY = 200_000
DAYS = 500
FIRST_DAY = date(2025, 1, 1)


@pytest.fixture(scope="module")
async def busy(db, book, postgres):
    """An account with 200,000 charges, 400 a day."""
    account = new_account_id()
    async with db.transaction() as session:
        await ledger.open_account(session, account)
    async with postgres.server.superuser(book.name) as superuser:
        await superuser.execute(
            "INSERT INTO ledger_transfer (account_id, seq, posted_at, amount, spendable_after, posted_after, leg, kind,"
            " debit, credit, settled, key)"
            " SELECT $1, n, timestamptz '2025-01-01 00:00:00Z' + (n - 1) * interval '216 seconds',"
            " 2, -2 * n, -2 * n, 0, 1, 1, 10, true, 'call-' || n FROM generate_series(1, $2::bigint) AS n",
            account, MANY,
        )  # fmt: skip
        await superuser.execute(
            "UPDATE ledger_balance SET seq = $2::bigint, spendable = -2 * $2::bigint, posted_at = t.posted_at"
            " FROM ledger_transfer t WHERE ledger_balance.account_id = $1 AND t.account_id = $1 AND t.seq = $2::bigint",
            account, MANY,
        )  # fmt: skip
        await superuser.execute("ANALYZE ledger_transfer")
    return account


async def rows_read(session):
    """Rows of the journal that this connection has looked at since its figures were last passed on."""
    return await session.scalar(
        text("SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'ledger_transfer'")
    )


@pytest.mark.parametrize("place", [0, 250, DAYS - 1])
async def test_a_day_of_a_busy_account_is_found_without_reading_the_others(db, busy, place):
    day = FIRST_DAY + timedelta(days=place)
    async with db.transaction() as session:
        before = await rows_read(session)
        found = await ledger.sum_usage(session, busy, first=day, last=day, timezone="UTC", most=10)
        read = await rows_read(session) - before
    assert [(line.day, line.amount, line.count) for line in found] == [(day, 800, 400)]
    assert 400 <= read < 500, "the day's, and some for the bisection"


async def test_a_time_of_a_busy_account_is_listed_without_reading_what_is_newer(db, busy):
    start = datetime(2025, 3, 1, tzinfo=UTC)
    async with db.transaction() as session:
        before = await rows_read(session)
        page = await ledger.history(session, busy, limit=10, posted_from=start, posted_before=start + timedelta(days=1))
        read = await rows_read(session) - before
    assert len(page.transactions) == 10
    assert page.transactions[0].posted_at < start + timedelta(days=1)
    assert read < 150


async def test_the_whole_of_a_busy_account_is_summed_window_by_window(db, busy):
    found = await totals(db, busy, FIRST_DAY, FIRST_DAY + timedelta(days=DAYS), "UTC")
    assert {(line.amount, line.count) for line in found} == {(800, 400)}
    assert len(found) == DAYS


async def test_what_was_used_is_the_sum_of_the_totals(db, busy):
    """Window by window, and only of the days that are asked for."""
    for first, days in ((FIRST_DAY, DAYS), (FIRST_DAY + timedelta(days=470), 30)):
        last = first + timedelta(days=days - 1)
        found = await totals(db, busy, first, last, "UTC")
        async with db.transaction() as session:
            before = await rows_read(session)
            used = await ledger.used(session, busy, first=first, last=last, timezone="UTC")
            read = await rows_read(session) - before
        assert used == sum(line.amount for line in found) == days * 800
        assert days == DAYS or read < days * 400 + 150, "the days', and some for the bisection"


async def test_too_many_totals_are_not_gathered(db, busy):
    async with db.transaction() as session:
        with pytest.raises(ledger.TooManyTotalsError):
            await ledger.sum_usage(
                session, busy, first=FIRST_DAY, last=FIRST_DAY + timedelta(days=99), timezone="UTC", most=99
            )


async def test_an_account_that_is_not_open_has_none(db):
    with pytest.raises(ledger.AccountNotOpenError):
        await totals(db, new_account_id(), FIRST_DAY, FIRST_DAY, "UTC")
