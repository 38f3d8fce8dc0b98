"""Accounts through the API."""

import pytest


async def test_an_operator_opens_an_account_and_its_owner_sees_it(api):
    answer = await api.operator.post(
        "/v1/accounts",
        json={
            "name": "Ada Lovelace",
            "email": "ada@customer.example",
            "timezone": "America/New_York",
            "external_id": "crm-1",
            "address": "1 Analytical Way",
            "city": "Albany",
            "state": "NY",
            "metadata": {"plan": "gold"},
        },
    )
    assert answer.status_code == 201
    made = answer.json()
    token = made.pop("auth_token")
    assert made.pop("auth_id") == made["id"]
    assert len(made["id"]) == 20
    assert made["id"].startswith("MA")
    assert made["created_at"].endswith("Z")
    assert {name: made[name] for name in ("name", "timezone", "external_id", "status", "livemode", "metadata")} == {
        "name": "Ada Lovelace",
        "timezone": "America/New_York",
        "external_id": "crm-1",
        "status": "active",
        "livemode": False,
        "metadata": {"plan": "gold"},
    }
    seen = await api.anyone.get(f"/v1/accounts/{made['id']}", auth=(made["id"], token))
    assert seen.status_code == 200
    assert seen.json() == made


async def test_a_new_account_is_exhausted_and_its_balance_says_why(api):
    account = await api.open_account()
    balance = (await api.client(account=account).get(f"/v1/accounts/{account.id}/balance")).json()
    amounts = ("available", "posted", "pending", "provisional", "held", "at_risk")
    assert {name: balance[name] for name in amounts} == dict.fromkeys(amounts, "0.00")
    assert balance["status"] == "exhausted"
    assert balance["pending_items"] == []
    assert balance["retention_ends_at"] is None
    assert balance["why"]["available"].startswith("posted 0.00 + provisional 0.00 - held 0.00")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "   "),
        ("name", "x" * 101),
        ("name", "Ada\nLovelace"),
        ("name", 7),
        ("name", None),
        ("email", "ada"),
        ("email", "ada@customer.example\r\nBcc: eve@evil.example"),
        ("email", "ada@customer.example,eve@evil.example"),
        ("email", "a b@customer.example"),
        ("email", "ada@@customer.example"),
        ("email", "x" * 250 + "@a.example"),
        ("timezone", "Mars/Olympus"),
        ("timezone", "../etc/passwd"),
        ("external_id", ""),
        ("external_id", "x" * 256),
        ("status", "suspended"),
        ("id", "MA01ABCDEFGHJKMNPQRS"),
        ("currency", "usd"),
        ("livemode", True),
        ("metadata", {"k" * 41: "v"}),
        ("metadata", {"k": "v" * 501}),
        ("metadata", {"k": 1}),
        ("metadata", {"": "v"}),
        ("metadata", {str(number): "v" for number in range(51)}),
        ("metadata", ["k"]),
    ],
)
async def test_fields_that_break_a_rule_are_refused(shared_api, field, value):
    body = {"name": "Ada", "email": "ada@customer.example", field: value}
    answer = await shared_api.operator.post("/v1/accounts", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_field"), answer.text
    assert answer.json()["param"].startswith(field)


async def test_bounds_are_inclusive(shared_api):
    body = {
        "name": "x" * 100,
        "email": "a@b.example",
        "external_id": "y" * 255,
        "metadata": {f"{number:040}"[::-1]: "v" * 500 for number in range(50)},
    }
    assert (await shared_api.operator.post("/v1/accounts", json=body)).status_code == 201


async def test_an_external_id_belongs_to_one_account(api):
    first = await api.open_account(external_id="crm-1")
    body = {"name": "Eve", "email": "eve@customer.example", "external_id": "crm-1"}
    answer = await api.operator.post("/v1/accounts", json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "external_id_taken")
    assert answer.json()["param"] == "external_id"
    second = await api.open_account()
    answer = await api.operator.patch(f"/v1/accounts/{second.id}", json={"external_id": "crm-1"})
    assert answer.status_code == 409
    found = (await api.operator.get("/v1/accounts", params={"external_id": "crm-1"})).json()["data"]
    assert [account["id"] for account in found] == [first.id]


async def test_an_owner_changes_what_is_sent_and_nothing_else(api):
    account = await api.open_account(external_id="crm-1", metadata={"a": "1", "b": "2"})
    owner = api.client(account=account)
    before = (await owner.get(f"/v1/accounts/{account.id}")).json()
    changes = {"city": "Albany", "external_id": None, "metadata": {"b": None, "c": "3", "d": ""}}
    answer = await owner.patch(f"/v1/accounts/{account.id}", json=changes)
    assert answer.status_code == 200, answer.text
    after = before | {"city": "Albany", "external_id": None, "metadata": {"a": "1", "c": "3"}}
    assert answer.json() == after
    assert (await owner.get(f"/v1/accounts/{account.id}")).json() == after
    assert (await owner.patch(f"/v1/accounts/{account.id}", json={})).json() == after
    emptied = await owner.patch(f"/v1/accounts/{account.id}", json={"metadata": None})
    assert emptied.json()["metadata"] == {}


async def test_merged_metadata_keeps_its_bound(api):
    account = await api.open_account(metadata={str(number): "v" for number in range(50)})
    url = f"/v1/accounts/{account.id}"
    answer = await api.operator.patch(url, json={"metadata": {"one more": "v"}})
    assert (answer.status_code, answer.json()["param"]) == (422, "metadata")
    assert (await api.operator.patch(url, json={"metadata": {"one more": "v", "0": ""}})).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [{"name": None}, {"email": None}, {"status": "active"}, {"reason": "why"}, {"status": "closed", "reason": "why"}],
)
async def test_changes_that_make_no_sense_are_refused(shared_api, changes):
    account = await shared_api.open_account()
    answer = await shared_api.operator.patch(f"/v1/accounts/{account.id}", json=changes)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_field"), answer.text


async def test_only_operators_suspend_and_the_audit_log_says_why(api):
    account = await api.open_account()
    url = f"/v1/accounts/{account.id}"
    suspend = {"status": "suspended", "reason": "chargebacks"}
    refused = await api.client(account=account).patch(url, json=suspend)
    assert (refused.status_code, refused.json()["code"], refused.json()["param"]) == (403, "forbidden", "status")
    suspended = (await api.operator.patch(url, json=suspend)).json()
    assert (suspended["status"], suspended["status_reason"]) == ("suspended", "chargebacks")
    assert (await api.operator.get(f"{url}/balance")).json()["status"] == "suspended"
    active = (await api.operator.patch(url, json={"status": "active", "reason": "paid"})).json()
    assert (active["status"], active["status_reason"]) == ("active", None)
    entries = (await api.operator.get("/v1/audit", params={"account": account.id})).json()["data"]
    assert [(entry["action"], entry["details"].get("reason")) for entry in entries] == [
        ("account.activated", "paid"),
        ("account.suspended", "chargebacks"),
        ("account.opened", None),
    ]
    assert {entry["actor"]["kind"] for entry in entries} == {"operator"}


async def test_the_account_list_is_filtered_by_status(api):
    await api.open_account()
    account = await api.open_account()
    await api.operator.patch(f"/v1/accounts/{account.id}", json={"status": "suspended", "reason": "why"})
    found = (await api.operator.get("/v1/accounts", params={"status": "suspended"})).json()
    assert [row["id"] for row in found["data"]] == [account.id]
    assert all("auth_token" not in row for row in found["data"])


async def test_an_account_that_is_not_there_looks_like_one_of_another_tenant(shared_api):
    own, other = await shared_api.open_account(), await shared_api.open_account()
    client = shared_api.client(account=own)
    hidden = (await client.get(f"/v1/accounts/{other.id}")).json()
    missing = (await client.get("/v1/accounts/MA000000000000000000")).json()
    hidden.pop("request_id")
    missing.pop("request_id")
    assert hidden == missing
