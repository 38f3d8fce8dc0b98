"""The application: routers, middleware, error handlers."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

from api import (
    accounts,
    adjustments,
    audit,
    authorize,
    auto_recharge,
    balance,
    balance_alerts,
    bank_accounts,
    cards,
    docs,
    events,
    holds,
    notices,
    operations,
    operator_keys,
    pay,
    payment_schedule,
    problems,
    recharges,
    sender_ids,
    subaccounts,
    transactions,
    usage,
    usage_batch,
    usage_totals,
    webhook_endpoints,
    webhooks,
)
from api.context import Context
from api.envelope import Envelope
from api.lean import LeanRoutes
from api.metrics import Metrics
from api.plivo import account as plivo_account
from api.plivo import errors as plivo_errors
from api.plivo import subaccounts as plivo_subaccounts

ROUTERS = (
    usage.router,
    authorize.router,
    usage_batch.router,
    accounts.router,
    balance.router,
    balance_alerts.router,
    auto_recharge.router,
    transactions.router,
    usage_totals.router,
    cards.router,
    bank_accounts.router,
    recharges.router,
    payment_schedule.router,
    holds.router,
    subaccounts.router,
    sender_ids.router,
    notices.router,
    adjustments.router,
    webhook_endpoints.router,
    events.router,
    operator_keys.router,
    audit.router,
    pay.router,
    plivo_account.router,
    plivo_subaccounts.router,
    webhooks.router,
    operations.router,
    docs.router,
)


class Application(FastAPI):
    """FastAPI, but for the routes that are called millions of times a day (decision 17)."""

    lean: LeanRoutes
    lean_in_envelope: Envelope

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.lean.serves(scope):
            scope["app"] = self
            await self.lean_in_envelope(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def _operation_id(route: APIRoute) -> str:
    return route.name


def create_app(context: Context) -> FastAPI:
    """The API over ``context``, which it starts and stops with its own lifespan."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        async with context:
            yield

    app = Application(
        title="Prepay",
        version="0.1.0",
        summary="Prepaid balances: cards and US bank debit in, a double-entry ledger, usage out",
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
    )
    metrics = Metrics()
    app.state.context = context
    app.state.metrics = metrics
    for router in ROUTERS:
        app.include_router(router)
    problems.install(app, dialects={plivo_errors.PREFIX: plivo_errors.answer})
    app.add_middleware(Envelope, context=context, metrics=metrics)
    app.lean = LeanRoutes(route for router in ROUTERS for route in router.routes)
    app.lean_in_envelope = Envelope(app.lean, context=context, metrics=metrics)
    return app
