"""Plivo's resources Account and Subaccount (requirement F8): paths, bodies, answers and errors, on the wire.

The SDK itself is driven in tests/flows/test_the_plivo_sdk_works_unmodified.py.
"""

import re

import pytest
from sqlalchemy import text

from api.context import Context
from api.plivo.account import cash_credits
from store import subaccounts
from tests.api.client import Account, Api


@pytest.fixture
def database(shared_database):
    """Every test opens accounts of its own."""
    return shared_database


NOT_OFFERED = "not offered by this service"


@pytest.fixture
def api(shared_api) -> Api:
    """Each test has an account of its own."""
    return shared_api


@pytest.fixture
async def account(api) -> Account:
    return await api.open_account(
        name="Ada", address="1 Main Street", city="Albany", state="NY", timezone="America/New_York"
    )


@pytest.fixture
def client(api, account):
    return api.client(account=account)


@pytest.fixture
def home(account) -> str:
    return f"/v1/Account/{account.id}/"


def refused(answer, status: int, about: str = "") -> str:
    """The text of an error, which must have Plivo's form."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    body = answer.json()
    assert body.keys() == {"api_id", "error", "objects"}
    assert body["api_id"] == answer.headers["X-Request-Id"]
    assert body["objects"] == []
    assert about in body["error"]
    assert body["error"]
    return body["error"]


async def create(client, home, **fields):
    answer = await client.post(f"{home}Subaccount/", json={"name": "Berlin"} | fields)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_an_account_in_plivos_shape(api, account, client, home):
    await api.adjust(account, "1.809009")
    answer = await client.get(home)
    assert answer.status_code == 200
    assert answer.json() == {
        "account_type": "standard",
        "address": "1 Main Street",
        "api_id": answer.headers["X-Request-Id"],
        "auth_id": account.id,
        "auto_recharge": False,
        "billing_mode": "prepaid",
        "cash_credits": "1.80900",
        "city": "Albany",
        "name": "Ada",
        "resource_uri": home,
        "state": "NY",
        "timezone": "America/New_York",
    }


async def test_credits_are_what_may_be_spent_and_may_be_negative(api, account, client, home):
    await api.adjust(account, "-0.000001")
    assert (await client.get(home)).json()["cash_credits"] == "-0.00001"


@pytest.mark.parametrize(
    ("micros", "shown"),
    [
        (0, "0.00000"),
        (9, "0.00000"),
        (10, "0.00001"),
        (1_809_009, "1.80900"),
        (1_234_567_899_999, "1234567.89999"),
        (-1, "-0.00001"),
        (-10, "-0.00001"),
        (-11, "-0.00002"),
        (-1_000_000, "-1.00000"),
        (-999_999, "-1.00000"),
    ],
)
def test_credits_are_rounded_down_to_five_places(micros, shown):
    assert cash_credits(micros) == shown


async def test_null_leaves_a_field_of_the_account_as_it_is(client, account, home):
    answer = await client.post(home, json={"name": None, "city": "Buffalo", "address": None})
    assert answer.status_code == 202
    assert answer.json() == {"api_id": answer.headers["X-Request-Id"], "message": "changed"}
    shown = (await client.get(home)).json()
    assert (shown["name"], shown["city"], shown["address"]) == ("Ada", "Buffalo", "1 Main Street")
    assert (await client.post(home, json={"name": "Eve", "auth_id": account.id})).status_code == 202
    assert (await client.get(home)).json()["name"] == "Eve"


@pytest.mark.parametrize(
    ("body", "about"),
    [
        ({"name": ""}, "name"),
        ({"name": " "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": 7}, "name"),
        ({"city": "a\nb"}, "city"),
        ({"state": "NY"}, "state: is not a field here"),
        ({"auth_id": "MA00000000000000000X"}, "auth_id"),
        ({"number": "1"}, "number: A field carries a card or bank number"),
        ({"city": "4242 4242 4242 4242"}, "city: A field carries"),
    ],
)
async def test_an_account_update_that_breaks_a_rule_is_400(client, home, body, about):
    before = (await client.get(home)).json() | {"api_id": ""}
    refused(await client.post(home, json=body), 400, about)
    assert (await client.get(home)).json() | {"api_id": ""} == before


async def test_the_node_sdk_puts_an_empty_part_at_the_end(client, home):
    assert (await client.get(f"{home}/")).json()["resource_uri"] == home
    assert (await client.post(f"{home}/", json={"city": "Ithaca"})).status_code == 202
    assert (await client.get(home)).json()["city"] == "Ithaca"


async def test_a_subaccount_from_its_making_to_its_end(api, client, account, home):
    made = await client.post(f"{home}Subaccount/", json={"name": "Berlin", "enabled": True})
    assert made.status_code == 201
    credentials = made.json()
    sub = Account(credentials["auth_id"], credentials["auth_token"])
    assert credentials == {
        "api_id": made.headers["X-Request-Id"],
        "auth_id": sub.id,
        "auth_token": sub.token,
        "message": "created",
    }
    assert re.fullmatch(r"SA[A-Z0-9]{18}", sub.id)
    one = f"{home}Subaccount/{sub.id}/"
    got = await client.get(one)
    expected = {
        "account": home,
        "auth_id": sub.id,
        "auth_token": sub.token,
        "created": f"{api.clock.time.date()}",
        "enabled": True,
        "modified": None,
        "name": "Berlin",
        "resource_uri": one,
    }
    assert got.json() == expected | {"api_id": got.headers["X-Request-Id"]}
    listed = await client.get(f"{home}Subaccount/")
    assert listed.json()["objects"] == [expected]
    assert listed.json()["api_id"] == listed.headers["X-Request-Id"]

    api.clock.advance(days=2)
    changed = await client.post(one, json={"auth_id": sub.id, "name": "Paris", "enabled": False})
    assert changed.status_code == 202
    assert changed.json() == {"api_id": changed.headers["X-Request-Id"], "message": "changed"}
    shown = (await client.get(one)).json()
    assert (shown["name"], shown["enabled"]) == ("Paris", False)
    assert (shown["created"], shown["modified"]) == (expected["created"], f"{api.clock.time.date()}")

    gone = await client.request("DELETE", one, json={"auth_id": sub.id, "cascade": False})
    assert (gone.status_code, gone.content) == (204, b"")
    for method, body in (("GET", None), ("POST", {"name": "x"}), ("DELETE", None)):
        refused(await client.request(method, one, json=body), 404, "no such subaccount")
    assert (await client.get(f"{home}Subaccount/")).json()["objects"] == []
    refused(await api.client(account=sub).get(home), 401)


async def test_a_subaccount_is_disabled_unless_asked_for_otherwise(client, home):
    made = await create(client, home)
    one = f"{home}Subaccount/{made['auth_id']}/"
    assert (await client.get(one)).json()["enabled"] is False
    await client.post(one, json={"name": "Berlin", "enabled": True})
    # Left out or null on the wire is "as it is"; the Python SDK never leaves it out, but sends false.
    for body in ({"name": "Bonn"}, {"name": "Bonn", "enabled": None}):
        assert (await client.post(one, json=body)).status_code == 202
        assert (await client.get(one)).json()["enabled"] is True


async def test_truth_values_as_text(client, home):
    made = await create(client, home, enabled="true")
    one = f"{home}Subaccount/{made['auth_id']}/"
    assert (await client.get(one)).json()["enabled"] is True
    assert (await client.post(one, json={"name": "Berlin", "enabled": "false"})).status_code == 202
    assert (await client.get(one)).json()["enabled"] is False
    assert (await client.request("DELETE", one, json={"cascade": "true"})).status_code == 204


@pytest.mark.parametrize(
    ("body", "about"),
    [
        ({}, "name: is required"),
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "Berlin", "enabled": "yes"}, "enabled"),
        ({"name": "Berlin", "enabled": 1}, "enabled"),
        ({"name": "Berlin", "plan": "gold"}, "plan: is not a field here"),
    ],
)
async def test_values_that_break_a_rule_are_400(client, home, body, about):
    refused(await client.post(f"{home}Subaccount/", json=body), 400, about)
    made = await create(client, home)
    refused(await client.post(f"{home}Subaccount/{made['auth_id']}/", json=body), 400, about)
    assert (await client.get(f"{home}Subaccount/")).json()["meta"]["total_count"] == 1


async def test_a_name_of_100_characters_is_taken(client, home):
    made = await create(client, home, name="ü" * 100)
    assert (await client.get(f"{home}Subaccount/{made['auth_id']}/")).json()["name"] == "ü" * 100


@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_a_body_may_not_name_another_subaccount_than_the_path(client, home, method):
    first, second = await create(client, home), await create(client, home)
    body = {"auth_id": second["auth_id"]} | ({"name": "Paris"} if method == "POST" else {})
    refused(await client.request(method, f"{home}Subaccount/{first['auth_id']}/", json=body), 400, "auth_id")
    shown = (await client.get(f"{home}Subaccount/")).json()["objects"]
    assert [one["name"] for one in shown] == ["Berlin", "Berlin"]


@pytest.mark.parametrize("body", [{"cascade": 1}, {"cascade": "no"}, {"name": "Berlin"}])
async def test_a_deletion_takes_no_other_fields(client, home, body):
    made = await create(client, home)
    one = f"{home}Subaccount/{made['auth_id']}/"
    refused(await client.request("DELETE", one, json=body), 400)
    assert (await client.get(one)).status_code == 200


async def test_pages_say_what_is_beside_them(client, home):
    made = [(await create(client, home, name=f"number {n}"))["auth_id"] for n in range(5)]

    async def page(query):
        answer = (await client.get(f"{home}Subaccount/{query}")).json()
        return [one["auth_id"] for one in answer["objects"]], answer["meta"]

    there = f"{home}Subaccount/"
    found, meta = await page("")
    assert found == made[::-1]
    assert meta == {"limit": 20, "offset": 0, "total_count": 5, "next": None, "previous": None}
    found, meta = await page("?limit=2")
    assert found == [made[4], made[3]]
    assert (meta["next"], meta["previous"]) == (f"{there}?limit=2&offset=2", None)
    found, meta = await page("?limit=2&offset=1")
    assert found == [made[3], made[2]]
    assert (meta["next"], meta["previous"]) == (f"{there}?limit=2&offset=3", f"{there}?limit=2&offset=0")
    found, meta = await page("?limit=2&offset=3")
    assert found == [made[1], made[0]]
    assert (meta["next"], meta["previous"]) == (None, f"{there}?limit=2&offset=1")
    found, meta = await page("?offset=9223372036854775807")
    assert found == []
    assert (meta["total_count"], meta["next"]) == (5, None)


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=21", "limit=x", "offset=-1", "offset=9223372036854775808", "sort=name", "limit=1&limit=2"],
)
async def test_a_query_that_breaks_a_rule_is_400(client, home, query):
    refused(await client.get(f"{home}Subaccount/?{query}"), 400, query.partition("=")[0])


async def test_each_showing_of_a_token_is_in_the_audit_log(api, client, account, home):
    first, second = await create(client, home), await create(client, home)
    await client.get(f"{home}Subaccount/{first['auth_id']}/")
    await client.get(f"{home}Subaccount/")
    log = await api.operator.get("/v1/audit", params={"account": account.id, "kind": "subaccount.credentials_opened"})
    entries = log.json()["data"]
    assert [entry["object_id"] for entry in entries] == [first["auth_id"], second["auth_id"], first["auth_id"]]
    assert {entry["actor"]["id"] for entry in entries} == {account.id}
    assert not {first["auth_token"], second["auth_token"]} & set(re.findall(r"\w+", log.text))


async def test_making_and_deleting_are_in_the_audit_log_too(api, client, account, home):
    made = await create(client, home)
    await client.delete(f"{home}Subaccount/{made['auth_id']}/")
    log = (await api.operator.get("/v1/audit", params={"account": account.id})).json()["data"]
    told = [(entry["action"], entry["object_id"]) for entry in log if entry["object_id"]]
    assert told == [("subaccount.deleted", made["auth_id"]), ("subaccount.created", made["auth_id"])]


async def test_a_list_that_meets_a_deletion_shows_what_it_began_with(client, home, monkeypatch):
    made = await create(client, home)
    read = subaccounts.at_offset

    async def read_and_be_overtaken(*arguments, **named):
        found = await read(*arguments, **named)
        assert (await client.delete(f"{home}Subaccount/{made['auth_id']}/")).status_code == 204
        return found

    monkeypatch.setattr(subaccounts, "at_offset", read_and_be_overtaken)
    (shown,) = (await client.get(f"{home}Subaccount/")).json()["objects"]
    assert (shown["auth_id"], shown["auth_token"]) == (made["auth_id"], made["auth_token"])
    monkeypatch.undo()
    assert (await client.get(f"{home}Subaccount/")).json()["objects"] == []


async def test_an_id_that_looks_like_a_card_number_is_an_id(client, home):
    """Eighteen characters of digits and letters can pass for a card's number by chance."""
    refused(
        await client.post(home, json={"auth_id": "MA004242424242424242"}), 400, "auth_id: is not the one in the path"
    )


async def test_another_accounts_subaccount_is_not_found(api, client, home):
    other = await api.open_account()
    made = await create(client, home)
    theirs = api.client(account=other)
    for method, body in (("GET", None), ("POST", {"name": "mine"}), ("DELETE", None)):
        answer = await theirs.request(
            method, f"/v1/Account/{other.id}/Subaccount/{made['auth_id']}/", json=body
        )  # fmt: skip
        refused(answer, 404, "no such subaccount")
        refused(await theirs.request(method, f"{home}Subaccount/{made['auth_id']}/", json=body), 404)
    assert (await theirs.get(f"/v1/Account/{other.id}/Subaccount/")).json()["objects"] == []
    assert (await client.get(f"{home}Subaccount/{made['auth_id']}/")).json()["name"] == "Berlin"


async def test_subaccounts_have_no_access_and_are_told_so(api, client, home):
    made = await create(client, home, enabled=True)
    sub = Account(made["auth_id"], made["auth_token"])
    asking = api.client(account=sub)
    for path in (f"/v1/Account/{sub.id}/", home):  # the SDK asks for the first
        for method, rest in (("GET", ""), ("POST", ""), ("GET", "Subaccount/"), ("GET", f"Subaccount/{sub.id}/")):
            refused(await asking.request(method, f"{path}{rest}"), 403, "ubaccount")
    unknown = Account(sub.id, "x" * 43)
    refused(await api.client(account=unknown).get(f"/v1/Account/{sub.id}/"), 401)


async def test_operators_have_no_access_either(api, home):
    refused(await api.operator.get(home), 403, "own credentials")
    refused(await api.operator.get(f"{home}Subaccount/"), 403)


async def test_without_credentials_basic_is_asked_for(api, home):
    answer = await api.anyone.get(home)
    refused(answer, 401)
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["Message/", "Call/", "Number/123/", "Pricing/", "Subaccount", "Subaccount/a/b/"])
async def test_every_other_resource_is_said_to_be_not_offered(client, home, method, path):
    assert refused(await client.request(method, f"{home}{path}"), 404) == NOT_OFFERED


@pytest.mark.parametrize("path", ["/v1/Account/", "/v1/Account//", "/v1/Account/MA01ABCDEFGHJKMNPQRS"])
async def test_neither_is_what_lies_above(api, path):
    assert refused(await api.anyone.get(path), 404) == NOT_OFFERED


@pytest.mark.parametrize("path", ["", "Subaccount/"])
async def test_a_method_that_a_path_does_not_have_is_405(client, home, path):
    refused(await client.put(f"{home}{path}"), 405)


@pytest.mark.parametrize(
    ("content", "content_type", "about"),
    [
        (b"{", "application/json", "not JSON"),
        (b"[]", "application/json", "not a JSON object"),
        (b'{"name": "a", "name": "b"}', "application/json", "key twice"),
        (b'{"name": "a"}', "text/plain", "Content-Type"),
        (b"\xff", "application/json", "UTF-8"),
        (b'{"name": "' + b"a" * (1 << 20) + b'"}', "application/json", "larger than"),
    ],
)
async def test_bodies_that_cannot_be_read_are_400(client, home, content, content_type, about):
    headers = {"Content-Type": content_type}
    refused(await client.post(f"{home}Subaccount/", content=content, headers=headers), 400, about)


async def test_a_conflict_of_state_is_409(api, client, account, home):
    made = await create(client, home)
    context: Context = api.context
    async with context.database.transaction() as session:
        await session.execute(text("UPDATE account SET status = 'closed' WHERE id = :id"), {"id": account.id})
    refused(await client.post(home, json={"name": "Eve"}), 409, "closed")
    refused(await client.post(f"{home}Subaccount/", json={"name": "Rome"}), 409, "closed")
    refused(await client.post(f"{home}Subaccount/{made['auth_id']}/", json={"name": "Rome"}), 409, "closed")
    refused(await client.delete(f"{home}Subaccount/{made['auth_id']}/"), 409, "closed")


async def test_what_fails_inside_is_500_without_its_text(api, client, home, monkeypatch):
    async def broken(*_):
        raise RuntimeError("a secret of the inside")

    monkeypatch.setattr("ledger.balances", broken)
    answer = await client.get(home)
    text = refused(answer, 500, answer.headers["X-Request-Id"])
    assert "secret" not in text


async def test_without_a_database_the_answer_is_500_for_the_sdk_to_know(api: Api, client, home, monkeypatch):
    from store.database import DatabaseUnavailableError

    def away():
        raise DatabaseUnavailableError

    monkeypatch.setattr(api.context.database, "transaction", away)
    answer = await client.get(home)
    refused(answer, 500, "Nothing was committed")
    assert answer.headers["Retry-After"] == "2"


@pytest.mark.parametrize("host", ["[", "prepay.test/v1/Account/"])
async def test_the_host_decides_nothing_about_the_form(api, home, host):
    refused(await api.anyone.get(home, headers={"Host": host}), 401)
    answer = await api.anyone.get("/v1/accounts", headers={"Host": host})
    assert (answer.status_code, answer.headers["Content-Type"]) == (401, "application/problem+json")


async def test_requests_are_counted_by_route(api, client, home):
    async def counted():
        figures = (await api.anyone.get("/metrics")).text
        routes = (("/v1/Account/{account_id}/", 200), ("(no route)", 404))
        found = [
            re.search(
                rf'requests_total{{method="GET",route="{re.escape(route)}",status="{status}"}} ([0-9.]+)', figures
            )
            for route, status in routes
        ]
        return [float(one[1]) if one else 0 for one in found]

    before = await counted()
    await client.get(home)
    await client.get(f"{home}Message/")
    assert await counted() == [count + 1 for count in before]
