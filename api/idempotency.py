"""Idempotency-Key: the same request has one effect and one answer (rule C3).

A route takes an ``Intent`` and works inside ``idempotent``::

    async with idempotent(context, intent) as claim:
        if claim.answer is not None:
            return claim.answer
        async with context.database.transaction() as session:
            ...  # the record carries intent.key and intent.digest
            return await claim.keep(session, shown, status=201)

The guard is the record's unique key. This adds the 409 while the first request runs, and the first answer again.
"""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated

from fastapi import Header, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from api.context import Context
from models.base import JSON
from models.idempotency import IdempotentAnswer
from rules.problems import Problem
from store import idempotency

REPLAYED = "Idempotent-Replayed"
LONGEST_KEY = 255
_DESCRIPTION = "New for each intention, the same for each retry of it; at most 255 printable ASCII characters"


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """One intention of a caller: whose account, on which route, under which key, and what was asked."""

    account_id: str
    route: str
    key: str
    digest: str


class Intended:
    """Dependency of a route that needs an Idempotency-Key: ``Depends(Intended("adjustments"))`` gives its Intent."""

    def __init__(self, route: str) -> None:
        self.route = route

    async def __call__(
        self,
        request: Request,
        idempotency_key: Annotated[str | None, Header(description=_DESCRIPTION)] = None,
    ) -> Intent:
        if not idempotency_key:
            raise Problem("idempotency_key_required", "Send an Idempotency-Key header.", param="Idempotency-Key")
        if len(idempotency_key) > LONGEST_KEY or not (idempotency_key.isascii() and idempotency_key.isprintable()):
            detail = f"The Idempotency-Key must be 1-{LONGEST_KEY} printable ASCII characters."
            raise Problem("invalid_request", detail, param="Idempotency-Key")
        return Intent(
            account_id=request.path_params["account_id"],
            route=self.route,
            key=idempotency_key,
            digest=_digest(request.scope["path"], request.state.fields),
        )


class Claim:
    """The right to carry out an intent, or the ``answer`` that it had before."""

    def __init__(self, context: Context, intent: Intent, kept: IdempotentAnswer | None) -> None:
        self._context = context
        self._intent = intent
        self._kept = kept

    @property
    def body(self) -> JSON | None:
        """The body of the answer that the intent had before, as far as it was kept."""
        return None if self._kept is None else self._kept.body or {}

    @property
    def answer(self) -> JSONResponse | None:
        """That answer."""
        return None if self._kept is None else self.replay()

    def replay(self, **members: object) -> JSONResponse:
        """That answer with the ``members`` that were not kept."""
        if self._kept is None:
            raise LookupError("no answer is kept")
        return _replay((self.body or {}) | members, status=self._kept.status)

    async def keep(
        self, session: AsyncSession, shown: BaseModel, *, status: int, secrets: tuple[str, ...] = ()
    ) -> JSONResponse:
        """Keep the answer in the caller's transaction, and return it; its ``secrets`` are members that are not kept."""
        body = shown.model_dump(mode="json")
        await idempotency.keep(
            session,
            account_id=self._intent.account_id,
            route=self._intent.route,
            key=self._intent.key,
            request_digest=self._intent.digest,
            status=status,
            body=body | dict.fromkeys(secrets),
            now=self._context.now(),
        )
        return JSONResponse(body, status_code=status)

    def again(self, shown: BaseModel, *, status: int, digest: str) -> JSONResponse:
        """The present state of the record that was made under this key, when its first answer is not kept.

        ``digest`` is the record's. Raises Problem ``idempotency_key_reused`` when it was made by another request.
        """
        _same(self._intent, digest)
        return _replay(shown.model_dump(mode="json"), status=status)


@asynccontextmanager
async def idempotent(context: Context, intent: Intent) -> AsyncGenerator[Claim]:
    """Carry out ``intent`` once: hold its lock, look for the answer it had before.

    Raises Problem ``idempotency_key_in_use`` while another request with that key runs, ``idempotency_key_reused`` when
    the key was used for another request. An error raised inside is not stored: the same request may be sent again.
    """
    async with context.locks.hold("idempotency", intent.account_id, intent.route, intent.key) as free:
        if not free:
            detail = "Another request with this Idempotency-Key is still running."
            raise Problem("idempotency_key_in_use", detail, param="Idempotency-Key", retry_after_seconds=1)
        async with context.database.transaction() as session:
            kept = await idempotency.find(
                session, account_id=intent.account_id, route=intent.route, key=intent.key, now=context.now()
            )
        if kept is not None:
            _same(intent, kept.request_digest)
        yield Claim(context, intent, kept)


def _same(intent: Intent, digest: str) -> None:
    if digest != intent.digest:
        detail = "This Idempotency-Key was used for another request."
        raise Problem("idempotency_key_reused", detail, param="Idempotency-Key")


def _replay(body: JSON, *, status: int) -> JSONResponse:
    return JSONResponse(body, status_code=status, headers={REPLAYED: "true"})


def _digest(path: str, fields: JSON) -> str:
    canonical = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(f"{path}\n{canonical}".encode()).hexdigest()
