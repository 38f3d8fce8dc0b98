"""The whole house for each test, with a Temporal server that skips time."""

from collections.abc import AsyncGenerator

import pytest
from pydantic import SecretStr

from sandbox.stripe.server import Server
from settings import Settings
from tests.workflows.house import House, open_house


@pytest.fixture
async def house(database, time_skipping) -> AsyncGenerator[House]:
    """Nobody works in it yet: see ``House.working``."""
    async with Server() as sandbox:
        settings = Settings(
            database_url=SecretStr(database.app_url), sandbox_url=sandbox.url, public_url="http://prepay.test"
        )
        async with open_house(settings=settings, environment=time_skipping, sandbox=sandbox) as house:
            yield house
