"""The whole stack for tests named as sentences: real Postgres, Temporal, sandbox, API and worker processes."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx2
import pytest
from installation import SECRET_KEY, Installation

from sandbox.ports import free_ports
from sandbox.stripe.server import Server
from workflows.cluster import Cluster, prepare


@pytest.fixture(scope="session")
async def cluster(temporal_server) -> Cluster:
    """Temporal with our namespace and search attributes."""
    cluster = Cluster(address=temporal_server.address, namespace="prepay")
    await prepare(cluster)
    return cluster


@pytest.fixture(scope="session")
async def http() -> AsyncGenerator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
        yield client


@asynccontextmanager
async def installed(
    *, postgres, migrated, cluster: Cluster, http: httpx2.AsyncClient, folder, sandbox_url: str | None = None
) -> AsyncGenerator[tuple[Installation, Server]]:
    """An installation with a sandbox and a database of its own; nothing of ours is started yet."""
    database = await postgres.create_database(template=migrated.name)
    async with Server() as sandbox:
        installation = Installation(
            folder=folder,
            database=database,
            temporal_address=cluster.address,
            sandbox_url=sandbox_url or sandbox.url,
            smtp_port=free_ports(1)[0],
            http=http,
        )
        endpoint = await http.post(
            f"{sandbox.url}/v1/webhook_endpoints",
            data={"url": f"{installation.api_url}/webhooks/stripe", "enabled_events[]": "*"},
            headers={"Authorization": f"Bearer {SECRET_KEY}"},
        )
        installation.env["PREPAY_STRIPE_WEBHOOK_SECRET"] = endpoint.raise_for_status().json()["secret"]
        try:
            yield installation, sandbox
        finally:
            await installation.stop()
    await postgres.drop_database(database)


@pytest.fixture(scope="session")
async def stack(postgres, migrated, cluster, http, tmp_path_factory) -> AsyncGenerator[Installation]:
    """One running installation for all tests that kill nothing and move no clock but their own accounts' money."""
    async with installed(
        postgres=postgres, migrated=migrated, cluster=cluster, http=http, folder=tmp_path_factory.mktemp("stack")
    ) as (installation, _):
        await installation.start()
        yield installation


@pytest.fixture
async def own_stack(postgres, migrated, cluster, http, tmp_path) -> AsyncGenerator[Installation]:
    """An installation of the test's own, running."""
    async with installed(postgres=postgres, migrated=migrated, cluster=cluster, http=http, folder=tmp_path) as (
        installation,
        _,
    ):
        await installation.start()
        yield installation
