"""The API in this process, over a migrated database of the test's own."""

from collections.abc import AsyncGenerator, Callable

import pytest
from fastapi import FastAPI

from api.app import create_app
from api.context import Context
from settings import Settings
from tests.api.client import Api, Clock, serving, settings_for


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
async def shared_database(postgres, migrated):
    """One database for modules whose tests keep to accounts of their own: making one takes longer than most tests."""
    copy = await postgres.create_database(template=migrated.name)
    yield copy
    await postgres.drop_database(copy)


@pytest.fixture
def make_settings(database) -> Callable[..., Settings]:
    return lambda **fields: settings_for(database.app_url, **fields)


@pytest.fixture
async def api(make_settings, clock: Clock) -> AsyncGenerator[Api]:
    async with serving(make_settings(), clock) as api:
        yield api


@pytest.fixture(scope="session")
async def shared_api(postgres, migrated) -> AsyncGenerator[Api]:
    """One API with one database for tests that leave nothing behind which another could trip over."""
    database = await postgres.create_database(template=migrated.name)
    async with serving(settings_for(database.app_url), Clock()) as api:
        yield api


@pytest.fixture(scope="session")
def make_app() -> Callable[[], FastAPI]:
    """The application without a database, to look at its routes."""
    return lambda: create_app(Context(settings=Settings()))
