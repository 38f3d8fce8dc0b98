"""The relay in this process, with a database of the test's own and the real Temporal server; no worker runs."""

import dataclasses
from collections.abc import AsyncGenerator
from datetime import UTC, datetime

import pytest
from temporalio.client import Client

import ledger
from models.account import Account
from models.card import Card
from sandbox.ports import free_ports
from store import recharges
from store.database import Database
from store.ids import new_auth_id, new_id
from workflows.cluster import Cluster, connect, prepare

NOW = datetime(2026, 11, 24, 15, tzinfo=UTC)


@pytest.fixture
async def books(database) -> AsyncGenerator[Database]:
    async with Database(database.app_url) as opened:
        yield opened


@pytest.fixture(scope="session")
async def temporal(temporal_server) -> Client:
    cluster = Cluster(address=temporal_server.address, namespace="prepay")
    await prepare(cluster)
    return await connect(cluster)


@pytest.fixture
async def no_temporal() -> Client:
    """A client of a server that is not there."""
    return await connect(Cluster(address=f"127.0.0.1:{free_ports(1)[0]}", namespace="prepay"), lazy=True)


@dataclasses.dataclass(frozen=True)
class Payment:
    account: str
    recharge: str


@pytest.fixture
async def payment(books) -> Payment:
    """A recharge as the API has just committed it."""
    account, card = new_auth_id("MA", NOW), new_id("card", NOW)
    async with books.transaction() as session:
        session.add(Account(id=account, name="Ada", email="ada@example.com", timezone="UTC", created_at=NOW))
        await session.flush()
        await ledger.open_account(session, account)
        session.add(Card(account_id=account, id=card, token="pm_card_visa", status="active", created_at=NOW))
        await session.flush()
        row, _ = await recharges.create(
            session,
            recharges.NewRecharge(
                account_id=account, amount_cents=5000, method_id=card, method_kind="card", kind="manual",
                idempotency_key="key", request_digest="-", return_url=None, metadata={},
            ),
            now=NOW,
        )  # fmt: skip
    return Payment(account, row.id)
