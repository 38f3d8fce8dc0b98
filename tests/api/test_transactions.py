"""Transactions: what changed posted, one line an operation, as a list and as CSV."""

import asyncio
import csv
import io
from datetime import timedelta

import asyncpg
import pytest

import ledger
from api import transactions
from rules import chart
from rules.chart import Kind
from rules.money import Money
from tests.api.client import START, serving
from tests.ledger import accounts

SUBACCOUNT = "SA0000000000000000R1"
DELETED = "SA0000000000000000D1"


async def make_subaccount(api, account, subaccount_id=SUBACCOUNT):
    async with api.context.database.transaction() as session:
        connection = await session.connection()
        await connection.exec_driver_sql(
            "INSERT INTO subaccount (account_id, id, name, enabled, disabled_at, created_at)"
            " VALUES ($1, $2, 'Robots', false, $3, $3)",
            (account.id, subaccount_id, START),
        )
    return subaccount_id


async def charge(api, account, reference, micros, **fields):
    """Through the book itself, which any route's charge goes through."""
    async with api.context.database.transaction() as session:
        await accounts.charge(
            session,
            account_id=account.id,
            reference=reference,
            amount_micros=micros,
            now=api.clock.now(),
            **fields,
        )


@pytest.fixture
async def busy(api):
    """An account with every sort of line, and holds, which are none."""
    account = await api.open_account()
    await api.adjust(account, "100.00", reason="welcome")
    subaccount = await make_subaccount(api, account)
    await charge(api, account, "call-1", 5500, description="Paris, 3 min")
    await charge(api, account, "call-2", 1_000_000, subaccount_id=subaccount, kind=Kind.FEE)
    async with api.context.database.transaction() as session:
        recharge = {"account_id": account.id, "recharge_id": "rchg_1", "amount_micros": 25_000_000}
        await ledger.recharge_expected(session, **recharge, now=api.clock.now())
        await ledger.recharge_settled(session, **recharge, charge_id="ch_1", now=api.clock.now())
        for name in ("taken", "freed"):
            held = {"account_id": account.id, "hold_id": f"hold_{name}"}
            await ledger.hold(
                session,
                **held,
                reference=f"long call {name}",
                amount_micros=2_000_000,
                now=api.clock.now(),
                sender_id="+14155550100",
            )
        await ledger.release(session, **held, held_micros=2_000_000, now=api.clock.now())
        await ledger.capture(
            session,
            account_id=account.id,
            hold_id="hold_taken",
            held_micros=2_000_000,
            captured_micros=500_000,
            now=api.clock.now(),
        )
    await charge(api, account, "late", 200_000_000, settled=True)
    return account


async def listed(api, account, **params):
    answer = await api.client(account=account).get(f"/v1/accounts/{account.id}/transactions", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def exported(api, account, **params):
    answer = await api.client(account=account).get(f"/v1/accounts/{account.id}/transactions.csv", params=params)
    assert answer.status_code == 200, answer.text
    return answer


def parsed(text):
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


async def test_each_line_says_what_changed_posted_and_what_was_left(api, busy):
    page = await listed(api, busy, limit=100)
    assert not page["has_more"]
    lines = page["data"][::-1]
    assert [(line["kind"], line["amount"], line["balance"]) for line in lines] == [
        ("adjustment", "100.00", "100.00"),
        ("usage", "-0.0055", "99.9945"),
        ("fee", "-1.00", "98.9945"),
        ("recharge_settled", "25.00", "123.9945"),
        ("hold_captured", "-0.50", "123.4945"),
        ("usage", "-200.00", "-76.5055"),
    ]
    assert [(line["reference"], line["source"]) for line in lines[1:]] == [
        ("call-1", None),
        ("call-2", None),
        (None, "rchg_1"),
        ("long call taken", "hold_taken"),
        ("late", None),
    ]
    assert lines[0]["source"].startswith("adj_")
    assert lines[0]["description"] == "welcome"
    assert [line["subaccount"] for line in lines] == [None, None, SUBACCOUNT, None, None, None]
    assert [line["settled"] for line in lines] == [False] * 5 + [True]
    assert lines[1]["description"] == "Paris, 3 min"
    assert lines[4]["sender_id"] == "+14155550100"
    assert {(line["currency"], line["livemode"], line["account"]) for line in lines} == {("usd", False, busy.id)}
    balance = (await api.operator.get(f"/v1/accounts/{busy.id}/balance")).json()
    assert balance["posted"] == lines[-1]["balance"]


async def test_a_charge_of_the_api_is_found_under_the_id_that_it_answered(api):
    account = await api.open_account()
    await api.adjust(account, "1.00")
    body = {"amount": "0.25", "reference": "sms-1", "sender_id": "ACME", "kind": "rental", "description": "number"}
    answer = await api.operator.post(f"/v1/accounts/{account.id}/usage", json=body)
    assert answer.status_code in {200, 201}, answer.text
    (line,) = (await listed(api, account, limit=1))["data"]
    assert {name: line[name] for name in ("reference", "sender_id", "kind", "description")} == {
        name: body.get(name) for name in ("reference", "sender_id", "kind", "description")
    }
    assert (line["amount"], line["balance"], line["settled"]) == ("-0.25", "0.75", False)
    assert line["id"] in answer.text


async def test_pages_meet_without_gap_or_overlap_both_ways(api, busy):
    whole = (await listed(api, busy, limit=100))["data"]
    down, page = [], await listed(api, busy, limit=2)
    while True:
        down += page["data"]
        if not page["has_more"]:
            break
        page = await listed(api, busy, limit=2, starting_after=down[-1]["id"])
    assert down == whole
    up, page = [], await listed(api, busy, limit=2, ending_before=whole[-1]["id"])
    while True:
        up = page["data"] + up
        if not page["has_more"]:
            break
        page = await listed(api, busy, limit=2, ending_before=up[0]["id"])
    assert up == whole[:-1]


async def test_filters_by_kind_subaccount_and_time(api, busy):
    lines = (await listed(api, busy, limit=100))["data"][::-1]
    for kind in {line["kind"] for line in lines}:
        assert {line["kind"] for line in (await listed(api, busy, kind=kind))["data"]} == {kind}
    assert (await listed(api, busy, kind="withdrawn"))["data"] == []
    assert [line["id"] for line in (await listed(api, busy, subaccount=SUBACCOUNT))["data"]] == [lines[2]["id"]]
    own = await listed(api, busy, subaccount="main", limit=100)
    assert [line["id"] for line in own["data"]] == [line["id"] for line in reversed(lines) if line is not lines[2]]
    params = {"created[gte]": lines[1]["created_at"], "created[lt]": lines[4]["created_at"]}
    assert [line["id"] for line in (await listed(api, busy, **params))["data"]] == [
        line["id"] for line in reversed(lines[1:4])
    ]
    assert parsed((await exported(api, busy, **params, kind="fee")).text)[0]["id"] == lines[2]["id"]
    none = {"created[gte]": lines[4]["created_at"], "created[lt]": lines[1]["created_at"]}
    assert (await listed(api, busy, **none)) == {"data": [], "has_more": False}


def test_the_kinds_are_those_that_change_posted():
    operations = [
        *(chart.usage(5, kind=kind) for kind in chart.USAGE_KINDS),
        chart.hold(5),
        chart.hold_captured(5, 3),
        chart.hold_released(5),
        chart.adjustment("goodwill", 5),
        chart.recharge_expected(5),
        chart.recharge_settled(5, lent=2),
        chart.recharge_voided(5, lent=2),
        chart.provisional_granted(5),
        chart.withdrawn(5),
        chart.reinstated(5),
        chart.dispute_lost(5),
        chart.processor_fee(5),
        chart.refund_asked(5),
        chart.refund_done(5),
        chart.refund_failed(5),
        chart.refund_mirrored(5),
        chart.refund_reversed(5),
    ]
    assert {operation.kind for operation in operations} == set(Kind)
    changing = {
        operation.kind.name.lower()
        for operation in operations
        if sum(chart.balances(operation.legs)[code] for code in chart.POSTED)
    }
    assert set(transactions.KindName.__args__) == changing


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"kind": "hold"}, "kind"),
        ({"kind": "USAGE"}, "kind"),
        ({"subaccount": "MA0000000000000000R1"}, "subaccount"),
        ({"subaccount": "sa0000000000000000r1"}, "subaccount"),
        ({"subaccount": ""}, "subaccount"),
        ({"created[gte]": "yesterday"}, "created[gte]"),
        ({"created[lt]": "2026-11-24"}, "created[lt]"),
        ({"status": "posted"}, "status"),
    ],
)
async def test_bad_filters_are_refused_by_name(shared_api, params, param):
    account = await shared_api.open_account()
    for suffix in ("", ".csv"):
        answer = await shared_api.operator.get(f"/v1/accounts/{account.id}/transactions{suffix}", params=params)
        assert (answer.status_code, answer.json()["code"], answer.json()["param"]) == (422, "invalid_field", param)


@pytest.mark.parametrize("param", ["starting_after", "ending_before"])
async def test_a_cursor_must_be_a_transaction_of_this_account(shared_api, param):
    account, other = await shared_api.open_account(), await shared_api.open_account()
    foreign = ledger.transaction_id(other.id, 1)
    own = ledger.transaction_id(account.id, 1)
    for cursor in (foreign, "txn_1", "rchg_0123456789ABCDEFGHJKMNPQ", own.lower(), own[:-1], own + "0", ""):
        answer = await shared_api.operator.get(f"/v1/accounts/{account.id}/transactions", params={param: cursor})
        assert (answer.status_code, answer.json()["code"], answer.json()["param"]) == (422, "invalid_field", param)
    answer = await shared_api.operator.get(
        f"/v1/accounts/{account.id}/transactions.csv", params={param: own}
    )  # it is not paged
    assert (answer.status_code, answer.json()["param"]) == (422, param)


async def test_a_subaccount_must_be_the_accounts_own_a_deleted_one_still_is(api):
    account, other = await api.open_account(), await api.open_account()
    await make_subaccount(api, other)
    await make_subaccount(api, account, DELETED)
    async with api.context.database.transaction() as session:
        connection = await session.connection()
        await connection.exec_driver_sql("UPDATE subaccount SET deleted_at = $1 WHERE id = $2", (START, DELETED))
    for suffix in ("", ".csv"):
        url = f"/v1/accounts/{account.id}/transactions{suffix}"
        for unknown in (SUBACCOUNT, "SA" + "0" * 18):
            answer = await api.operator.get(url, params={"subaccount": unknown})
            assert (answer.status_code, answer.json()["param"]) == (404, "subaccount")
        assert (await api.operator.get(url, params={"subaccount": DELETED})).status_code == 200


async def test_the_csv_is_the_list(api, busy):
    answer = await exported(api, busy)
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="transactions-{busy.id}.csv"'
    assert answer.text.count("\r\n") == answer.text.count("\n") == 7
    words = {None: "", True: "true", False: "false"}
    lines = [
        {name: words.get(value, value) for name, value in line.items()}
        for line in (await listed(api, busy, limit=100))["data"]
    ]
    rows = parsed(answer.text)
    assert rows[1].pop("sender_id") == "'+14155550100", "it would be a formula"
    assert lines[1].pop("sender_id") == "+14155550100"
    assert rows == lines


async def test_an_account_without_transactions_has_a_header(api):
    account = await api.open_account()
    assert (await exported(api, account)).text == ",".join(transactions.TransactionView.model_fields) + "\r\n"


HOSTILE = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1"]
HARMLESS = ["1=1", 'say "hi", he said', "two\r\nlines", " =1", "'quoted'", "Zoë; Ω", "a,b", '"', "\\"]


async def test_no_text_of_a_customer_is_a_formula_and_none_breaks_the_columns(api):
    account = await api.open_account()
    await api.adjust(account, "-1.00", reason="a correction")
    for n, text in enumerate(HOSTILE + HARMLESS):
        await charge(api, account, f"{text}{n}", 1, description=text, settled=True)
    rows = parsed((await exported(api, account)).text)[::-1]
    assert rows[0]["amount"] == rows[0]["balance"] == "-1.00", "amounts are numbers, below zero too"
    assert [row["description"] for row in rows[1:]] == [f"'{text}" for text in HOSTILE] + HARMLESS
    assert [row["reference"] for row in rows[1:]] == [
        f"{'' if n >= len(HOSTILE) else chr(39)}{text}{n}" for n, text in enumerate(HOSTILE + HARMLESS)
    ]


LONG = 30_000


async def fill(database, account, *, first, count):
    """Many charges of a cent, as the book would have written them: its owner may."""
    owner = await asyncpg.connect(database.owner_url)
    await owner.execute(
        "INSERT INTO ledger_transfer (account_id, seq, posted_at, amount, spendable_after, posted_after, leg, kind,"
        " debit, credit, key) SELECT $1, n, $2, 10000, 1000000000 - (n - 1) * 10000, 1000000000 - (n - 1) * 10000,"
        " 0, 1, 1, 10, 'call-' || n FROM generate_series($3::bigint, $3 + $4 - 1) AS n",
        account.id, START, first, count,
    )  # fmt: skip
    await owner.execute(
        "UPDATE ledger_balance SET seq = $2::bigint, spendable = 1000000000 - ($2::bigint - 1) * 10000, posted_at = $3"
        " WHERE account_id = $1",
        account.id, first + count - 1, START,
    )  # fmt: skip
    await owner.close()


async def test_a_long_export_is_one_chain_of_balances(api, database):
    account = await api.open_account()
    await api.adjust(account, "1000.00")
    await fill(database, account, first=2, count=LONG)
    answer = await exported(api, account)
    assert answer.text.count("livemode") == 1
    rows = parsed(answer.text)
    assert len(rows) == LONG + 1
    assert len({row["id"] for row in rows}) == LONG + 1
    balance = Money(0)
    for row in reversed(rows):
        balance = Money(balance.micros + Money.parse(row["amount"], signed=True).micros)
        assert str(balance) == row["balance"]
    assert [row["id"] for row in rows] == sorted((row["id"] for row in rows), reverse=True)
    rare = parsed((await exported(api, account, kind="adjustment")).text)
    assert [row["amount"] for row in rare] == ["1000.00"]
    page = await listed(api, account, kind="adjustment")
    assert (len(page["data"]), page["has_more"]) == (1, False)


async def test_an_export_is_the_history_as_it_stood_when_it_was_asked_for(api, database):
    account = await api.open_account()
    await api.adjust(account, "1000.00")
    await fill(database, account, first=2, count=3 * transactions.CHUNK)
    async with api.context.database.transaction() as session:
        whole = await ledger.stretch(session, account.id)
    lines = transactions._lines(api.context, whole)
    text = await anext(lines) + await anext(lines)
    await charge(api, account, "meanwhile", 1)
    await api.adjust(account, "5.00")
    text += b"".join([chunk async for chunk in lines])
    rows = parsed(text.decode())
    assert len(rows) == 3 * transactions.CHUNK + 1
    assert "meanwhile" not in {row["reference"] for row in rows}


async def test_a_client_that_reads_slowly_or_hangs_up_holds_no_connection(make_settings, clock, database):
    """Ten exports that are not read on, over a pool of two: everybody else is served."""
    async with serving(make_settings(database_pool_size=2), clock) as api:
        account = await api.open_account()
        await api.adjust(account, "1000.00")
        await fill(database, account, first=2, count=3 * transactions.CHUNK)
        async with api.context.database.transaction() as session:
            whole = await ledger.stretch(session, account.id)
        stalled = [transactions._lines(api.context, whole) for _ in range(10)]
        for lines in stalled:
            await anext(lines)
            assert await anext(lines)
        assert api.context.database.engine.pool.checkedout() == 0
        assert (await listed(api, account, limit=1))["data"]
        for lines in stalled:
            await lines.aclose()
        assert api.context.database.engine.pool.checkedout() == 0
        assert len(parsed((await exported(api, account)).text)) == 3 * transactions.CHUNK + 1


async def test_many_exports_at_once_leave_connections_to_others(make_settings, clock, database, monkeypatch):
    reading, most = set(), []
    async with serving(make_settings(), clock) as api:
        account = await api.open_account()
        await api.adjust(account, "1000.00")
        await fill(database, account, first=2, count=3 * transactions.CHUNK)
        read = ledger.read_on

        async def counted(session, part, **more):
            reading.add(session)
            most.append(len(reading))
            try:
                return await read(session, part, **more)
            finally:
                reading.remove(session)

        monkeypatch.setattr(ledger, "read_on", counted)
        async with api.context.database.transaction() as session:
            whole = await ledger.stretch(session, account.id)

        async def drain():
            return b"".join([chunk async for chunk in transactions._lines(api.context, whole)])

        texts = await asyncio.gather(*(drain() for _ in range(12)))
        assert len(set(texts)) == 1
        assert len(most) >= 12 * 3
        assert max(most) == 2


def test_times_are_written_as_the_list_writes_them():
    assert transactions._rfc3339(START + timedelta(microseconds=1)) == "2026-11-24T15:00:00.000001Z"
