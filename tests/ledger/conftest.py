"""Fixtures of the ledger's tests: the application's and the superuser's way into one migrated database."""

from collections.abc import AsyncGenerator, Awaitable, Callable

import asyncpg
import pytest

from store.database import Database
from tests.ledger.accounts import opener


@pytest.fixture(scope="session")
async def book(postgres, migrated):
    """One migrated database for all tests that keep to accounts of their own."""
    copy = await postgres.create_database(template=migrated.name)
    yield copy
    await postgres.drop_database(copy)


@pytest.fixture(scope="session")
async def db(book) -> AsyncGenerator[Database]:
    """The book as the application's role."""
    async with Database(book.app_url, pool_size=16) as opened:
        yield opened


@pytest.fixture
async def superuser(book, postgres) -> AsyncGenerator[asyncpg.Connection]:
    """The book as superuser: whom no right holds back."""
    async with postgres.server.superuser(book.name) as connection:
        yield connection


@pytest.fixture
def open_with(db) -> Callable[[int], Awaitable[str]]:
    """Make an account that has so many micros to spend."""
    return opener(db)
