"""Accounts through the API."""


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
