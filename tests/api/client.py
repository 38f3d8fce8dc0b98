"""A client of the API in this process, with short ways to what most tests need."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
from fastapi import FastAPI
from pydantic import SecretStr
from starlette.routing import BaseRoute

from api.app import create_app
from api.context import Context
from settings import DEVELOPMENT_OPERATOR_KEY, Settings

START = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
_ROUTES: list[BaseRoute] = []


class Clock:
    """The time that the API is told."""

    def __init__(self) -> None:
        self.time = START

    def now(self) -> datetime:
        self.time += timedelta(milliseconds=1)  # as ever: no two moments are the same
        return self.time

    def advance(self, **by: float) -> None:
        self.time += timedelta(**by)


@dataclass(frozen=True)
class Account:
    """An account and its credentials."""

    id: str
    token: str

    @property
    def auth(self) -> tuple[str, str]:
        return self.id, self.token


class Api:
    """A client for each caller, and short ways to what most tests need."""

    def __init__(self, app: FastAPI, context: Context, clock: Clock) -> None:
        self.app = app
        self.context = context
        self.clock = clock
        self.anyone = self.client()
        self.operator = self.client(key=DEVELOPMENT_OPERATOR_KEY)
        self._keys = 0

    def client(self, *, key: str | None = None, account: Account | None = None) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=self.app),
            base_url="http://prepay.test",
            headers={} if key is None else {"Authorization": f"Bearer {key}"},
            auth=None if account is None else account.auth,
        )

    async def open_account(self, **fields: Any) -> Account:
        body = {"name": "Ada", "email": "ada@customer.example"} | fields
        answer = await self.operator.post("/v1/accounts", json=body)
        assert answer.status_code == 201, answer.text
        return Account(answer.json()["id"], answer.json()["auth_token"])

    async def subaccount(self, account: Account, **fields: Any) -> Account:
        """A subaccount of ``account``, enabled unless said otherwise: its Auth ID and Auth Token."""
        body = {"name": "Field office", "enabled": True} | fields
        answer = await self.operator.post(f"/v1/accounts/{account.id}/subaccounts", json=body)
        assert answer.status_code == 201, answer.text
        return Account(answer.json()["auth_id"], answer.json()["auth_token"])

    async def operator_key(self, scope: str) -> str:
        answer = await self.operator.post("/v1/operator_keys", json={"name": f"key to {scope}", "scope": scope})
        assert answer.status_code == 201, answer.text
        return answer.json()["key"]

    async def adjust(self, account: Account, amount: str, **fields: Any) -> httpx2.Response:
        self._keys += 1
        body = {"amount": amount, "kind": "goodwill", "reason": "to begin with"} | fields
        headers = {"Idempotency-Key": f"adjustment-{self._keys}"}
        return await self.operator.post(f"/v1/accounts/{account.id}/adjustments", json=body, headers=headers)


def app_over(context: Context) -> FastAPI:
    """The application, with the routes of the first one.

    FastAPI builds their models anew for each application, which takes longer than most tests. The context stands in a
    request's scope, not in a route.
    """
    app = create_app(context)
    _ROUTES[:] = _ROUTES or app.router.routes
    app.router.routes[:] = _ROUTES
    return app


def settings_for(url: str, **fields: Any) -> Settings:
    return Settings(database_url=SecretStr(url), public_url="http://prepay.test", **fields)


@asynccontextmanager
async def serving(settings: Settings, clock: Clock) -> AsyncGenerator[Api]:
    context = Context(settings=settings, now=clock.now)
    app = app_over(context)
    async with app.router.lifespan_context(app):
        yield Api(app, context, clock)
