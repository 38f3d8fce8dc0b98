"""Auth Tokens and operators' keys: shown once, hashed, rotated with overlap."""

import base64

import pytest
from pydantic import ValidationError
from sqlalchemy import text

from settings import DEVELOPMENT_OPERATOR_KEY, Settings
from tests.api.client import Account, serving


async def works(api, account):
    answer = await api.client(account=account).get(f"/v1/accounts/{account.id}")
    assert answer.status_code in {200, 401}, answer.text
    return answer.status_code == 200


async def rotate(api, account, body=None, client=None):
    answer = await (client or api.operator).post(f"/v1/accounts/{account.id}/rotate_token", json=body)
    assert answer.status_code == 200, answer.text
    return Account(account.id, answer.json()["auth_token"]), answer.json()


async def test_an_owner_rotates_its_token_and_both_are_valid_for_a_day(api):
    old = await api.open_account()
    new, answer = await rotate(api, old, client=api.client(account=old))
    assert new.token != old.token
    assert answer["previous_token_valid_until"].startswith("2026-11-25T15:00:00.0")
    api.clock.advance(hours=23, minutes=59)
    assert await works(api, old)
    assert await works(api, new)
    api.clock.advance(minutes=1)
    assert not await works(api, old)
    assert await works(api, new)


async def test_at_most_two_tokens_are_valid_and_the_oldest_dies_at_once(api):
    first = await api.open_account()
    second, _ = await rotate(api, first, {"overlap_days": 7})
    third, answer = await rotate(api, second, {"overlap_days": 7})
    assert [await works(api, account) for account in (first, second, third)] == [False, True, True]
    assert answer["previous_token_valid_until"].startswith("2026-12-01T15:00:00")


async def test_without_overlap_every_other_token_dies_at_once(api):
    first = await api.open_account()
    second, _ = await rotate(api, first)
    third, answer = await rotate(api, second, {"overlap_days": 0})
    assert answer["previous_token_valid_until"] is None
    assert [await works(api, account) for account in (first, second, third)] == [False, False, True]


async def test_a_rotation_never_makes_a_dying_token_live_longer(api):
    first = await api.open_account()
    second, _ = await rotate(api, first, {"overlap_days": 1})
    _, answer = await rotate(api, second, {"overlap_days": 0})
    assert answer["previous_token_valid_until"] is None
    assert not await works(api, first)


@pytest.mark.parametrize("days", [-1, 8, 1.5, "1", True, None])
async def test_the_overlap_is_zero_to_seven_whole_days(shared_api, days):
    account = await shared_api.open_account()
    answer = await shared_api.operator.post(f"/v1/accounts/{account.id}/rotate_token", json={"overlap_days": days})
    assert (answer.status_code, answer.json()["param"]) == (422, "overlap_days")


async def test_a_rotation_is_audited_whoever_does_it(api):
    account = await api.open_account()
    await rotate(api, account, client=api.client(account=account))
    await rotate(api, account)
    entries = (await api.operator.get("/v1/audit", params={"kind": "account.token_rotated"})).json()["data"]
    assert [entry["actor"]["kind"] for entry in entries] == ["operator", "account"]


async def test_a_dump_of_the_database_holds_no_usable_credential(api):
    account = await api.open_account()
    key = await api.operator_key("admin")
    async with api.context.database.transaction() as session:
        tables = await session.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
        for table in tables.all():
            rows = await session.scalars(text(f'SELECT row_to_json(t)::text FROM "{table}" t'))
            for row in rows.all():
                assert account.token not in row
                assert key not in row
                assert DEVELOPMENT_OPERATOR_KEY not in row


def basic(text):
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer op_",
        "Bearer op_dev_0000000000000001",
        f"Bearer {DEVELOPMENT_OPERATOR_KEY} x",
        f"Basic {DEVELOPMENT_OPERATOR_KEY}",
        f"Token {DEVELOPMENT_OPERATOR_KEY}",
        "Basic !!!",
        "Basic " + base64.b64encode(b"\xff\xfe:\x00").decode(),
        basic("MA000000000000000000"),
        basic("MA000000000000000000:"),
        basic("MA000000000000000000:" + "x" * 43),
        basic(":"),
        basic("MA0000000000\x0000000000:x"),
        "Bearer op_" + "x" * 100_000,
        "Bearer op_\xfc",
        "Bearer ' OR 1=1 --",
    ],
)
async def test_what_is_no_credential_is_401(shared_api, header):
    answer = await shared_api.anyone.get("/v1/accounts", headers={"Authorization": header.encode("latin-1")})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_an_empty_token_or_that_of_another_account_opens_nothing(shared_api):
    first, second = await shared_api.open_account(), await shared_api.open_account()
    assert not await works(shared_api, Account(first.id, ""))
    assert not await works(shared_api, Account(first.id, second.token))
    assert not await works(shared_api, Account(first.id, first.token[:-1]))
    assert not await works(shared_api, Account(first.id, first.token + "x"))


async def test_production_refuses_the_development_key_and_secrets(make_settings, clock):
    with pytest.raises(ValidationError, match="PREPAY_TOKEN_PEPPER"):
        Settings(environment="production")
    secrets = {"token_pepper": "p" * 32, "seal_key": base64.b64encode(b"s" * 32).decode()}
    async with serving(make_settings(environment="production", **secrets), clock) as production:
        assert (await production.operator.get("/v1/accounts")).status_code == 401


async def test_two_keys_of_a_name_are_valid_and_a_third_revokes_the_oldest(api):
    secrets, ids = [], []
    for _ in range(3):
        answer = await api.operator.post("/v1/operator_keys", json={"name": "billing", "scope": "read"})
        secrets.append(answer.json()["key"])
        ids.append(answer.json()["id"])
    statuses = [(await api.client(key=secret).get("/v1/accounts")).status_code for secret in secrets]
    assert statuses == [401, 200, 200]
    listed = (await api.operator.get("/v1/operator_keys")).json()["data"]
    assert [key["id"] for key in listed] == ids[::-1]
    assert [key["revoked_at"] is None for key in listed] == [True, True, False]
    assert all("key" not in key and "digest" not in key for key in listed)


async def test_a_key_ends_when_it_expires_or_is_revoked(api):
    body = {"name": "nightly", "scope": "read", "expires_in_days": 30}
    made = (await api.operator.post("/v1/operator_keys", json=body)).json()
    client = api.client(key=made["key"])
    api.clock.advance(days=29, hours=23)
    assert (await client.get("/v1/accounts")).status_code == 200
    api.clock.advance(hours=1)
    assert (await client.get("/v1/accounts")).status_code == 401
    key = await api.operator_key("read")
    listed = (await api.operator.get("/v1/operator_keys", params={"limit": 1})).json()["data"][0]
    first = await api.operator.delete(f"/v1/operator_keys/{listed['id']}")
    again = await api.operator.delete(f"/v1/operator_keys/{listed['id']}")
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    assert (await api.client(key=key).get("/v1/accounts")).status_code == 401
    entries = (await api.operator.get("/v1/audit", params={"kind": "operator_key.revoked"})).json()["data"]
    assert len(entries) == 1


async def test_the_audit_log_cannot_be_changed(api):
    await api.open_account()
    for statement in ("UPDATE audit_entry SET actor = 'x'", "DELETE FROM audit_entry", "TRUNCATE audit_entry"):
        with pytest.raises(Exception, match=r"permission denied|append-only"):
            async with api.context.database.transaction() as session:
                await session.execute(text(statement))
