"""The control routes: what Stripe does not let you do. Outside ``/v1``, without a key, on loopback only."""

import ipaddress
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rules.business_days import eastern_date, is_business_day
from sandbox.stripe import due, faults
from sandbox.stripe.clock import after_business_days
from sandbox.stripe.control_acts import ACTS, Prepare
from sandbox.stripe.control_bodies import Body, BodyError
from sandbox.stripe.errors import StripeError
from sandbox.stripe.idempotency import Keys
from sandbox.stripe.storage import Object
from sandbox.stripe.transactions import perform
from sandbox.stripe.webhooks import QUIET, Webhooks
from sandbox.stripe.world import World, public

FIRST_DELIVERIES = 5.0
Handler = Callable[[Request, Body], Awaitable[Object] | Object]


class Control:
    """The control routes of one world."""

    def __init__(self, world: World, keys: Keys, webhooks: Webhooks, wake: Callable[[], None]) -> None:
        self._world = world
        self._keys = keys
        self._webhooks = webhooks
        self._wake = wake

    def routes(self) -> list[Route]:
        """The routes, for a Starlette application."""
        table: list[tuple[str, str, Handler]] = [
            ("GET", "health", self._health),
            ("GET", "clock", self._clock),
            ("POST", "clock", self._advance),
            ("POST", "settings", self._settings),
            ("GET", "settings", self._shown_settings),
            ("GET", "faults", self._faults),
            ("POST", "faults", self._add_fault),
            ("DELETE", "faults", self._clear_faults),
            ("POST", "webhooks", self._set_webhooks),
            ("POST", "idempotency_keys/forget", self._forget),
            ("GET", "counts", self._counts),
            ("POST", "reset", self._reset),
        ]
        table += [("POST", path, self._acting(kind, act)) for path, kind, act in ACTS]
        return [Route(f"/_sandbox/{path}", self._guarded(handler), methods=[method]) for method, path, handler in table]

    def _guarded(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            if not is_local(request):
                return JSONResponse({"error": {"message": "Not found."}}, status_code=404)
            try:
                body = Body(await request.body())
                reply = handler(request, body)
                answered = reply if isinstance(reply, dict) else await reply
                return JSONResponse(answered)
            except StripeError as error:
                return JSONResponse(error.body(), status_code=error.status)
            except BodyError as error:
                return JSONResponse({"error": {"message": str(error)}}, status_code=400)
            finally:
                self._wake()

        return answer

    def _acting(self, kind: str, prepare: Prepare) -> Handler:
        """A handler that does something with the object in the path, in one transaction."""

        def handle(request: Request, body: Body) -> Object:
            act, identifier = prepare(body), str(request.path_params["id"])
            body.end()

            def on_object() -> Object:
                found = self._world.get(kind, identifier)
                return public(act(self._world, found) or found)

            return perform(self._world, on_object)

        return handle

    def _health(self, request: Request, body: Body) -> Object:
        del request, body
        return {"status": "ok"}

    def _clock(self, request: Request, body: Body) -> Object:
        del request, body
        due.catch_up(self._world)
        with self._world.store.transaction():
            self._world.keep_clock()
        return self._shown_clock()

    def _shown_clock(self) -> Object:
        now, following = self._world.clock.read(), due.next_moment(self._world)
        return {
            "now": _text(now),
            "unix": int(now.timestamp()),
            "business_day": is_business_day(eastern_date(now)),
            "day_seconds": self._world.clock.day_seconds,
            "next_due": None if following is None else _text(following),
        }

    async def _advance(self, request: Request, body: Body) -> Object:
        del request
        days = body.integer("advance_business_days", at_least=0, at_most=1000)
        hours = body.number("advance_hours", at_least=0, at_most=24 * 1000)
        body.end()
        if (days is None) == (hours is None):
            raise BodyError("give either advance_business_days or advance_hours")
        clock = self._world.clock
        now = clock.read()
        target = now + timedelta(hours=hours) if hours is not None else after_business_days(now, days or 0)
        clock.advance(target)
        changed = due.catch_up(self._world)
        with self._world.store.transaction():
            self._world.keep_clock()
        delivered = await self._webhooks.first_deliveries(FIRST_DELIVERIES)
        return {**self._shown_clock(), "changed": changed, "webhooks_delivered": delivered}

    def _settings(self, request: Request, body: Body) -> Object:
        kind = body.choice("microdeposit_type", ("descriptor_code", "amounts"))
        pace = body.number("day_seconds", at_least=0, at_most=86400)
        limit = body.integer("confirm_limit", at_least=1, at_most=1000)
        body.end()
        if pace is not None:
            self._world.clock.set_pace(pace)
        with self._world.store.transaction():
            if kind is not None:
                self._world.store.set_fact("microdeposit_type", kind)
            if limit is not None:
                self._world.store.set_fact("confirm_limit", limit)
        return self._shown_settings(request, body)

    def _shown_settings(self, request: Request, body: Body) -> Object:
        del request, body
        store = self._world.store
        return {
            "microdeposit_type": store.fact("microdeposit_type", "descriptor_code"),
            "day_seconds": self._world.clock.day_seconds,
            "confirm_limit": store.fact("confirm_limit"),
            "webhooks": {**QUIET, **store.fact("webhooks", {})},
        }

    def _faults(self, request: Request, body: Body) -> Object:
        del request, body
        return {"data": faults.index(self._world.store)}

    def _add_fault(self, request: Request, body: Body) -> Object:
        del request
        spec = body.fault()
        with self._world.store.transaction():
            return faults.add(self._world.store, spec)

    def _clear_faults(self, request: Request, body: Body) -> Object:
        del request, body
        faults.clear(self._world.store)
        return {"data": []}

    def _set_webhooks(self, request: Request, body: Body) -> Object:
        del request
        settings = body.webhooks()
        with self._world.store.transaction():
            self._world.store.set_fact("webhooks", {**QUIET, **settings})
        return {**QUIET, **settings}

    def _forget(self, request: Request, body: Body) -> Object:
        del request, body
        return {"forgotten": self._keys.forget()}

    def _counts(self, request: Request, body: Body) -> Object:
        del request, body
        due.catch_up(self._world)
        return {**self._world.store.counts(), "webhooks": self._webhooks.counts()}

    def _reset(self, request: Request, body: Body) -> Object:
        del request, body
        with self._world.store.transaction():
            self._world.store.empty()
        return self._shown_clock()


def is_local(request: Request) -> bool:
    """Whether a request comes from this machine and names it: no other host, no rebound name."""
    peer = request.client.host if request.client else ""
    name = request.url.hostname or ""
    return _is_loopback(peer) and (name == "localhost" or _is_loopback(name))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _text(moment: datetime) -> str:
    return moment.replace(microsecond=0).isoformat().replace("+00:00", "Z")
