"""``/v1``: from a request to Stripe's answer, with its effect in one transaction."""

import asyncio
import base64
import binascii
import json
import logging
import re
import time
from dataclasses import dataclass, field
from typing import Any, cast

from starlette.requests import Request

from sandbox.stripe import due, faults, forms, ids, parameters
from sandbox.stripe.errors import StripeError, invalid
from sandbox.stripe.expand import expand
from sandbox.stripe.idempotency import Keys, Remembered
from sandbox.stripe.router import Router
from sandbox.stripe.storage import Object
from sandbox.stripe.webhooks import Webhooks
from sandbox.stripe.world import API_VERSION, Call, Route, World, public

LARGEST_BODY = 1024 * 1024
_KEY = re.compile(r"(sk|rk)_test_\w{1,250}")
_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(\.[a-z_]+)?")
_NETWORK_FAULTS = ("rate_limit", "lock_timeout", "drop_before", "slow")
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Reply:
    """What goes back over the wire; ``cut`` means that the connection is cut instead."""

    status: int
    body: Object
    headers: dict[str, str] = field(default_factory=dict[str, str])
    cut: bool = False


@dataclass(frozen=True, slots=True)
class _Work:
    """One request, read and allowed."""

    route: Route
    path: tuple[str, ...]
    params: Object
    form: Object
    url: str
    base_url: str
    key: str | None
    request: str


class Api:
    """Stripe's HTTP API on one world."""

    def __init__(self, world: World, keys: Keys, webhooks: Webhooks) -> None:
        self._world = world
        self._keys = keys
        self._webhooks = webhooks
        self._router = Router()

    async def answer(self, request: Request) -> Reply:
        """The reply to a request."""
        number = ids.new("request")
        key = request.headers.get("idempotency-key") if request.method == "POST" else None
        try:
            authenticate(request.headers.get("authorization"))
            _check_version(request.headers.get("stripe-version"))
            work = await self._read(request, key, number)
            with self._keys.using(key):
                reply = await self._under_faults(work)
        except StripeError as error:
            reply = Reply(error.status, error.body(), dict(error.headers))
        finally:
            self._webhooks.wake()
        reply.headers |= {"Request-Id": reply.headers.get("Request-Id", number), "Stripe-Version": API_VERSION}
        if key is not None:
            reply.headers["Idempotency-Key"] = key
        return reply

    async def _read(self, request: Request, key: str | None, number: str) -> _Work:
        route, path = self._router.find(request.method, request.url.path)
        text = request.url.query
        if request.method != "GET":
            body = await request.body()
            if len(body) > LARGEST_BODY:
                raise StripeError("Request body is too large.", status=413, stored=False)
            if "json" in request.headers.get("content-type", ""):
                raise invalid("Invalid request: parameters must be sent as application/x-www-form-urlencoded.")
            text = "&".join(part for part in (text, body.decode("utf-8", "replace")) if part)
        form = forms.decode(text)
        params = parameters.read(form, route.params, required=route.required)
        base = str(request.base_url).rstrip("/")
        return _Work(route, path, params, form, request.url.path, base, key, number)

    async def _under_faults(self, work: _Work) -> Reply:
        store, method = self._world.store, work.route.method
        fault = faults.strike(store, method, work.url, _NETWORK_FAULTS)
        if fault is not None and fault.kind == "drop_before":
            return Reply(0, {}, cut=True)
        if fault is not None and fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
        elif fault is not None:
            raise faults.raised(fault)
        reply = self._perform(work)
        after = faults.strike(store, method, work.url, ("drop_after",))
        if after is not None:
            reply.cut = True
        return reply

    def _perform(self, work: _Work) -> Reply:
        """Everything due by now, then the request: without a pause, so that nothing comes between."""
        world, now = self._world, time.time()
        due.catch_up(world)
        with world.store.transaction():
            world.hold(world.clock.read(), {"id": work.request, "idempotency_key": work.key})
            try:
                route = work.url
                if work.key is not None:
                    known = self._keys.recall(work.key, route=route, params=work.form, now=now)
                    if known is not None:
                        headers = {"Idempotent-Replayed": "true", "Original-Request": known.request}
                        return Reply(known.status, known.body, headers)
                reply, stored = self._execute(work)
                if work.key is not None:
                    reply.headers["Original-Request"] = work.request
                    if stored:
                        answer = Remembered(reply.status, reply.body, work.request)
                        self._keys.remember(work.key, answer, route=route, params=work.form, now=now)
                world.keep_clock()
                return reply
            finally:
                world.hold(None)

    def _execute(self, work: _Work) -> tuple[Reply, bool]:
        world = self._world
        fault = faults.strike(world.store, work.route.method, work.url, ("error",))
        if fault is not None:
            error = faults.raised(fault)
            if fault.effect:
                self._run(work)
            return Reply(error.status, error.body()), error.stored
        return self._run(work)

    def _run(self, work: _Work) -> tuple[Reply, bool]:
        """The endpoint itself; what it did is undone when it fails, but for errors that keep their objects."""
        world = self._world
        world.store.db.execute("SAVEPOINT request")
        try:
            call = Call(world, work.params, work.path, work.base_url)
            body = present(work.route.endpoint(call))
            return Reply(200, expand(world, body, work.params.get("expand", []))), True
        except StripeError as error:
            if not error.keeps:
                world.store.db.execute("ROLLBACK TO request")
            return Reply(error.status, error.body(), dict(error.headers)), error.stored
        except Exception:  # noqa: BLE001 - the outermost place: what is not foreseen becomes the 500
            # A fault of the sandbox itself: told as Stripe tells its own, and like those remembered.
            _log.exception("The sandbox failed to answer %s %s", work.route.method, work.url)
            world.store.db.execute("ROLLBACK TO request")
            error = StripeError("An error occurred with our connection to Stripe.", status=500, type="api_error")
            return Reply(500, error.body()), True
        finally:
            world.store.db.execute("RELEASE request")


def authenticate(header: str | None) -> None:
    """Raise Stripe's 401 unless the header carries a secret test key, as bearer or as the user of Basic."""
    kind, _, value = (header or "").partition(" ")
    key = value.strip()
    if kind.lower() == "basic":
        try:
            key = base64.b64decode(key, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            key = ""
    if kind.lower() not in {"basic", "bearer"} or not key:
        raise StripeError(
            "You did not provide an API key. You need to provide your API key in the Authorization header, using "
            "Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication"
            " for details, or we can help at https://support.stripe.com/.",
            status=401,
            stored=False,
        )
    if not _KEY.fullmatch(key):
        shown = f"{key[:8]}{'*' * 8}{key[-4:]}" if len(key) > 12 else "*" * len(key)
        raise StripeError(f"Invalid API Key provided: {shown}", status=401, stored=False)


def present(body: Object) -> Object:
    """An answer as the API shows it."""
    if body.get("object") != "list":
        return public(body)
    return {**body, "data": [public(item) for item in cast("list[Object]", body["data"])]}


def encode(body: Any) -> bytes:
    """JSON for the wire."""
    return json.dumps(body, ensure_ascii=False).encode()


def _check_version(version: str | None) -> None:
    if version is not None and not _VERSION.fullmatch(version):
        raise invalid(f"Invalid Stripe API version: {version[:50]}")
