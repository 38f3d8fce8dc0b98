"""Parts that are away: a 503 with Retry-After when nothing was committed, and no more than that."""

import asyncio

import asyncpg
import pytest
from sqlalchemy import text

from api.app import create_app
from api.context import Context
from rules.problems import Problem
from sandbox.ports import free_ports
from tests.api.client import Api, serving, settings_for


async def test_without_a_database_every_route_is_503_and_the_process_lives(clock):
    (port,) = free_ports(1)
    context = Context(settings=settings_for(f"postgresql://prepay_app:prepay@127.0.0.1:{port}/prepay"), now=clock.now)
    app = create_app(context)
    async with app.router.lifespan_context(app):
        api = Api(app, context, clock)
        assert (await api.anyone.get("/healthz")).status_code == 200
        body = {"amount": "5.00", "kind": "goodwill", "reason": "why"}
        for answer in (
            await api.anyone.get("/readyz"),
            await api.operator.get("/v1/accounts"),
            await api.operator.post(
                "/v1/accounts/MA01ABCDEFGHJKMNPQRS/adjustments", json=body, headers={"Idempotency-Key": "k"}
            ),
        ):
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
            assert int(answer.headers["Retry-After"]) > 0
            assert str(port) not in answer.text


async def test_a_database_without_tables_is_not_ready(postgres, clock):
    empty = await postgres.create_database()
    async with serving(settings_for(empty.app_url), clock) as api:
        answer = await api.anyone.get("/readyz")
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert "prepay migrate" in answer.json()["detail"]


async def test_connections_cut_by_the_server_are_made_anew(api, database):
    account = await api.open_account()
    await api.adjust(account, "1.00")
    owner = await asyncpg.connect(database.owner_url)
    try:
        await owner.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'prepay_app' AND datname = $1",
            database.name,
        )
    except asyncpg.InsufficientPrivilegeError:
        app = await asyncpg.connect(database.app_url)
        await app.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE usename = 'prepay_app' AND datname = $1 AND pid <> pg_backend_pid()",
            database.name,
        )
        await app.close()
    finally:
        await owner.close()
    assert (await api.adjust(account, "1.00")).status_code == 201
    balance = await api.operator.get(f"/v1/accounts/{account.id}/balance")
    assert balance.json()["available"] == "2.00"


async def test_a_pool_without_a_free_connection_is_503_and_recovers(make_settings, clock, monkeypatch):
    monkeypatch.setattr("store.database.CONNECT_SECONDS", 0.2)
    context = Context(settings=make_settings(database_pool_size=1), now=clock.now)
    app = create_app(context)
    async with app.router.lifespan_context(app):
        api = Api(app, context, clock)
        async with context.database.transaction() as session:
            await session.execute(text("SELECT 1"))
            answer = await api.operator.get("/v1/accounts")
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert (await api.operator.get("/v1/accounts")).status_code == 200


async def test_temporal_is_asked_again_after_it_was_away(make_settings, clock):
    class Client:
        """Stands for a connected client."""

    tries = 0

    async def connect():
        nonlocal tries
        tries += 1
        if tries == 1:
            raise RuntimeError("Failed client connect")
        return Client()

    async with Context(settings=make_settings(), connect=connect, now=clock.now) as context:
        with pytest.raises(Problem) as caught:
            await context.temporal()
        assert (caught.value.code, caught.value.retry_after_seconds) == ("unavailable", 5)
        first, second = await asyncio.gather(context.temporal(), context.temporal())
        assert first is second
        assert tries == 2
