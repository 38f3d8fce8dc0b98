"""``prepay events`` and ``prepay webhooks``, as an operator runs them."""

import asyncio
import json
import os
import sys
from datetime import UTC, datetime

import pytest
from sqlalchemy import select
from sqlmodel import col

from models.audit import AuditEntry
from models.outbox import Outbox
from settings import DEVELOPMENT_SEAL_KEY
from store import events, webhook_endpoints
from store.database import Database
from store.seals import Seal

NOW = datetime(2026, 11, 24, 15, tzinfo=UTC)


@pytest.fixture
async def store(database):
    async with Database(database.app_url) as opened:
        yield opened


@pytest.fixture
async def told(store):
    """An endpoint, and two events that it hears of."""
    async with store.transaction() as session:
        row, _ = await webhook_endpoints.create(
            session,
            url="https://platform.example/[hooks]",
            events=["*"],
            description=None,
            seals=Seal(DEVELOPMENT_SEAL_KEY),
            now=NOW,
        )
        data = {"endpoint": "whk_other", "reason": "gone"}
        first = await events.add(session, type="webhook_endpoint.disabled", account_id=None, data=data, now=NOW)
        second = await events.add(
            session, type="account.activated", account_id=None, data={"status": "active"}, now=NOW
        )
    return row.id, first, second


@pytest.fixture
def prepay(database):
    """Run the command; gives exit code, standard output and standard error."""

    async def run(*words):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "cli", *words,
            env={**os.environ, "PREPAY_DATABASE_URL": database.app_url, "COLUMNS": "200"},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await process.communicate()
        return process.returncode, out.decode(), err.decode()

    return run


async def test_events_are_listed_with_their_deliveries(prepay, told):
    endpoint_id, first, second = told
    code, text, _ = await prepay("events", "list", "--json")
    assert code == 0
    assert {one["id"] for one in json.loads(text)} == {first, second}
    code, text, _ = await prepay("events", "list", "--type", "account.activated", "--json")
    (event,) = json.loads(text)
    assert (event["id"], event["data"]["status"]) == (second, "active")
    assert [(row["endpoint_id"], row["state"]) for row in event["deliveries"]] == [(endpoint_id, "pending")]
    code, text, _ = await prepay("events", "list")
    assert code == 0
    assert f"{endpoint_id} pending" in text
    code, _, text = await prepay("events", "list", "--type", "account.exploded")
    assert code == 2
    assert "no event is called account.exploded" in text


async def test_an_event_is_sent_again_and_the_audit_log_knows(prepay, told, store):
    endpoint_id, first, _ = told
    code, text, _ = await prepay("events", "resend", first, "--json")
    assert (code, json.loads(text)) == (0, {"event": first, "endpoints": [endpoint_id]})
    async with store.transaction() as session:
        handed = await session.scalars(
            select(Outbox).where(col(Outbox.workflow_id) == f"webhook/{first}/{endpoint_id}").order_by(col(Outbox.id))
        )
        assert sorted(row.arguments["round"] for row in handed.all()) == [1, 2]
        (act,) = (await session.scalars(select(AuditEntry))).all()
    assert (act.action, act.object_id, act.actor) == ("event.resent", first, "operator:command-line:prepay")
    for words in (("evt_none",), (first, "--endpoint", "whk_none")):
        code, _, text = await prepay("events", "resend", *words)
        assert code == 2
        assert "there is no" in text


async def test_endpoints_are_listed_without_their_secrets(prepay, told):
    code, text, _ = await prepay("webhooks")
    assert code == 0
    assert "https://platform.example/[hooks]" in text
    code, text, _ = await prepay("webhooks", "--json")
    assert code == 0
    (row,) = json.loads(text)
    assert row["id"] == told[0]
    assert "secret" not in text
