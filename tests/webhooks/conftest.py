"""A worker that sends webhooks to receivers of the test's own, on a Temporal server that skips time."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import pytest
from sqlalchemy import select
from sqlmodel import col
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.webhooks import Webhooks
from gateways.webhooks import WebhookSender
from models.outbox import Outbox
from models.webhook_delivery import WebhookDelivery
from models.webhook_endpoint import WebhookEndpoint
from settings import DEVELOPMENT_SEAL_KEY
from store import events, outbox, webhook_deliveries, webhook_endpoints
from store.database import Database
from store.seals import Seal
from workflows.attributes import ACCOUNT, KIND, STATE
from workflows.starting import hand_over
from workflows.webhook import Webhook, webhook_queue

SEALS = Seal(DEVELOPMENT_SEAL_KEY)
NOW = datetime(2026, 11, 24, 15, tzinfo=UTC)


@pytest.fixture
async def store(database) -> AsyncGenerator[Database]:
    async with Database(database.app_url) as opened:
        yield opened


@dataclass
class Post:
    """Writes endpoints and events, hands them over as the relay does, and waits for their workflows."""

    store: Database
    environment: WorkflowEnvironment
    queue: str = "webhooks"

    @property
    def client(self) -> Client:
        return self.environment.client

    @asynccontextmanager
    async def staffed(self, *, timeout_seconds: float = 2.0) -> AsyncGenerator[None]:
        """A worker that sends."""
        sender = WebhookSender(allowed=[ip_network("127.0.0.0/8")], timeout_seconds=timeout_seconds)
        hands = Webhooks(database=self.store, sender=sender, seal=SEALS, clock=lambda: datetime.now(UTC))
        async with (
            Worker(
                self.client,
                task_queue=self.queue,
                workflows=[Webhook],
                workflow_failure_exception_types=[Exception],
                workflow_runner=UnsandboxedWorkflowRunner(),
            ),
            Worker(self.client, task_queue=webhook_queue(self.queue), activities=[hands.send]),
        ):
            yield

    async def endpoint(self, receiver, *, on=("*",)) -> tuple[str, str]:
        """An endpoint at ``receiver``, and its secret."""
        url = f"http://127.0.0.1:{receiver.port}/hooks"
        async with self.store.transaction() as session:
            row, secret = await webhook_endpoints.create(
                session, url=url, events=list(on), description=None, seals=SEALS, now=NOW
            )
        return row.id, secret

    async def event(self, kind="account.activated", **data) -> str:
        async with self.store.transaction() as session:
            return await events.add(
                session, type=kind, account_id=None, data=data or {"status": "active", "reason": None}, now=NOW
            )

    async def resend(self, event_id, endpoint_id=None):
        async with self.store.transaction() as session:
            event = await webhook_deliveries.find_event(session, event_id)
            return await webhook_deliveries.resend(session, event, endpoint_id=endpoint_id, now=NOW)

    async def hand_over(self, *, twice=False, all_anew=False) -> list[str]:
        """The webhooks that wait in the outbox, as the relay does it; gives the workflows' ids."""
        async with self.store.transaction() as session:
            query = select(Outbox).where(col(Outbox.kind) == "webhook").order_by(col(Outbox.id))
            if not all_anew:
                query = query.where(col(Outbox.handed_at).is_(None))
            rows = (await session.scalars(query)).all()
            for row in rows:
                for _ in range(1 + twice):
                    await hand_over(
                        self.client,
                        kind=row.kind,
                        workflow_id=row.workflow_id,
                        arguments=row.arguments,
                        task_queue=self.queue,
                    )
            await outbox.handed(session, [row.id for row in rows], now=NOW)
        return [row.workflow_id for row in rows]

    async def result(self, workflow_id: str) -> str:
        """What the workflow gives in the end, its waits skipped."""
        async with self.environment.time_skipping_unlocked():
            return await self.client.get_workflow_handle(workflow_id, result_type=str).result()

    async def delivery(self, event_id: str, endpoint_id: str) -> WebhookDelivery:
        async with self.store.transaction() as session:
            return await session.get_one(WebhookDelivery, (event_id, endpoint_id))

    async def find_endpoint(self, endpoint_id: str) -> WebhookEndpoint:
        async with self.store.transaction() as session:
            return await session.get_one(WebhookEndpoint, endpoint_id)

    async def tries(self, workflow_id: str) -> list[timedelta]:
        """How long after the start each try was scheduled."""
        history = json.loads((await self.client.get_workflow_handle(workflow_id).fetch_history()).to_json())
        times = [
            datetime.fromisoformat(event["eventTime"][:19] + "+00:00")
            for event in history["events"]
            if event["eventType"] in {"EVENT_TYPE_WORKFLOW_EXECUTION_STARTED", "EVENT_TYPE_ACTIVITY_TASK_SCHEDULED"}
        ]
        return [time - times[0] for time in times[1:]]


@pytest.fixture
async def post(time_skipping, store) -> Post:
    keyword = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
    client = time_skipping.client
    await client.operator_service.add_search_attributes(
        AddSearchAttributesRequest(
            namespace=client.namespace,
            search_attributes={key.name: keyword for key in (ACCOUNT, KIND, STATE)},
        )
    )
    return Post(store, time_skipping)
