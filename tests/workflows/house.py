"""The whole house in one process: API, worker, Postgres, the Stripe sandbox, and a Temporal server that skips time."""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import stripe
from sqlalchemy import select
from sqlmodel import col
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

import worker
from activities.heartbeats import Heartbeats
from api.context import Context
from gateways.stripe import StripeProcessor
from models.notice import Notice
from models.outbox import Outbox
from relay.crossings import CrossingsRelay
from relay.inbox import InboxRelay
from sandbox.stripe.server import Server
from settings import Settings
from store import inbox, outbox
from store.crossing_effects import CrossingEffects
from store.database import Database
from tests.api.client import Account, Api, app_over
from tests.replay.recording import scrubbed
from workflows import cluster
from workflows.starting import hand_over

HISTORIES = Path(__file__).parent.parent / "replay" / "histories"
MANDATE = {"ip_address": "203.0.113.7", "user_agent": "Mozilla/5.0", "text_version": "2026-11"}


class House:
    """Everything is real but the time between steps."""

    def __init__(
        self,
        *,
        settings: Settings,
        environment: WorkflowEnvironment,
        database: Database,
        processor: StripeProcessor,
        sandbox: Server,
    ) -> None:
        self.settings = settings
        self.environment = environment
        self.temporal = environment.client
        self.database = database
        self.processor = processor
        self.sandbox = sandbox
        self.http = httpx2.AsyncClient(trust_env=False, timeout=30, verify=False)
        self.transport = stripe.HTTPXClient()
        self.stripe = stripe.StripeClient(
            "sk_test_sandbox", base_addresses={"api": sandbox.url}, http_client=self.transport
        )
        self.time = datetime.now(UTC)
        self.api: Api
        self.owner: httpx2.AsyncClient
        self.account: Account
        self._event: str | None = None

    # Time

    def now(self) -> datetime:
        self.time += timedelta(milliseconds=1)
        return self.time

    async def sync(self) -> datetime:
        """Let the API's clock be Temporal's."""
        self.time = max(self.time, await self.environment.get_current_time())
        return self.time

    async def pass_days(self, days: float) -> None:
        # In steps: the server answers when all that falls into one has happened, and a call waits half a minute for it.
        while days > 0:
            await self.environment.sleep(timedelta(days=min(days, 7)))
            days -= 7
        await self.sync()

    async def finished(self, workflow_id: str) -> str:
        """What the workflow gives at its end, reached by skipping whatever time it waits."""
        unlocked: Any = self.environment
        async with unlocked.time_skipping_unlocked():
            return await self.temporal.get_workflow_handle(workflow_id, result_type=str).result()

    # Parts

    @asynccontextmanager
    async def working(self, *, cache: int = 0) -> AsyncGenerator[None]:
        """A worker while the block runs. A bug in a workflow fails it at once instead of being tried for ever.

        Without a cache each step replays all before it, which proves that the workflow decides the same again.
        """
        async with Worker(
            self.temporal,
            task_queue=self.settings.task_queue,
            workflows=worker.WORKFLOWS,
            activities=worker.activities(self.settings, database=self.database, processor=self.processor),
            interceptors=[Heartbeats()],
            workflow_failure_exception_types=[Exception],
            workflow_runner=UnsandboxedWorkflowRunner(),
            max_cached_workflows=cache,
        ):
            yield

    async def hand_over(self) -> None:
        """What the relay does with the outbox; notices stay where they are."""
        await self.sync()
        async with self.database.transaction() as session:
            rows = await session.scalars(
                select(Outbox).where(col(Outbox.handed_at).is_(None), col(Outbox.kind) != "notice")
            )
            for row in rows.all():
                await self._hand_over(row)
                await outbox.handed(session, [row.id], now=self.now())

    async def hand_on_crossings(self) -> None:
        """What the relay does with crossings, and with the hand-offs that come of them."""
        await self.sync()
        effects = CrossingEffects(retention_days=self.settings.retention_days)
        relay = CrossingsRelay(database=self.database, effects=effects, now=self.now)
        while await relay.step():
            continue
        await self.hand_over()

    async def _hand_over(self, row: Outbox) -> None:
        """As the relay, again where Temporal refuses: the server that skips time does so while a workflow ends."""
        async with asyncio.timeout(10):
            while True:
                try:
                    await hand_over(
                        self.temporal,
                        kind=row.kind,
                        workflow_id=row.workflow_id,
                        arguments=row.arguments,
                        task_queue=self.settings.task_queue,
                    )
                except RPCError:
                    await asyncio.sleep(0.05)
                else:
                    return

    async def deliver_events(self) -> None:
        """What webhook, inbox and relay do with the processor's events since the last time."""
        await self.sync()
        relay = InboxRelay(database=self.database, client=self.temporal, now=self.now)
        if self._event is None:
            oldest = [event async for event in (await self.stripe.v1.events.list_async()).auto_paging_iter()]
            async with self.database.transaction() as session:
                for event in reversed(oldest):
                    await inbox.take_in(session, event.to_dict(), now=self.now())
            self._event = oldest[0].id if oldest else None
        while events := await self.processor.events_after(self._event):
            async with self.database.transaction() as session:
                for event in events:
                    await inbox.take_in(session, event.payload, now=self.now())
            self._event = events[-1].id
        while await relay.step():
            continue
        await self.hand_over()

    async def control(self, path: str, body: dict[str, Any] | None = None, *, method: str = "POST") -> Any:
        """A control route of the sandbox."""
        answer = await self.http.request(method, f"{self.sandbox.url}/_sandbox/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    # Records

    async def until(self, channel: str, record_id: str, check: Callable[[Any], bool], read: Callable[..., Any]) -> Any:
        """The record as soon as ``check`` holds; the test's own time-out ends a wait in vain."""
        async with self.api.context.listener.wakes(channel, record_id) as changed:
            while True:
                changed.clear()
                async with self.database.transaction() as session:
                    found = await read(session)
                if check(found):
                    return found
                try:
                    await asyncio.wait_for(changed.wait(), 0.2)
                except TimeoutError:
                    continue

    async def notices(self) -> list[str]:
        """The kinds of notices to the owner, oldest first, those of one moment by name."""
        async with self.database.transaction() as session:
            rows = await session.scalars(
                select(col(Notice.kind))
                .where(col(Notice.account_id) == self.account.id)
                .order_by(col(Notice.created_at), col(Notice.kind))
            )
            return list(rows.all())

    # Histories

    async def record(self, story: str, workflow_id: str) -> str:
        """The history, free of what must not be in it; kept for replay where PREPAY_RECORD_HISTORIES is set."""
        history = await self.temporal.get_workflow_handle(workflow_id).fetch_history()
        text = scrubbed(history.to_json())
        if os.environ.get("PREPAY_RECORD_HISTORIES"):
            file = HISTORIES / f"{story}.json"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return text

    # The customer

    async def get(self, path: str) -> dict[str, Any]:
        answer = await self.owner.get(f"/v1/accounts/{self.account.id}/{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, body: dict[str, Any]) -> httpx2.Response:
        await self.sync()
        return await self.owner.post(f"/v1/accounts/{self.account.id}/{path}", json=body)

    async def delete(self, path: str) -> httpx2.Response:
        await self.sync()
        return await self.owner.delete(f"/v1/accounts/{self.account.id}/{path}")

    async def add_card(self, token: str = "pm_card_visa") -> dict[str, Any]:
        answer = await self.post("cards", {"payment_method": token})
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def post_bank(self, token: str = "pm_usBankAccount_success") -> httpx2.Response:
        now = await self.sync()
        mandate = MANDATE | {"accepted_at": now.strftime("%Y-%m-%dT%H:%M:%SZ")}
        return await self.post("bank_accounts", {"payment_method": token, "mandate": mandate})

    async def add_bank(self, token: str = "pm_usBankAccount_success") -> dict[str, Any]:
        answer = await self.post_bank(token)
        assert answer.status_code == 201, answer.text
        return answer.json()


@asynccontextmanager
async def open_house(*, settings: Settings, environment: WorkflowEnvironment, sandbox: Server) -> AsyncGenerator[House]:
    """A house with one account, its owner's credentials, and no worker yet."""
    await environment.client.operator_service.add_search_attributes(
        AddSearchAttributesRequest(namespace=environment.client.namespace, search_attributes=cluster._TYPES)
    )
    processor = worker.processor_of(settings)
    async with Database(settings.database_url.get_secret_value()) as database:
        house = House(
            settings=settings, environment=environment, database=database, processor=processor, sandbox=sandbox
        )

        async def connect() -> Any:
            return environment.client

        context = Context(settings=settings, connect=connect, now=house.now)
        app = app_over(context)
        async with app.router.lifespan_context(app):
            await worker.claim(database, processor)
            house.api = Api(app, context, house)  # pyright: ignore[reportArgumentType] - it tells the time
            house.account = await house.api.open_account()
            house.owner = house.api.client(account=house.account)
            yield house
        await house.http.aclose()
        await house.transport.close_async()
        await processor.close()
