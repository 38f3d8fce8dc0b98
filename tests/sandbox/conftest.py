"""A sandbox of its own for each test."""

from collections.abc import AsyncGenerator

import httpx2
import pytest
import stripe
from sandbox_client import DESCRIBED, KEY, Sandbox
from webhook_receiver import Receiver, receiving

from sandbox.stripe.server import Server


@pytest.fixture
async def client() -> AsyncGenerator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(trust_env=False, timeout=30, verify=False) as opened:
        yield opened


@pytest.fixture
async def sandbox(client: httpx2.AsyncClient) -> AsyncGenerator[Sandbox]:
    """A sandbox in memory whose clock stands still; its events are checked when the test is over."""
    async with Server() as server:
        speaking = Sandbox(server, client)
        yield speaking
        await speaking.control("faults", method="DELETE")
        if DESCRIBED:
            await speaking.check_events()


@pytest.fixture
async def sdk(sandbox: Sandbox) -> AsyncGenerator[stripe.StripeClient]:
    """Stripe's own SDK, pointed at the sandbox."""
    transport = stripe.HTTPXClient()
    yield stripe.StripeClient(KEY, base_addresses={"api": sandbox.url}, http_client=transport)
    await transport.close_async()


@pytest.fixture
async def receiver(sandbox: Sandbox) -> AsyncGenerator[Receiver]:
    """An endpoint that the sandbox sends every event to."""
    async with receiving() as opened:
        made = await sandbox.post("/v1/webhook_endpoints", {"url": opened.url, "enabled_events": ["*"]})
        opened.secret = made["secret"]
        yield opened
        await sandbox.delete(f"/v1/webhook_endpoints/{made['id']}")
