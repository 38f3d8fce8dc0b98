"""Who may call what: one row for each route, written by hand. A route without a row fails the suite.

`scope` is the least scope of an operator's key; `owner` says whether the account itself may do it under its own id,
`subaccount` whether a subaccount of it may, under the account's id; `operators` is false for what is the account's own.
A route that names an object in its path beside the account gives a `body` that passes validation, so that only the
object can be the reason of a refusal; `OBJECTS` makes such objects.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import text

from settings import DEVELOPMENT_SEAL_KEY
from store import events, operators, recharges, subaccounts, webhook_endpoints
from store.seals import Seal


@dataclass(frozen=True)
class Row:
    scope: str
    owner: bool
    body: dict[str, Any] | None = None
    subaccount: bool = False
    operators: bool = True


ACCOUNT = "/v1/accounts/{account_id}"
ENDPOINT = "/v1/webhook_endpoints/{endpoint_id}"
SUBACCOUNT = f"{ACCOUNT}/subaccounts/{{subaccount_id}}"
ROWS = {
    ("POST", "/v1/accounts"): Row("money", owner=False),
    ("GET", "/v1/accounts"): Row("read", owner=False),
    ("GET", ACCOUNT): Row("read", owner=True),
    ("PATCH", ACCOUNT): Row("money", owner=True),
    ("POST", f"{ACCOUNT}/rotate_token"): Row("money", owner=True),
    ("GET", f"{ACCOUNT}/balance"): Row("read", owner=True),
    ("GET", f"{ACCOUNT}/balance_alerts"): Row("read", owner=True),
    ("PUT", f"{ACCOUNT}/balance_alerts"): Row("money", owner=True),
    ("GET", f"{ACCOUNT}/auto_recharge"): Row("read", owner=True),
    ("PUT", f"{ACCOUNT}/auto_recharge"): Row("money", owner=True),
    ("GET", f"{ACCOUNT}/transactions"): Row("read", owner=True),
    ("GET", f"{ACCOUNT}/transactions.csv"): Row("read", owner=True),
    ("GET", f"{ACCOUNT}/usage"): Row("read", owner=True),
    ("POST", f"{ACCOUNT}/adjustments"): Row("money", owner=False),
    ("POST", f"{ACCOUNT}/cards"): Row("money", owner=True),
    ("GET", f"{ACCOUNT}/cards"): Row("read", owner=True),
    ("GET", f"{ACCOUNT}/cards/{{card_id}}"): Row("read", owner=True),
    ("DELETE", f"{ACCOUNT}/cards/{{card_id}}"): Row("money", owner=True),
    ("POST", f"{ACCOUNT}/cards/{{card_id}}/default"): Row("money", owner=True),
    ("POST", f"{ACCOUNT}/bank_accounts"): Row("money", owner=True),
    ("GET", f"{ACCOUNT}/bank_accounts"): Row("read", owner=True),
    ("GET", f"{ACCOUNT}/bank_accounts/{{bank_id}}"): Row("read", owner=True),
    ("DELETE", f"{ACCOUNT}/bank_accounts/{{bank_id}}"): Row("money", owner=True),
    ("POST", f"{ACCOUNT}/bank_accounts/{{bank_id}}/verify"): Row("money", owner=True, body={"code": "SM11AA"}),
    ("POST", f"{ACCOUNT}/recharges"): Row("money", owner=True),
    ("GET", f"{ACCOUNT}/recharges"): Row("read", owner=True),
    ("GET", f"{ACCOUNT}/recharges/{{recharge_id}}"): Row("read", owner=True),
    ("POST", f"{ACCOUNT}/recharges/{{recharge_id}}/cancel"): Row("money", owner=True),
    ("GET", f"{ACCOUNT}/payment_schedule"): Row("read", owner=True),
    ("PUT", f"{ACCOUNT}/payment_schedule"): Row("money", owner=True),
    ("DELETE", f"{ACCOUNT}/payment_schedule"): Row("money", owner=True),
    ("POST", f"{ACCOUNT}/usage"): Row("usage", owner=True, subaccount=True),
    ("POST", "/v1/usage/batch"): Row("usage", owner=False),
    ("POST", "/v1/authorize"): Row("usage", owner=False),
    ("POST", f"{ACCOUNT}/holds"): Row("usage", owner=True, subaccount=True),
    ("GET", f"{ACCOUNT}/holds"): Row("read", owner=True, subaccount=True),
    ("GET", f"{ACCOUNT}/holds/{{hold_id}}"): Row("read", owner=True, subaccount=True),
    ("POST", f"{ACCOUNT}/holds/{{hold_id}}/capture"): Row("usage", owner=True, subaccount=True),
    ("POST", f"{ACCOUNT}/holds/{{hold_id}}/release"): Row("usage", owner=True, subaccount=True),
    ("PUT", f"{ACCOUNT}/sender_ids"): Row("money", owner=True),
    ("POST", f"{ACCOUNT}/subaccounts"): Row("money", owner=True),
    ("GET", f"{ACCOUNT}/subaccounts"): Row("read", owner=True),
    ("GET", SUBACCOUNT): Row("read", owner=True),
    ("PATCH", SUBACCOUNT): Row("money", owner=True, body={"name": "Eve"}),
    ("DELETE", SUBACCOUNT): Row("money", owner=True),
    ("POST", f"{SUBACCOUNT}/rotate_token"): Row("money", owner=True),
    ("GET", f"{SUBACCOUNT}/credentials"): Row("read", owner=True, operators=False),
    ("PUT", f"{SUBACCOUNT}/sender_ids"): Row("money", owner=True, body={"sender_ids": None}),
    ("GET", f"{ACCOUNT}/notices"): Row("read", owner=True),
    ("POST", "/v1/webhook_endpoints"): Row("admin", owner=False),
    ("GET", "/v1/webhook_endpoints"): Row("admin", owner=False),
    ("GET", ENDPOINT): Row("admin", owner=False),
    ("PATCH", ENDPOINT): Row("admin", owner=False, body={"description": "Eve"}),
    ("DELETE", ENDPOINT): Row("admin", owner=False),
    ("POST", f"{ENDPOINT}/rotate_secret"): Row("admin", owner=False),
    ("GET", "/v1/events"): Row("read", owner=False),
    ("GET", "/v1/events/{event_id}"): Row("read", owner=False),
    ("POST", "/v1/events/{event_id}/resend"): Row("admin", owner=False),
    ("POST", "/v1/operator_keys"): Row("admin", owner=False),
    ("GET", "/v1/operator_keys"): Row("admin", owner=False),
    ("DELETE", "/v1/operator_keys/{key_id}"): Row("admin", owner=False),
    ("GET", "/v1/audit"): Row("admin", owner=False),
}
PLIVO_ACCOUNT = "/v1/Account/{account_id}/"
#: Routes in Plivo's form: all for the main account's own credentials alone, each with a body that passes validation.
PLIVO = {
    ("GET", PLIVO_ACCOUNT): None,
    ("GET", f"{PLIVO_ACCOUNT}/"): None,
    ("POST", PLIVO_ACCOUNT): {"name": "Eve"},
    ("POST", f"{PLIVO_ACCOUNT}/"): {"name": "Eve"},
    ("GET", f"{PLIVO_ACCOUNT}Subaccount/"): None,
    ("POST", f"{PLIVO_ACCOUNT}Subaccount/"): {"name": "Eve"},
    ("GET", f"{PLIVO_ACCOUNT}Subaccount/{{subaccount_id}}/"): None,
    ("POST", f"{PLIVO_ACCOUNT}Subaccount/{{subaccount_id}}/"): {"name": "Eve"},
    ("DELETE", f"{PLIVO_ACCOUNT}Subaccount/{{subaccount_id}}/"): None,
}
#: Routes that ask for no credentials: operations, documentation, and what carries a proof of its own (signature, link).
PUBLIC = {
    ("GET", "/"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
    ("GET", "/openapi.json"),
    ("GET", "/docs"),
    ("GET", "/docs/errors"),
    ("GET", "/docs/errors/{code}"),
    ("POST", "/webhooks/stripe"),
    ("GET", "/pay/{token}"),
    ("GET", "/pay/{token}/done"),
}


async def a_card(session, account_id, now):
    card_id = "card_of_somebody"
    await session.execute(
        text(
            "INSERT INTO card (account_id, id, token, status, created_at)"
            " VALUES (:account_id, :id, 'pm_card_visa', 'active', :now)"
        ),
        {"account_id": account_id, "id": card_id, "now": now},
    )
    return card_id


async def a_bank_account(session, account_id, now):
    bank_id = "bank_of_somebody"
    await session.execute(
        text(
            "INSERT INTO bank_account (account_id, id, token, status, attempts_allowed, created_at)"
            " VALUES (:account_id, :id, 'pm_usBankAccount_success', 'verification_pending', 5, :now)"
        ),
        {"account_id": account_id, "id": bank_id, "now": now},
    )
    return bank_id


async def a_recharge(session, account_id, now):
    new = recharges.NewRecharge(
        account_id=account_id,
        amount_cents=2500,
        method_id="card_of_somebody",
        method_kind="card",
        kind="manual",
        idempotency_key="k",
        request_digest="d",
        return_url=None,
        metadata={},
    )
    row, _ = await recharges.create(session, new, now=now)
    return row.id


async def a_hold(session, account_id, now):
    hold_id = "hold_of_somebody"
    await session.execute(
        text(
            "INSERT INTO hold (account_id, id, reference, amount_micros, expires_in, status, expires_at, created_at)"
            " VALUES (:account_id, :id, 'call', 1, 60, 'open', :until, :now)"
        ),
        {"account_id": account_id, "id": hold_id, "until": now + timedelta(minutes=1), "now": now},
    )
    return hold_id


async def an_operator_key(session, account_id, now):
    key, _ = await operators.create_operator_key(session, name="somebody", scope="read", pepper="p", now=now)
    return key.id


async def a_subaccount(session, account_id, now):
    row, _ = await subaccounts.create(
        session, account_id, fields={"name": "somebody"}, pepper="p", seals=Seal(DEVELOPMENT_SEAL_KEY), now=now
    )
    return row.id


async def a_webhook_endpoint(session, account_id, now):
    seals = Seal(DEVELOPMENT_SEAL_KEY)
    row, _ = await webhook_endpoints.create(
        session, url="https://platform.example/hooks", events=["*"], description=None, seals=seals, now=now
    )
    return row.id


async def an_event(session, account_id, now):
    await a_webhook_endpoint(session, account_id, now)
    data = {"status": "active"}
    return await events.add(session, type="account.activated", account_id=account_id, data=data, now=now)


#: Path parameter → what makes such an object of an account.
OBJECTS = {
    "card_id": a_card,
    "bank_id": a_bank_account,
    "recharge_id": a_recharge,
    "hold_id": a_hold,
    "subaccount_id": a_subaccount,
    "key_id": an_operator_key,
    "endpoint_id": a_webhook_endpoint,
    "event_id": an_event,
}
