"""Events by API: every change of state that a platform acts on, and sending one again."""

from datetime import datetime

import pytest
from sqlalchemy import select
from sqlmodel import col

from models.outbox import Outbox
from rules.bank_verification import Status
from rules.events import TYPES
from store import bank_accounts, cards, notices, recharges
from store.mandates import Acceptance
from tests.api.client import Api

CARD = "pm_card_visa"


async def told(api: Api, account_id=None, **params):
    """Events, oldest first."""
    params = {"limit": 100} | ({"account": account_id} if account_id else {}) | params
    answer = await api.operator.get("/v1/events", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"][::-1]


async def endpoint(api: Api, **fields):
    answer = await api.operator.post("/v1/webhook_endpoints", json={"url": "https://platform.example/"} | fields)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


async def test_an_account_tells_what_becomes_of_it_and_nothing_personal(api):
    account = await api.open_account(external_id="customer-7")
    path = f"/v1/accounts/{account.id}"
    await api.operator.patch(path, json={"name": "Grace", "email": "grace@customer.example", "metadata": {"a": "b"}})
    await api.operator.patch(path, json={"name": "Grace"})  # nothing changes
    await api.operator.patch(path, json={"status": "suspended", "reason": "fraud"})
    await api.operator.patch(path, json={"status": "active", "reason": "cleared"})
    await api.operator.put(f"{path}/sender_ids", json={"sender_ids": ["+15550100"]})
    found = await told(api, account.id)
    assert [(event["type"], event["data"]) for event in found] == [
        ("account.created", {"status": "active", "external_id": "customer-7"}),
        (
            "account.updated",
            {"changed": ["email", "metadata", "name"], "status": "active", "external_id": "customer-7"},
        ),
        ("account.suspended", {"status": "suspended", "reason": "fraud"}),
        ("account.activated", {"status": "active", "reason": None}),
        ("account.updated", {"changed": ["sender_ids"], "status": "active", "external_id": "customer-7"}),
    ]
    assert all(event["account"] == account.id and event["livemode"] is False for event in found)
    for personal in ("Ada", "Grace", "customer.example", "15550100"):
        assert personal not in str(found)


async def test_subaccounts_tell_what_becomes_of_them(api):
    account = await api.open_account()
    subaccount = await api.subaccount(account, name="Field office", enabled=False)
    path = f"/v1/accounts/{account.id}/subaccounts/{subaccount.id}"
    await api.operator.patch(path, json={"enabled": True})
    await api.operator.patch(path, json={"enabled": True})  # nothing changes
    await api.operator.patch(path, json={"monthly_budget": "10.00"})
    await api.operator.delete(path)
    await api.operator.delete(path)  # is deleted already
    found = [(event["type"], event["data"]) for event in await told(api, account.id)][1:]
    shown = {"subaccount": subaccount.id, "enabled": True}
    assert found == [
        ("subaccount.created", shown | {"enabled": False}),
        ("subaccount.updated", shown | {"changed": ["enabled"]}),
        ("subaccount.updated", shown | {"changed": ["monthly_budget"]}),
        ("subaccount.deleted", shown | {"enabled": False}),
    ]


async def test_cards_tell_what_becomes_of_them(api):
    account, now = await api.open_account(), api.clock.now()
    shown = {"brand": "visa", "last4": "4242", "exp_month": 1, "exp_year": 2031}
    async with api.context.database.transaction() as session:
        card = (await cards.add(session, account_id=account.id, token=CARD, now=now)).card
        await cards.attached(session, card, shown, now=now)
        await cards.attached(session, card, shown, now=now)  # nothing changes
        await cards.attached(session, card, shown | {"exp_year": 2034}, now=now)
        await cards.removed(session, card, now=now)
        await cards.removed(session, card, now=now)
        other = (await cards.add(session, account_id=account.id, token="pm_card_bad", now=now)).card
        await cards.refused(session, other, {"code": "card_declined"}, now=now)
    found = [event for event in await told(api, account.id) if event["type"].startswith("card.")]
    assert sorted((event["type"], event["data"]["card"]) for event in found) == [
        ("card.active", card.id),
        ("card.failed", other.id),
        ("card.removed", card.id),
        ("card.updated", card.id),
    ]
    assert "card_declined" in str(found)
    assert "4242" not in str(found)


BANK_STEPS = [
    ([Status.VERIFIED, Status.VERIFIED, Status.BLOCKED, Status.VERIFIED, Status.REMOVED],
     ["verified", "blocked", "unblocked", "removed"]),
    ([Status.FAILED], ["verification_failed"]),
    ([Status.EXPIRED], ["expired"]),
]  # fmt: skip


@pytest.mark.parametrize(("steps", "expected"), BANK_STEPS)
async def test_bank_accounts_tell_what_becomes_of_them(api, steps, expected):
    account, now = await api.open_account(), api.clock.now()
    acceptance = Acceptance(
        accepted_at=now, ip_address="192.0.2.7", user_agent="Browser/1", text_version="2026-11", amount_rule="-"
    )
    async with api.context.database.transaction() as session:
        card = (await cards.add(session, account_id=account.id, token=CARD, now=now)).card
        await cards.attached(session, card, {}, now=now)
        asked = await bank_accounts.add(
            session, account_id=account.id, token="pm_bank", acceptance=acceptance, attempts_allowed=5, now=now
        )
    for status in steps:
        async with api.context.database.transaction() as session:
            bank = await bank_accounts.locked(session, account_id=account.id, bank_id=asked.bank.id)
            await bank_accounts.move(session, bank, status, reason="because", now=api.clock.now())
    found = [event for event in await told(api, account.id) if event["type"].startswith("bank_account.")]
    assert [event["type"] for event in found] == [f"bank_account.{what}" for what in ("added", *expected)]
    assert found[-1]["data"] == {"bank_account": asked.bank.id, "status": str(steps[-1]), "reason": "because"}


async def a_recharge(api, account, key):
    new = recharges.NewRecharge(
        account_id=account.id,
        amount_cents=2500,
        method_id="card_1",
        method_kind="card",
        kind="manual",
        idempotency_key=key,
        request_digest="-",
        return_url=None,
        metadata={},
    )
    async with api.context.database.transaction() as session:
        row, _ = await recharges.create(session, new, now=api.clock.now())
    return row.id


async def test_recharges_tell_their_end(api):
    account = await api.open_account()
    ends = [("succeeded", "ch_1", None), ("failed", None, {"code": "card_declined"}), ("canceled", None, None)]
    for status, charge, failure in ends:
        recharge_id = await a_recharge(api, account, status)
        for _ in range(2):  # the second time nothing ends
            async with api.context.database.transaction() as session:
                row = await recharges.locked(session, account_id=account.id, recharge_id=recharge_id)
                await recharges.end(session, row, status=status, charge=charge, failure=failure, now=api.clock.now())
        created, ended = (
            event for event in await told(api, account.id) if event["data"].get("recharge") == recharge_id
        )
        shown = {
            "recharge": recharge_id,
            "amount": "25.00",
            "currency": "usd",
            "kind": "manual",
            "payment_method": "card_1",
        }
        assert created["type"] == "recharge.created"
        assert created["data"] == shown | {"status": "processing", "expected_on": None}
        assert ended["type"] == f"recharge.{status}"
        more = {} if status == "succeeded" else {"failure_code": (failure or {}).get("code")}
        assert ended["data"] == shown | {"status": status} | more


async def test_every_notice_is_told_once(api):
    account, now = await api.open_account(), api.clock.now()
    recharge_id = await a_recharge(api, account, "k")
    same = {"kind": "recharge_settled", "cause": recharge_id, "facts": {"recharge": recharge_id}, "now": now}
    async with api.context.database.transaction() as session:
        notice_id = await notices.add(session, account_id=account.id, **same)
        assert await notices.add(session, account_id=account.id, **same) is None
    (event,) = await told(api, account.id, kind="notice.created")
    assert event["data"] == {
        "notice": notice_id,
        "kind": "recharge_settled",
        "audience": "owner",
        "cause": recharge_id,
    }


async def test_an_event_is_shown_with_its_deliveries(api):
    wanting = await endpoint(api, events=["account.created"])
    await endpoint(api, events=["recharge.failed"])
    account = await api.open_account()
    (event,) = await told(api, account.id)
    assert event["deliveries"] == [
        {
            "endpoint": wanting,
            "state": "pending",
            "attempts": 0,
            "last_status": None,
            "last_error": None,
            "next_try_at": event["at"],
            "delivered_at": None,
        }
    ]
    assert (await api.operator.get(f"/v1/events/{event['id']}")).json() == event
    datetime.fromisoformat(event["at"])


async def test_a_resend_hands_the_event_over_once_more(api):
    account = await api.open_account()
    (event,) = await told(api, account.id)
    path = f"/v1/events/{event['id']}/resend"
    refused = await api.operator.post(path)
    assert (refused.status_code, refused.json()["code"]) == (409, "webhook_endpoint_disabled")
    deaf = await endpoint(api, events=["recharge.failed"])
    assert (await api.operator.post(path)).status_code == 409
    wanting = await endpoint(api)
    answer = await api.operator.post(path)
    assert [row["endpoint"] for row in answer.json()["deliveries"]] == [wanting]
    both = await api.operator.post(path, json={"endpoint": deaf})
    assert {row["endpoint"] for row in both.json()["deliveries"]} == {wanting, deaf}
    await api.operator.post(path, json={"endpoint": deaf})
    async with api.context.database.transaction() as session:
        rows = (await session.scalars(select(Outbox).where(col(Outbox.kind) == "webhook"))).all()
    handed = sorted((row.workflow_id, row.arguments["round"]) for row in rows)
    mine = f"webhook/{event['id']}"
    assert handed == sorted([(f"{mine}/{wanting}", 1), (f"{mine}/{deaf}", 1), (f"{mine}/{deaf}", 2)])
    unknown = await api.operator.post(path, json={"endpoint": "whk_none"})
    assert (unknown.status_code, unknown.json()["param"]) == (422, "endpoint")
    await api.operator.patch(f"/v1/webhook_endpoints/{deaf}", json={"status": "disabled"})
    assert (await api.operator.post(path, json={"endpoint": deaf})).json()["code"] == "webhook_endpoint_disabled"


async def test_what_is_rolled_back_was_never_told(api):
    account = await api.open_account(external_id="taken")
    other = await api.open_account()
    answer = await api.operator.patch(f"/v1/accounts/{other.id}", json={"external_id": "taken"})
    assert answer.status_code == 409
    assert [event["type"] for event in await told(api, other.id)] == ["account.created"]
    assert [event["type"] for event in await told(api, account.id)] == ["account.created"]


async def test_lists_are_filtered_by_type(api):
    await api.open_account()
    second = await api.open_account()
    assert [event["account"] for event in await told(api, kind="account.created")][-1] == second.id
    assert await told(api, kind="recharge.failed") == []


def test_every_type_says_what_it_means():
    for name, kind in TYPES.items():
        assert kind.means.endswith("."), name
        assert kind.needs | kind.may, name
        assert not kind.needs & kind.may, name
