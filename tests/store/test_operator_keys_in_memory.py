"""Operators' keys in memory: read once however many ask, and read anew when that is due."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from store import operator_keys, operators
from store.database import Database
from store.operator_keys import OperatorKeys

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
PEPPER = "pepper"


class CountingDatabase(Database):
    """Counts its transactions."""

    transactions = 0

    @asynccontextmanager
    async def transaction(self):
        self.transactions += 1
        async with super().transaction() as session:
            yield session


@pytest.fixture
async def db(database):
    async with CountingDatabase(database.app_url) as opened:
        yield opened


@pytest.fixture
async def secret(db):
    async with db.transaction() as session:
        _, secret = await operators.create_operator_key(session, name="door", scope="usage", pepper=PEPPER, now=NOW)
    db.transactions = 0
    return secret


async def test_many_who_ask_at_once_share_one_reading(db, secret):
    keys = OperatorKeys(db, pepper=PEPPER)
    found = await asyncio.gather(*(keys.find(secret, now=NOW) for _ in range(100)))
    assert {key[1:] for key in found if key} == {("door", "usage")}
    assert None not in found
    assert db.transactions == 1


async def test_a_revoked_key_is_refused_when_it_is_read_anew(db, secret, monkeypatch):
    keys = OperatorKeys(db, pepper=PEPPER)
    key = await keys.find(secret, now=NOW)
    async with db.transaction() as session:
        await operators.revoke(session, key[0], now=NOW)
    assert await keys.find(secret, now=NOW) == key  # kept for a moment
    monkeypatch.setattr(operator_keys, "KEPT_SECONDS", 0)
    assert await keys.find(secret, now=NOW) is None


async def test_a_caller_who_goes_away_takes_nobody_along(db, secret):
    keys = OperatorKeys(db, pepper=PEPPER)
    gone, stays = (asyncio.create_task(keys.find(secret, now=NOW)) for _ in range(2))
    await asyncio.sleep(0)
    gone.cancel()
    assert (await stays)[1] == "door"
    assert gone.cancelled()


async def test_what_fails_is_told_to_all_and_asked_again(db, secret, monkeypatch):
    keys = OperatorKeys(db, pepper=PEPPER)
    with monkeypatch.context() as patch:
        patch.setattr(operators, "find_by_secret", None)
        failed = await asyncio.gather(*(keys.find(secret, now=NOW) for _ in range(3)), return_exceptions=True)
        assert [type(error) for error in failed] == [TypeError] * 3
    assert (await keys.find(secret, now=NOW))[1] == "door"
