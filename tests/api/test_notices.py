"""GET /v1/accounts/{id}/notices."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from store import notices


@pytest.fixture
async def account(api):
    return await api.open_account(email="ada@customer.example")


@pytest.fixture
async def bank(api, account) -> str:
    """A bank account that waits for its code."""
    now = api.clock.now()
    async with api.context.database.transaction() as session:
        await session.execute(
            text(
                "INSERT INTO bank_account (account_id, id, token, status, microdeposit_type, attempts_allowed,"
                " expires_at, created_at) VALUES"
                " (:account, 'bank_1', 'pm_1', 'verification_pending', 'descriptor_code', 5, :later, :now)"
            ),
            {"account": account.id, "now": now, "later": now + timedelta(days=10)},
        )
    return "bank_1"


@pytest.fixture
def tell(api, account, bank):
    async def told(kind, cause="1", **facts):
        async with api.context.database.transaction() as session:
            return await notices.add(
                session,
                account_id=account.id,
                kind=kind,
                cause=cause,
                facts={"bank_account": bank} | facts,
                now=api.clock.now(),
            )

    return told


async def test_each_recipient_has_a_state(api, account, tell):
    notice = await tell("bank_verified", cause="bank_1")
    async with api.context.database.transaction() as session:
        sent_at = api.clock.now()
        await notices.address(session, notice, email="zoe@customer.example", now=sent_at)
        await notices.answered(session, notice, email="ada@customer.example", state="sent", now=sent_at)
        await notices.answered(
            session, notice, email="zoe@customer.example", state="pending", now=sent_at, error="SMTPServerDisconnected"
        )
        await notices.answered(
            session, notice, email="zoe@customer.example", state="failed", now=sent_at, error="refused (550)"
        )
        await notices.close(session, notice, unsent="failed", reason=None, now=sent_at)
    answer = (await api.client(account=account).get(f"/v1/accounts/{account.id}/notices")).json()
    (shown,) = answer["data"]
    assert (shown["id"], shown["kind"], shown["cause"], shown["state"]) == (notice, "bank_verified", "bank_1", "sent")
    assert shown["at"].endswith("Z")
    sent, failed = shown["recipients"]
    assert (sent["email"], sent["state"]) == ("ada@customer.example", "sent")
    assert sent["sent_at"].endswith("Z")
    assert (sent["tries"], sent["last_error"]) == (1, None)
    assert failed.pop("last_tried_at") == sent["sent_at"]
    assert failed == {
        "email": "zoe@customer.example",
        "state": "failed",
        "sent_at": None,
        "tries": 2,
        "last_error": "refused (550)",
    }
    assert (shown["threshold"], shown["balance"]) == (None, None)
    assert shown["livemode"] is False
    assert answer["has_more"] is False


async def test_newest_first_in_pages(api, account, tell):
    ids = [await tell("bank_reminder", cause=str(n)) for n in range(3)]
    path = f"/v1/accounts/{account.id}/notices"
    first = (await api.operator.get(path, params={"limit": 2})).json()
    rest = (await api.operator.get(path, params={"limit": 2, "starting_after": first["data"][-1]["id"]})).json()
    assert [row["id"] for row in first["data"] + rest["data"]] == ids[::-1]
    assert (first["has_more"], rest["has_more"]) == (True, False)


async def test_filters(api, account, tell):
    reminder, verified = await tell("bank_reminder"), await tell("bank_verified")
    async with api.context.database.transaction() as session:
        await notices.close(session, reminder, unsent="superseded", reason="bank_account_verified", now=api.clock.now())

    async def ids(**params):
        answer = await api.operator.get(f"/v1/accounts/{account.id}/notices", params=params)
        assert answer.status_code == 200, answer.text
        return [row["id"] for row in answer.json()["data"]]

    assert await ids(kind="bank_verified") == [verified]
    assert await ids(kind="unheard_of") == []
    assert await ids(status="superseded") == [reminder]
    assert await ids(status="pending", kind="bank_reminder") == []
    answer = await api.operator.get(f"/v1/accounts/{account.id}/notices", params={"status": "lost"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_field")


async def test_what_is_for_operators_the_owner_does_not_see(api, account, tell):
    own = await tell("bank_verified")
    async with api.context.database.transaction() as session:
        now = api.clock.now()
        await session.execute(
            text(
                "INSERT INTO mandate (account_id, id, bank_account_id, status, accepted_at, ip_address, user_agent,"
                " text_version, amount_rule, created_at)"
                " VALUES (:account, 'mndt_1', 'bank_1', 'active', :now, '192.0.2.1', 'x', '1', 'x', :now)"
            ),
            {"account": account.id, "now": now},
        )
    theirs = await tell("mandate_copy_unsent", mandate="mndt_1", notice="ntc_1")
    path = f"/v1/accounts/{account.id}/notices"
    by_owner = (await api.client(account=account).get(path)).json()["data"]
    by_operator = (await api.operator.get(path)).json()["data"]
    assert [row["id"] for row in by_owner] == [own]
    assert [row["id"] for row in by_operator] == [theirs, own]
