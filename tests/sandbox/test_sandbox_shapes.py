"""Objects have every member that Stripe's own sample objects have, with values of the same kind where we have one."""

import pytest
from sandbox_client import Sandbox
from stripe_description import fixtures, requires_description

pytestmark = requires_description
# Members of the samples that older versions had, or that belong to what the sandbox leaves out.
OLD = {
    "balance": {"connect_reserved"},
    "charge": {"source", "refunds"},
    "payment_intent": {"source"},
}


SETUPS = {"mandate": "mandates/{mandate}", "setup_intent": "setup_intents/{id}", "setup_attempt": "setup_attempts"}
PAYMENTS = {
    "balance": "balance",
    "balance_transaction": "balance_transactions",
    "charge": "charges/{latest_charge}",
    "customer": "customers/{customer}",
    "dispute": "disputes",
    "event": "events",
    "payment_intent": "payment_intents/{id}",
    "payment_method": "payment_methods/{payment_method}",
    "refund": "refunds",
    "webhook_endpoint": "webhook_endpoints",
}


async def made(sandbox: Sandbox, kind: str) -> dict:
    customer = await sandbox.customer()
    if kind in SETUPS:
        intent = await sandbox.setup(customer)
        query = {"setup_intent": intent["id"]} if kind == "setup_attempt" else {}
        answer = await sandbox.get(f"/v1/{SETUPS[kind].format_map(intent.body)}", **query)
    else:
        token = "pm_card_createDisputeInquiry"
        intent = await sandbox.intent(customer, await sandbox.card(customer, token))
        await sandbox.post("/v1/refunds", {"payment_intent": intent["id"]})
        await sandbox.post("/v1/webhook_endpoints", {"url": "https://example.com", "enabled_events": ["x.y"]})
        answer = await sandbox.get(f"/v1/{PAYMENTS[kind].format_map(intent.body)}")
    return answer["data"][0] if answer["object"] == "list" else answer.body


@pytest.mark.parametrize("kind", [*SETUPS, *PAYMENTS])
async def test_no_member_is_missing(sandbox: Sandbox, kind: str):
    ours, sample = await made(sandbox, kind), fixtures()[kind]
    assert set(sample) - set(ours) == OLD.get(kind, set())
    plain = {name: type(value) for name, value in sample.items() if isinstance(value, (bool, int, str))}
    for name, expected in plain.items():
        assert ours.get(name) is None or isinstance(ours[name], (expected, dict)), name
