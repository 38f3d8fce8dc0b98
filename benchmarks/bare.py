"""The limit of HTTP: the same server, framework, bodies and answers with nothing behind them."""

import hmac
from datetime import datetime

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict

from benchmarks.customers import NOW, token_of
from rules import tokens
from settings import DEVELOPMENT_PEPPER

PREFIX = "/bare"
_DIGEST = tokens.digest(token_of(0), pepper=DEVELOPMENT_PEPPER)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Usage(_Strict):
    """The body of one charge, with the fields of the product's."""

    amount: str
    reference: str
    description: str | None = None
    kind: str = "usage"
    sender_id: str | None = None
    subaccount: str | None = None
    settled: bool = False
    currency: str = "usd"


class Charged(BaseModel):
    """Its answer, likewise."""

    object: str
    livemode: bool
    id: str
    account: str
    subaccount: str | None
    amount: str
    currency: str
    kind: str
    reference: str
    description: str | None
    sender_id: str | None
    settled: bool
    available: str
    created_at: datetime


class Question(_Strict):
    """The body of an authorisation."""

    auth_id: str
    auth_token: str
    sender_id: str | None = None
    amount: str | None = None


class Verdict(BaseModel):
    """Its answer."""

    allowed: bool
    reason: str | None
    account: str | None
    subaccount: str | None


def bare_app() -> FastAPI:
    """The bare routes."""
    app = FastAPI(openapi_url=None)

    @app.post(PREFIX + "/v1/accounts/{account_id}/usage", status_code=201)
    async def usage(account_id: str, body: Usage) -> Charged:  # pyright: ignore[reportUnusedFunction] # by the router
        return Charged(
            object="usage",
            livemode=False,
            id=f"txn_{account_id}0000000000",
            account=account_id,
            subaccount=body.subaccount,
            amount=body.amount,
            currency=body.currency,
            kind=body.kind,
            reference=body.reference,
            description=body.description,
            sender_id=body.sender_id,
            settled=body.settled,
            available="1000000.00",
            created_at=NOW,
        )

    @app.post(PREFIX + "/v1/authorize")
    async def authorize(body: Question) -> Verdict:  # pyright: ignore[reportUnusedFunction] # by the router
        digest = tokens.digest(body.auth_token, pepper=DEVELOPMENT_PEPPER)
        hmac.compare_digest(digest, _DIGEST)
        return Verdict(allowed=True, reason=None, account=body.auth_id, subaccount=None)

    return app
