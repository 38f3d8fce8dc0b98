"""The whole stack for tests named as sentences: real Postgres, Temporal, sandbox, API and worker processes.

- `stack`: one installation for all tests that kill nothing.
- `gated`: one whose processor can be held at a gate, and whose processes can be killed.
- `wired`: one whose wires to its servers can be cut.
"""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import httpx2
import pytest
from gate import Gate
from installation import SECRET_KEY, Installation
from wire import Wire

from sandbox.mail.smtp import smtp_server
from sandbox.ports import HOST, free_ports
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
    limits = httpx2.Limits(max_connections=200, max_keepalive_connections=50)
    async with httpx2.AsyncClient(trust_env=False, timeout=40, limits=limits) as client:
        yield client


@asynccontextmanager
async def installed(
    *, postgres, migrated, cluster: Cluster, http: httpx2.AsyncClient, folder
) -> AsyncGenerator[tuple[Installation, Server]]:
    """An installation with a sandbox, a mail server and a database of its own; nothing of ours is started yet."""
    database = await postgres.create_database(template=migrated.name)
    smtp_port = free_ports(1)[0]
    async with Server() as sandbox:
        installation = Installation(
            folder=folder,
            database=database,
            temporal_address=cluster.address,
            sandbox_url=sandbox.url,
            smtp_port=smtp_port,
            http=http,
        )
        endpoint = await http.post(
            f"{sandbox.url}/v1/webhook_endpoints",
            data={"url": f"{installation.api_url}/webhooks/stripe", "enabled_events[]": "*"},
            headers={"Authorization": f"Bearer {SECRET_KEY}"},
        )
        installation.env["PREPAY_STRIPE_WEBHOOK_SECRET"] = endpoint.raise_for_status().json()["secret"]
        async with smtp_server(installation.mailbox, smtp_port):
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


@dataclass(frozen=True, kw_only=True)
class Gated:
    """An installation, and the gate in front of its processor."""

    stack: Installation
    gate: Gate


@dataclass(frozen=True, kw_only=True)
class Wired:
    """An installation, the wires to what it needs, and the gate in front of its processor."""

    stack: Installation
    gate: Gate
    postgres: Wire
    temporal: Wire
    sandbox: Wire
    smtp: Wire

    @property
    def wires(self) -> list[Wire]:
        return [self.postgres, self.temporal, self.sandbox, self.smtp]


async def whole_again(stack: Installation) -> None:
    """API and worker run, and no fault is set, whatever a test has done."""
    await stack.control("faults", method="DELETE")
    await stack.control("webhooks", {})
    for name in ("api", "worker"):
        process = stack.processes.get(name)
        if process is None or process.returncode is not None:
            await stack.start(name)


@pytest.fixture(scope="session")
async def gated_session(postgres, migrated, cluster, http, tmp_path_factory) -> AsyncGenerator[Gated]:
    folder = tmp_path_factory.mktemp("gated")
    async with (
        installed(postgres=postgres, migrated=migrated, cluster=cluster, http=http, folder=folder) as (stack, sandbox),
        Gate(sandbox.url) as gate,
    ):
        stack.env["PREPAY_SANDBOX_URL"] = gate.url
        await stack.start()
        yield Gated(stack=stack, gate=gate)
        gate.release()
        await stack.stop()


@pytest.fixture
async def gated(gated_session) -> AsyncGenerator[Gated]:
    """The installation with the gate; open and running again after the test."""
    yield gated_session
    gated_session.gate.release()
    await whole_again(gated_session.stack)


@pytest.fixture(scope="session")
async def wired_session(postgres, migrated, cluster, http, tmp_path_factory) -> AsyncGenerator[Wired]:
    folder = tmp_path_factory.mktemp("wired")
    async with (
        installed(postgres=postgres, migrated=migrated, cluster=cluster, http=http, folder=folder) as (stack, sandbox),
        Gate(sandbox.url) as gate,
        AsyncExitStack() as opened,
    ):
        place = stack.database.app_url.partition("@")[2].partition("/")[0]
        smtp = f"{HOST}:{stack.env['PREPAY_SMTP_PORT']}"
        places = {
            "postgres": place,
            "temporal": cluster.address,
            "sandbox": gate.url.removeprefix("http://"),
            "smtp": smtp,
        }
        wires = {name: await opened.enter_async_context(Wire(place).open()) for name, place in places.items()}
        stack.env |= {
            "PREPAY_DATABASE_URL": stack.database.app_url.replace(place, wires["postgres"].address),
            "PREPAY_TEMPORAL_ADDRESS": wires["temporal"].address,
            "PREPAY_SANDBOX_URL": f"http://{wires['sandbox'].address}",
            "PREPAY_SMTP_PORT": str(wires["smtp"].port),
        }
        await stack.start()
        yield Wired(stack=stack, gate=gate, **wires)
        await stack.stop()


@pytest.fixture
async def wired(wired_session) -> AsyncGenerator[Wired]:
    """The installation whose wires can be cut; whole again after the test."""
    yield wired_session
    for wire in wired_session.wires:
        await wire.set("pass")
    wired_session.gate.release()
    await whole_again(wired_session.stack)
