"""Usage totals: by day of the account's time zone, subaccount and kind."""

from datetime import UTC, datetime, timedelta

import pytest

import ledger
from api import usage_totals
from rules.chart import Kind
from tests.api.client import START
from tests.ledger import accounts

SUBACCOUNT = "SA0000000000000000T1"


async def make_subaccount(api, account, subaccount_id=SUBACCOUNT):
    async with api.context.database.transaction() as session:
        connection = await session.connection()
        await connection.exec_driver_sql(
            "INSERT INTO subaccount (account_id, id, name, enabled, disabled_at, created_at)"
            " VALUES ($1, $2, 'Robots', false, $3, $3)",
            (account.id, subaccount_id, START),
        )
    return subaccount_id


async def charge(api, account, micros, at, **fields):
    async with api.context.database.transaction() as session:
        await accounts.charge(
            session,
            account_id=account.id,
            reference=f"{at.isoformat()}-{micros}",
            amount_micros=micros,
            now=at,
            settled=True,
            **fields,
        )


async def asked(api, account, **params):
    answer = await api.client(account=account).get(f"/v1/accounts/{account.id}/usage", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def line(day, amount, count, *, kind="usage", subaccount=None):
    return {"date": day, "subaccount": subaccount, "kind": kind, "amount": amount, "count": count}


async def test_by_day_subaccount_and_kind_newest_day_first(api):
    account = await api.open_account(timezone="UTC")
    subaccount = await make_subaccount(api, account)
    day = datetime(2026, 11, 23, 12, tzinfo=UTC)
    await charge(api, account, 1_000_000, day)
    await charge(api, account, 5_500, day)
    await charge(api, account, 2_000_000, day, kind=Kind.TAX)
    await charge(api, account, 3_000_000, day, subaccount_id=subaccount, kind=Kind.RENTAL)
    await charge(api, account, 4_000_000, day + timedelta(days=1), subaccount_id=subaccount, kind=Kind.FEE)
    await api.adjust(account, "50.00")
    found = await asked(api, account)
    assert found["data"] == [
        line("2026-11-24", "4.00", 1, kind="fee", subaccount=subaccount),
        line("2026-11-23", "1.0055", 2),
        line("2026-11-23", "2.00", 1, kind="tax"),
        line("2026-11-23", "3.00", 1, kind="rental", subaccount=subaccount),
    ]
    assert {name: found[name] for name in found if name != "data"} == {
        "livemode": False,
        "account": account.id,
        "from": "2026-10-26",
        "to": "2026-11-24",
        "timezone": "UTC",
        "currency": "usd",
        "total": "10.0055",
    }
    own = await asked(api, account, subaccount="main")
    assert (own["total"], len(own["data"])) == ("3.0055", 2)
    robots = await asked(api, account, subaccount=subaccount)
    assert (robots["total"], {row["subaccount"] for row in robots["data"]}) == ("7.00", {subaccount})


async def test_a_captured_hold_is_usage_by_what_was_captured(api):
    account = await api.open_account(timezone="UTC")
    await api.adjust(account, "50.00")
    async with api.context.database.transaction() as session:
        for name, captured in (("part", 400_000), ("none", 0), ("more", 1_500_000)):
            held = {"account_id": account.id, "hold_id": f"hold_{name}"}
            now = api.clock.now()
            await ledger.hold(session, **held, reference=name, amount_micros=1_000_000, now=now)
            await ledger.capture(
                session, **held, held_micros=1_000_000, captured_micros=captured, settled=True, now=now
            )
        await ledger.hold(
            session, account_id=account.id, hold_id="hold_open", reference="open", amount_micros=1_000_000, now=now
        )
    assert (await asked(api, account))["data"] == [line("2026-11-24", "1.90", 2)]


@pytest.mark.parametrize(
    ("day", "begins", "hours"),
    [
        ("2026-03-08", datetime(2026, 3, 8, 5, tzinfo=UTC), 23),
        ("2026-11-01", datetime(2026, 11, 1, 4, tzinfo=UTC), 25),
    ],
)
async def test_a_day_on_which_the_clocks_change_is_whole(api, day, begins, hours):
    account = await api.open_account(timezone="America/New_York")
    last = begins + timedelta(hours=hours)
    for n, at in enumerate((begins - timedelta(microseconds=1), begins, last - timedelta(microseconds=1), last)):
        await charge(api, account, 10**n, at)
    assert (await asked(api, account, **{"from": day, "to": day}))["data"] == [line(day, "0.00011", 2)]
    around = {
        "from": (begins - timedelta(days=2)).date().isoformat(),
        "to": (last + timedelta(days=1)).date().isoformat(),
    }
    assert [row["count"] for row in (await asked(api, account, **around))["data"]] == [1, 2, 1]


async def test_today_is_that_of_the_account(api):
    account = await api.open_account(timezone="Pacific/Kiritimati")  # 15:00 in London is 05:00 of the next day there
    await charge(api, account, 1, api.clock.now())
    found = await asked(api, account)
    assert (found["from"], found["to"]) == ("2026-10-27", "2026-11-25")
    assert found["data"] == [line("2026-11-25", "0.000001", 1)]
    assert (await asked(api, account, to="2026-11-24"))["data"] == []
    only_from = await asked(api, account, **{"from": "2026-11-25"})
    assert (only_from["from"], only_from["to"]) == ("2026-11-25", "2026-11-25")


async def test_an_account_without_usage(api):
    account = await api.open_account()
    found = await asked(api, account, **{"from": "2025-10-21", "to": "2026-11-24"})
    assert (found["data"], found["total"]) == ([], "0.00"), "400 days are taken"


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"from": "2026-11-25", "to": "2026-11-24"}, "to"),
        ({"from": "2030-01-01"}, "to"),  # after today
        ({"from": "2025-10-20", "to": "2026-11-24"}, "from"),  # 401 days
        ({"from": "2025-10-20"}, "from"),
        ({"from": "24.11.2026"}, "from"),
        ({"from": "2026-11-24T00:00:00Z"}, "from"),
        ({"to": "2026-02-29"}, "to"),
        ({"to": "1764000000"}, "to"),
        ({"to": "20261124"}, "to"),
        ({"to": ""}, "to"),
        ({"to": "0001-01-01"}, "to"),
        ({"to": "9999-12-31"}, "to"),
        ({"to": "\u0662026-11-24"}, "to"),
        ({"subaccount": "robots"}, "subaccount"),
        ({"subaccount": "SA" + "0" * 19}, "subaccount"),
        ({"group_by": "day"}, "group_by"),
        ({"first": "2026-11-24"}, "first"),
        ({"kind": "usage"}, "kind"),
    ],
)
async def test_bad_input_is_refused_by_name(shared_api, params, param):
    account = await shared_api.open_account(timezone="UTC")
    answer = await shared_api.operator.get(f"/v1/accounts/{account.id}/usage", params=params)
    assert (answer.status_code, answer.json()["code"], answer.json()["param"]) == (422, "invalid_field", param)


async def test_a_subaccount_must_be_the_accounts_own(api):
    account, other = await api.open_account(), await api.open_account()
    await make_subaccount(api, other)
    answer = await api.operator.get(f"/v1/accounts/{account.id}/usage", params={"subaccount": SUBACCOUNT})
    assert (answer.status_code, answer.json()["code"], answer.json()["param"]) == (404, "not_found", "subaccount")


async def test_more_lines_than_an_answer_holds_are_refused_with_the_way_out(api, monkeypatch):
    monkeypatch.setattr(usage_totals, "MOST_LINES", 2)
    account = await api.open_account(timezone="UTC")
    for days in range(3):
        await charge(api, account, 1, START - timedelta(days=2 - days))
    answer = await api.operator.get(f"/v1/accounts/{account.id}/usage")
    assert (answer.status_code, answer.json()["param"]) == (422, "from")
    assert "fewer days" in answer.json()["detail"]
    assert len((await asked(api, account, **{"from": "2026-11-23"}))["data"]) == 2


async def test_a_subaccounts_credentials_read_neither_totals_nor_transactions(api):
    account = await api.open_account()
    made = await api.operator.post(f"/v1/accounts/{account.id}/subaccounts", json={"name": "Robots", "enabled": True})
    assert made.status_code == 201, made.text
    client = api.client(account=type(account)(made.json()["id"], made.json()["auth_token"]))
    for path in ("usage", "transactions", "transactions.csv"):
        answer = await client.get(f"/v1/accounts/{account.id}/{path}")
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
