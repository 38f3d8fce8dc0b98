"""Bank accounts at the door, with nobody behind it: what is refused at once, and what is kept until somebody comes."""

import pytest
from sqlalchemy import text

from api.context import Context
from tests.api.client import Account

MANDATE = {
    "accepted_at": "2026-11-24T14:59:00Z",
    "ip_address": "203.0.113.7",
    "user_agent": "Mozilla/5.0",
    "text_version": "2026-11",
}
NEW = {"payment_method": "pm_usBankAccount_success", "mandate": MANDATE}


@pytest.fixture
def impatient(monkeypatch):
    """Do not wait for a processor that is not there."""

    async def until(context: Context, *, read, **_):
        async with context.database.transaction() as session:
            return await read(session)

    monkeypatch.setattr("api.bank_accounts.until", until)


async def with_card(api) -> Account:
    account = await api.open_account()
    await run(
        api,
        "INSERT INTO card (account_id, id, token, status, created_at)"
        " VALUES (:a, 'card_1', 'pm_card_visa', 'active', now())",
        a=account.id,
    )
    return account


async def run(api, statement: str, **values):
    async with api.context.database.transaction() as session:
        return await session.execute(text(statement), values)


async def post(api, account, **fields):
    path = f"/v1/accounts/{account.id}/bank_accounts"
    return await api.client(account=account).post(path, json=NEW | fields)


async def waiting_for(api, kind):
    """A bank account that waits for its code or its amounts."""
    account = await with_card(api)
    bank = (await post(api, account)).json()["id"]
    await run(
        api,
        "UPDATE bank_account SET microdeposit_type = :kind, setup_intent = 'seti_1' WHERE id = :id",
        kind=kind,
        id=bank,
    )
    return account, bank


async def enter(api, account, bank, **entry):
    path = f"/v1/accounts/{account.id}/bank_accounts/{bank}/verify"
    return await api.client(account=account).post(path, json=entry)


async def test_what_was_committed_is_answered_though_nobody_is_there(api, impatient):
    account = await with_card(api)
    answer = await post(api, account)
    assert answer.status_code == 201, answer.text
    bank = answer.json()
    assert bank["id"].startswith("bank_")
    assert bank == {
        "id": bank["id"],
        "payment_method": None,
        "bank_name": None,
        "last4": None,
        "status": "verification_pending",
        "status_reason": None,
        "microdeposit_type": None,
        "attempts_left": 5,
        "deposit_expected_on": None,
        "expires_at": None,
        "verified_at": None,
        "mandate": {"accepted_at": "2026-11-24T14:59:00Z", "text_version": "2026-11", "status": "pending"},
        "failure": None,
        "livemode": False,
        "created_at": bank["created_at"],
    }
    (kept,) = await run(api, "SELECT ip_address, user_agent, text_version, amount_rule FROM mandate")
    assert kept[:3] == ("203.0.113.7", "Mozilla/5.0", "2026-11")
    assert "$10,000.00" in kept[3]
    (waiting,) = await run(api, "SELECT kind, workflow_id, handed_at FROM outbox WHERE kind LIKE 'bank%'")
    assert waiting == ("bank_verification", f"verify/{bank['id']}", None)
    client = api.client(account=account)
    assert (await client.get(f"/v1/accounts/{account.id}/bank_accounts/{bank['id']}")).json() == bank
    listed = (await client.get(f"/v1/accounts/{account.id}/bank_accounts?status=verification_pending")).json()
    assert listed == {"data": [bank], "has_more": False}
    assert (await client.get(f"/v1/accounts/{account.id}/bank_accounts?status=verified")).json()["data"] == []


async def test_an_operators_acts_are_in_the_audit_log(api, impatient):
    account = await with_card(api)
    path = f"/v1/accounts/{account.id}/bank_accounts"
    bank = (await api.operator.post(path, json=NEW)).json()["id"]
    assert (await api.operator.delete(f"{path}/{bank}")).status_code == 503
    assert (await api.operator.delete(f"{path}/{bank}")).headers["Retry-After"] == "5"
    actions = [entry["action"] for entry in (await api.operator.get("/v1/audit")).json()["data"]]
    assert actions[:2] == ["bank_account.removed", "bank_account.added"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("accepted_at", "2026-11-24T15:06:00Z"),
        ("accepted_at", "2026-11-23T14:00:00Z"),
        ("accepted_at", "2026-11-24"),
        ("accepted_at", 1795532400),
        ("ip_address", "localhost"),
        ("ip_address", "203.0.113.256"),
        ("ip_address", "fe80::1%eth0"),
        ("ip_address", 3405803783),
        ("user_agent", ""),
        ("user_agent", "  "),
        ("user_agent", "a\nb"),
        ("user_agent", "x" * 501),
        ("text_version", "1999-01"),
        ("text_version", ""),
    ],
)
async def test_a_mandate_that_cannot_be_true(api, field, value):
    account = await with_card(api)
    answer = await post(api, account, mandate=MANDATE | {field: value})
    assert (answer.status_code, answer.json()["code"], answer.json()["param"]) == (
        422, "invalid_field", f"mandate.{field}",
    )  # fmt: skip
    assert (await run(api, "SELECT count(*) FROM bank_account")).scalar_one() == 0


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"mandate": None}, "invalid_field"),
        ({"mandate": {}}, "invalid_field"),
        ({"mandate": MANDATE | {"amount_rule": "any"}}, "invalid_field"),
        ({"payment_method": "000123456789"}, "invalid_field"),
        ({"payment_method": 7}, "invalid_field"),
        ({"payment_method": "4242424242424242"}, "raw_number_refused"),
        ({"payment_method": "pm_1", "routing_number": "110000000"}, "raw_number_refused"),
        ({"mandate": MANDATE | {"account_number": "x"}}, "raw_number_refused"),
        ({"mandate": MANDATE | {"user_agent": "4242 4242 4242 4242"}}, "raw_number_refused"),
        ({"verification_method": "skip"}, "invalid_field"),
    ],
)
async def test_what_is_no_bank_account_request(api, fields, code):
    answer = await post(api, await with_card(api), **fields)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_a_card_first_and_no_closed_account(api):
    account = await api.open_account()
    answer = await post(api, account)
    assert (answer.status_code, answer.json()["code"]) == (409, "card_required")
    await run(api, "UPDATE account SET status = 'closed' WHERE id = :id", id=account.id)
    assert (await post(api, account)).json()["code"] == "account_closed"


@pytest.mark.parametrize("code", ["", "SM", "SM11AAA", "XX11AA", "SM 11AA", "SM\uff11\uff11AA", "x" * 90])
async def test_a_code_that_cannot_be_right_costs_nothing(api, impatient, code):
    account, bank = await waiting_for(api, "descriptor_code")
    answer = await enter(api, account, bank, code=code)
    assert (answer.status_code, answer.json()["code"], answer.json()["param"]) == (422, "code_malformed", "code")
    assert (await run(api, "SELECT count(*) FROM bank_attempt")).scalar_one() == 0


@pytest.mark.parametrize(
    "entry",
    [
        {"amounts": [32]},
        {"amounts": [32, 45, 1]},
        {"amounts": [32.0, 45]},
        {"amounts": ["32", "45"]},
        {"amounts": [True, 45]},
        {"amounts": [0, 45]},
        {"amounts": [-1, 45]},
        {"amounts": [32, 100]},
        {"amounts": "32,45"},
        {"code": 1111},
        {"code": "SM11AA", "amounts": [32, 45]},
        {"code": "SM11AA", "force": True},
    ],
)
async def test_an_entry_that_cannot_be_read_costs_nothing(api, impatient, entry):
    account, bank = await waiting_for(api, "amounts")
    answer = await enter(api, account, bank, **entry)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_field")
    assert (await run(api, "SELECT count(*) FROM bank_attempt")).scalar_one() == 0


@pytest.mark.parametrize(
    ("kind", "entry", "code"),
    [
        ("descriptor_code", {"amounts": [32, 45]}, "code_required"),
        ("descriptor_code", {}, "code_required"),
        ("amounts", {"code": "SM11AA"}, "amounts_required"),
        ("amounts", {}, "amounts_required"),
    ],
)
async def test_the_other_kind_of_entry_is_asked_for(api, impatient, kind, entry, code):
    account, bank = await waiting_for(api, kind)
    answer = await enter(api, account, bank, **entry)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert (await run(api, "SELECT count(*) FROM bank_attempt")).scalar_one() == 0


@pytest.mark.parametrize("status", ["verified", "verification_failed", "expired", "blocked", "removed"])
async def test_nothing_is_verified_that_does_not_wait_for_it(api, impatient, status):
    account, bank = await waiting_for(api, "descriptor_code")
    await run(api, "UPDATE bank_account SET status = :status WHERE id = :id", status=status, id=bank)
    answer = await enter(api, account, bank, code="SM11AA")
    assert (answer.status_code, answer.json()["code"]) == (409, "verification_not_pending")
    assert answer.json()["bank_account_status"] == status


async def test_before_the_deposit_was_sent_there_is_nothing_to_enter(api, impatient):
    account = await with_card(api)
    bank = (await post(api, account)).json()["id"]
    answer = await enter(api, account, bank, code="SM11AA")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert (await enter(api, account, "bank_none", code="SM11AA")).status_code == 404


async def test_a_code_that_waits_is_sealed_and_stands_nowhere_else(api, impatient, capsys):
    account, bank = await waiting_for(api, "descriptor_code")
    for _ in range(2):
        answer = await enter(api, account, bank, code="SM77QZ")
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    (attempt,) = await run(api, "SELECT number, sealed, answer FROM bank_attempt")
    assert (attempt.number, attempt.answer) == (1, None)
    assert b"77QZ" not in attempt.sealed
    tables = await run(api, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
    for table in tables.scalars().all():
        rows = await run(api, f'SELECT "{table}"::text FROM "{table}"')
        assert not any("77QZ" in row for row in rows.scalars().all()), table
    assert "77QZ" not in "".join(capsys.readouterr())
