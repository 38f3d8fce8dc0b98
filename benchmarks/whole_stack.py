"""The whole stack over a book: Temporal, the sandbox, a mail server, API and worker, each a process of its own."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client

from benchmarks.crossings import ALL_HANDED
from benchmarks.servers import ROOT
from benchmarks.stack import Book
from sandbox.health import http_ok
from sandbox.part import Part, running
from sandbox.ports import HOST, free_ports
from sandbox.temporal import Temporal
from settings import DEVELOPMENT_OPERATOR_KEY
from workflows.cluster import Cluster, connect, prepare

NAMESPACE = "prepay"
QUEUE = "benchmark"
BARE_QUEUE = "benchmark-bare"
_POLL_SECONDS = "3600"  # for lost webhooks: none are sent here


@dataclass(frozen=True, slots=True)
class WholeStack:
    """What runs, and how it is spoken to."""

    book: Book
    client: Client
    api_url: str
    http: httpx2.AsyncClient

    async def ask(self, method: str, path: str, body: Mapping[str, Any], **headers: str) -> Any:
        """A request of the operator's; it must succeed."""
        headers["Authorization"] = f"Bearer {DEVELOPMENT_OPERATOR_KEY}"
        answer = await self.http.request(
            method,
            f"{self.api_url}{path}",
            json=body,
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        )
        if not answer.is_success:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json()


@asynccontextmanager
async def whole_stack(book: Book, folder: Path) -> AsyncGenerator[WholeStack]:
    """All of it, healthy, while the block runs; and beside it, on the same Temporal, the worker of the bare episode."""
    names = ("temporal", "stripe", "smtp", "inbox", "api", "metrics")
    ports: dict[str, int] = dict(zip(names, free_ports(len(names)), strict=True))
    await book.owner.fetch(ALL_HANDED, datetime.now(UTC))  # of the funding
    await book.owner.execute("DELETE FROM deployment")  # it becomes this sandbox's
    async with AsyncExitStack() as stack:
        temporal = Temporal(data_dir=folder / "temporal", port=ports["temporal"])
        await stack.enter_async_context(running(temporal.part(), folder))
        cluster = Cluster(address=temporal.address, namespace=NAMESPACE)
        await prepare(cluster)
        client = await connect(cluster)
        env = _settings(book, temporal.address, ports)
        parts = _parts(client, temporal.address, ports, env, folder)
        await asyncio.gather(*(stack.enter_async_context(running(part, folder)) for part in parts[:2]))
        for part in parts[2:]:
            await stack.enter_async_context(running(part, folder))
        http = await stack.enter_async_context(httpx2.AsyncClient(trust_env=False, timeout=40))
        yield WholeStack(book, client, f"http://{HOST}:{ports['api']}", http)


def _settings(book: Book, temporal: str, ports: Mapping[str, int]) -> dict[str, str]:
    return {
        "PREPAY_DATABASE_URL": book.app_url,
        "PREPAY_DATABASE_OWNER_URL": book.owner_url,
        "PREPAY_TEMPORAL_ADDRESS": temporal,
        "PREPAY_TASK_QUEUE": QUEUE,
        "PREPAY_SANDBOX_URL": f"http://{HOST}:{ports['stripe']}",
        "PREPAY_PUBLIC_URL": f"http://{HOST}:{ports['api']}",
        "PREPAY_API_PORT": str(ports["api"]),
        "PREPAY_METRICS_PORT": str(ports["metrics"]),
        "PREPAY_SMTP_PORT": str(ports["smtp"]),
        "PREPAY_POLL_SECONDS": _POLL_SECONDS,
        "PYTHONPATH": str(ROOT),
    }


def _parts(
    client: Client, temporal: str, ports: Mapping[str, int], env: Mapping[str, str], folder: Path
) -> tuple[Part, ...]:
    def module(name: str, *arguments: str) -> tuple[str, ...]:
        return (sys.executable, "-m", name, *arguments)

    stripe = ("--port", str(ports["stripe"]), "--day-seconds", "0")
    mail = ("--smtp-port", str(ports["smtp"]), "--inbox-port", str(ports["inbox"]), "--data-dir", str(folder / "mails"))
    return (
        Part(
            name="stripe", command=module("sandbox.stripe", *stripe), env=env,
            healthy=lambda: http_ok(ports["stripe"], "/_sandbox/health"),
        ),
        Part(
            name="mail", command=module("sandbox.mail", *mail), env=env,
            healthy=lambda: http_ok(ports["inbox"], "/messages"),
        ),
        Part(name="api", command=module("api"), env=env, healthy=lambda: http_ok(ports["api"], "/healthz")),
        Part(name="worker", command=module("worker"), env=env, healthy=lambda: _polled(client, QUEUE)),
        Part(
            name="bare", command=module("benchmarks.bare_working", temporal, BARE_QUEUE), env=env,
            healthy=lambda: _polled(client, BARE_QUEUE),
        ),
    )  # fmt: skip


async def _polled(client: Client, queue: str) -> bool:
    """Whether a worker asks for the queue's tasks, of both kinds."""
    for kind in (TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY):
        asked = DescribeTaskQueueRequest(
            namespace=NAMESPACE, task_queue=TaskQueue(name=queue), task_queue_type=kind
        )  # fmt: skip
        if not (await client.workflow_service.describe_task_queue(asked)).pollers:
            return False
    return True
