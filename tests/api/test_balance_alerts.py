"""GET and PUT /v1/accounts/{id}/balance_alerts: A1 to A6 at the door."""

from datetime import date

import pytest
from sqlalchemy import text

import ledger
from rules.thresholds import Threshold
from store import balance_alerts
from store.balance_alerts import Due

DOLLAR = 1_000_000


@pytest.fixture
async def account(api):
    return await api.open_account()


@pytest.fixture
def alerts(api, account):
    """GET without a body, PUT with one; as the operator."""

    async def call(body=None, *, status=200):
        path = f"/v1/accounts/{account.id}/balance_alerts"
        answer = await (api.operator.get(path) if body is None else api.operator.put(path, json=body))
        assert answer.status_code == status, answer.text
        return answer.json()

    return call


@pytest.fixture
def watched(api, account):
    async def read():
        async with api.context.database.transaction() as session:
            return [micros // DOLLAR for micros in (await ledger.watched(session, account.id))[Threshold.ALERT]]

    return read


async def recommend(api, account, micros, day):
    due = Due(account_id=account.id, created_at=api.clock.now(), timezone="UTC", today=day)
    async with api.context.database.transaction() as session:
        return await balance_alerts.recommend(session, due, micros=micros, now=api.clock.now())


async def test_a_new_account_has_alerts_without_set_up(alerts, account, watched):
    assert await alerts() == {
        "livemode": False,
        "account": account.id,
        "currency": "usd",
        "built_in": ["250.00", "100.00", "10.00"],
        "thresholds": ["100.00", "10.00"],
        "emails": [],
        "configured_by": "system",
        "recommended": None,
        "recommended_on": None,
        "recommended_why": "No recommendation yet: average daily usage is worked out every night, from the first full"
        " day on.",
    }
    assert await watched() == [250, 100, 10]


async def test_the_owner_sets_three_of_their_own_and_all_are_watched(api, alerts, account, watched):
    path = f"/v1/accounts/{account.id}/balance_alerts"
    answer = await api.client(account=account).put(
        path, json={"thresholds": ["500", "0.005", "75.50"], "emails": ["bob@customer.example"]}
    )
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    assert shown["thresholds"] == ["500.00", "0.005", "75.50"]
    assert (shown["configured_by"], shown["emails"]) == ("owner", ["bob@customer.example"])
    assert shown == await alerts()
    assert await watched() == [500, 250, 100, 75, 10, 0]


async def test_an_empty_list_makes_them_the_owners_for_ever(api, alerts, account, watched):
    await alerts({"thresholds": []})
    assert await recommend(api, account, 19 * DOLLAR, date(2026, 11, 25))
    shown = await alerts()
    assert (shown["configured_by"], shown["thresholds"]) == ("owner", [])
    assert (shown["recommended"], shown["recommended_on"]) == ("19.00", "2026-11-25")
    assert await watched() == [250, 100, 10]


async def test_what_the_owner_set_is_never_overridden(api, alerts, account, watched):
    await alerts({"thresholds": ["42"]})
    await recommend(api, account, 19 * DOLLAR, date(2026, 11, 25))
    assert (await alerts())["thresholds"] == ["42.00"]
    assert await watched() == [250, 100, 42, 10]


async def test_the_systems_alerts_follow_the_recommendation(api, alerts, account, watched):
    await recommend(api, account, 19 * DOLLAR, date(2026, 11, 25))
    shown = await alerts()
    assert (shown["configured_by"], shown["thresholds"]) == ("system", ["100.00", "19.00", "10.00"])
    assert "average daily usage" in shown["recommended_why"]
    assert await watched() == [250, 100, 19, 10]
    await recommend(api, account, 31 * DOLLAR, date(2026, 11, 26))
    assert await watched() == [250, 100, 31, 10]
    await recommend(api, account, None, date(2026, 11, 27))
    shown = await alerts()
    assert (shown["recommended"], shown["thresholds"]) == (None, ["100.00", "10.00"])
    assert "no usage yet" in shown["recommended_why"]
    assert await watched() == [250, 100, 10]


async def test_a_day_is_recommended_for_once(api, alerts, account):
    assert await recommend(api, account, 19 * DOLLAR, date(2026, 11, 25))
    assert not await recommend(api, account, 77 * DOLLAR, date(2026, 11, 25))
    assert not await recommend(api, account, 77 * DOLLAR, date(2026, 11, 24))
    assert (await alerts())["recommended"] == "19.00"


async def test_addresses_alone_leave_the_alerts_to_the_system(alerts):
    shown = await alerts({"emails": ["bob@customer.example", "eve@customer.example"]})
    assert (shown["configured_by"], shown["thresholds"]) == ("system", ["100.00", "10.00"])
    shown = await alerts({"thresholds": ["50"]})
    assert (shown["configured_by"], shown["emails"]) == ("owner", ["bob@customer.example", "eve@customer.example"])
    assert (await alerts({"emails": []}))["thresholds"] == ["50.00"]


async def test_an_own_alert_may_be_a_built_in_one_and_is_watched_once(alerts, watched):
    assert (await alerts({"thresholds": ["100", "60"]}))["thresholds"] == ["100.00", "60.00"]
    assert await watched() == [250, 100, 60, 10]


@pytest.mark.parametrize(
    ("body", "param", "says"),
    [
        ({"thresholds": ["1", "2", "3", "4"]}, "thresholds", "3 alerts can be set beside those that are built in"),
        ({"thresholds": ["25", "25.0"]}, "thresholds", "must not name an amount twice"),
        ({"thresholds": ["0"]}, "thresholds[0]", "must be above zero"),
        ({"thresholds": ["5", "-1"]}, "thresholds[1]", "must not be negative"),
        ({"thresholds": ["0.0000001"]}, "thresholds[0]", "six places"),
        ({"thresholds": ["1000000000.01"]}, "thresholds[0]", "at most 1000000000.00"),
        ({"thresholds": [100]}, "thresholds[0]", "not a number"),
        ({"thresholds": "100"}, "thresholds", ""),
        ({"thresholds": None}, None, "thresholds cannot be null"),
        ({"emails": None}, None, "emails cannot be null"),
        ({"emails": ["nobody"]}, "emails[0]", ""),
        ({"emails": ["a@x.example, b@x.example"]}, "emails[0]", ""),
        ({"emails": ["a@x.example", "A@X.example"]}, "emails", "must not name an address twice"),
        ({"emails": [f"a{n}@x.example" for n in range(21)]}, "emails", "must be at most 20 addresses"),
        ({"built_in": ["1"]}, "built_in", ""),
        ({}, None, "are needed"),
    ],
)
async def test_bad_settings_are_named_and_change_nothing(alerts, body, param, says):
    before = await alerts()
    answer = await alerts(body, status=422)
    assert answer["code"] in {"invalid_field", "amount_invalid", "amount_too_large"}, answer
    assert answer["param"] == param
    assert says in str(answer)
    assert await alerts() == before


async def test_an_operators_change_is_in_the_audit_log(api, alerts):
    await alerts({"thresholds": ["42"], "emails": ["bob@customer.example"]})
    entries = (await api.operator.get("/v1/audit")).json()["data"]
    (entry,) = [entry for entry in entries if entry["action"] == "account.alerts_set"]
    assert entry["details"] == {"fields": ["emails", "thresholds"]}


async def test_a_closed_account_takes_no_settings(api, alerts, account):
    async with api.context.database.transaction() as session:
        await session.execute(text("UPDATE account SET status = 'closed'"))
    assert (await alerts({"thresholds": []}, status=409))["code"] == "account_closed"
