"""`prepay verify` (requirement H5) beyond the ledger: what records say of money that the journal says otherwise."""

import pytest
from sqlalchemy import text

from store.proof import RECORD_CHECKS, prove
from tests.ledger.accounts import tampering


@pytest.fixture
async def account(api):
    """An account with holds in every state, and a subaccount with a budget, a hold and usage of its own."""
    account = await api.open_account()
    await api.adjust(account, "10.00")
    subaccount = await api.subaccount(account, monthly_budget="5.00")
    path = f"/v1/accounts/{account.id}"

    async def reserve(reference, **fields):
        body = {"amount": "1.00", "reference": reference, "expires_in": 60} | fields
        answer = await api.operator.post(f"{path}/holds", json=body)
        assert answer.status_code == 201, answer.text
        return f"{path}/holds/{answer.json()['id']}"

    expired, part, more = await reserve("expired"), await reserve("part"), await reserve("more")
    await reserve("open", expires_in=86400)
    released = await reserve("released", subaccount=subaccount.id)
    assert (await api.operator.post(f"{part}/capture", json={"amount": "0.40"})).status_code == 200
    assert (await api.operator.post(f"{more}/capture", json={"amount": "30", "settled": True})).status_code == 200
    assert (await api.operator.post(f"{released}/release")).status_code == 200
    api.clock.advance(minutes=1)
    usage = {"amount": "1", "reference": "u", "subaccount": subaccount.id, "settled": True}
    assert (await api.operator.post(f"{path}/usage", json=usage)).status_code == 201
    await reserve_nothing(api, path)
    assert (await api.operator.get(expired)).json()["status"] == "expired"
    return account


async def reserve_nothing(api, path):
    """A hold that is refused, which frees what expired ones keep."""
    body = {"amount": "99", "reference": "refused", "expires_in": 60}
    assert (await api.operator.post(f"{path}/holds", json=body)).status_code == 402


async def test_sound_books_have_no_findings(api, account):
    async with api.context.database.transaction() as session:
        statuses = await session.scalars(text("SELECT status FROM hold ORDER BY status"))
        assert list(statuses) == ["captured", "captured", "expired", "open", "released"]
        assert await prove(session) == []


HOLD = "UPDATE hold SET {} WHERE account_id = :account AND reference = '{}'"
MADE_UP = (
    "INSERT INTO hold (account_id, id, reference, amount_micros, expires_in, status, expires_at, created_at)"
    " VALUES (:account, 'hold_x', 'x', 1, 60, 'open', now(), now())"
)
NEVER_OPENED = (
    "INSERT INTO account SELECT (jsonb_populate_record(a, jsonb_build_object('id', 'MA00000000000000000X'))).*"
    " FROM account a WHERE id = :account"
)
TAMPERED = {
    "an open hold is called expired": ([HOLD.format("status = 'expired', ended_at = now()", "open")], "hold record"),
    "an ended hold is called open": ([HOLD.format("status = 'open', ended_at = NULL", "expired")], "hold record"),
    "a released hold is called captured": (
        [HOLD.format("status = 'captured', captured_micros = 1", "released")], "hold record"),
    "another amount was captured": ([HOLD.format("captured_micros = 410000", "part")], "hold record"),
    "what was settled was not": ([HOLD.format("capture_settled = false", "more")], "hold record"),
    "another amount is held": ([HOLD.format("amount_micros = 1", "open")], "hold record"),
    "it is held for a subaccount": ([HOLD.format("subaccount_id = 'SA'", "open")], "hold record"),
    "it was placed under another reference": ([HOLD.format("reference = 'other'", "open")], "hold record"),
    "a hold is in no journal": ([MADE_UP], "hold record"),
    "a hold has lost its record": (
        ["DELETE FROM hold WHERE account_id = :account AND reference = 'open'"], "hold record"),
    "a budget has lost its subaccount": (
        ["DELETE FROM subaccount WHERE account_id = :account"], "budget record"),
    "an account was never opened": (
        [NEVER_OPENED], "account record"),
    "an account has lost its record": (
        ["DELETE FROM account WHERE id = :account"], "account record"),
}  # fmt: skip


@pytest.mark.parametrize("case", TAMPERED)
async def test_tampering_with_records_is_found_and_named(database, postgres, account, case):
    statements, check = TAMPERED[case]
    async with tampering(postgres.server, database.name) as session:
        for statement in statements:
            await session.execute(text(statement), {"account": account.id} if ":account" in statement else {})
        findings = await prove(session)
    assert {finding.check for finding in findings} == {check}
    assert len(findings) == 1


def test_every_check_is_seen_to_find_something():
    assert {check for _, check in TAMPERED.values()} == set(RECORD_CHECKS)
