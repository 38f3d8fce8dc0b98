"""What every resource works with: the objects, the time, the events they cause, and what falls due."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sandbox.stripe import ids
from sandbox.stripe.clock import Clock
from sandbox.stripe.errors import missing
from sandbox.stripe.parameters import Kind, Schema
from sandbox.stripe.storage import Object, Store

API_VERSION = "2026-10-28.endive"
HIDDEN = "_"
_NOUNS = {"payment_method": "PaymentMethod", "payment_intent": "payment_intent", "setup_intent": "setupintent"}
_NOBODY: dict[str, str | None] = {"id": None, "idempotency_key": None}


def public(body: Object) -> Object:
    """An object as the API shows it: without what Stripe knows and keeps to itself."""
    return {name: value for name, value in body.items() if name != HIDDEN}


class World:
    """One Stripe account in test mode."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock
        self.cause = _NOBODY
        self._moment: datetime | None = None
        stored = store.fact("clock")
        if stored is not None:
            clock.restore(datetime.fromtimestamp(stored, UTC))
        self.account = store.fact("account")
        if self.account is None:
            self.account = ids.new("account")
            store.set_fact("account", self.account)

    @property
    def moment(self) -> datetime:
        """The banking time; it stands still while a request or a due change runs."""
        return self._moment or self.clock.read()

    @property
    def now(self) -> int:
        """The banking time in whole seconds, as objects carry it."""
        return int(self.moment.timestamp())

    def hold(self, moment: datetime | None, cause: dict[str, str | None] | None = None) -> None:
        """Stop the time at ``moment`` and name the request that causes what follows; None lets both go."""
        self._moment, self.cause = moment, cause or _NOBODY

    def keep_clock(self) -> None:
        """Store the banking time, so that it never goes back."""
        self.store.set_fact("clock", max(self.moment.timestamp(), self.store.fact("clock", 0)))

    def add(self, kind: str, members: Object, *, hidden: Object | None = None) -> Object:
        """Make an object with its identifier, time and mode, and store it."""
        body = {"id": ids.new(kind), "object": kind, "created": self.now, "livemode": False, **members}
        if hidden is not None:
            body[HIDDEN] = hidden
        self.store.insert(body)
        return body

    def save(self, body: Object) -> Object:
        """Store an object's new state."""
        self.store.update(body)
        return body

    def get(self, kind: str, identifier: str, *, param: str = "id") -> Object:
        """An object of a kind, or Stripe's 404 (400 when it is named by a parameter)."""
        body = self.store.get(identifier)
        if body is None or body["object"] != kind:
            raise missing(_NOUNS.get(kind, kind), identifier, param=param)
        return body

    def emit(self, kind: str, body: Object, *, previous: Object | None = None) -> None:
        """Store an event about an object, and a delivery for each endpoint that listens to it."""
        data: Object = {"object": public(body)}
        if previous is not None:
            data["previous_attributes"] = previous
        listeners = [
            endpoint["id"]
            for endpoint in self.store.find("webhook_endpoint", status="enabled")
            if kind in endpoint["enabled_events"] or "*" in endpoint["enabled_events"]
        ]
        members: Object = {"type": kind, "data": data, "api_version": API_VERSION, "request": dict(self.cause)}
        members["pending_webhooks"] = len(listeners)
        event = self.add("event", members, hidden={"delivered": not listeners})
        sql = "INSERT INTO deliveries (event, endpoint, state, next_at) VALUES (?, ?, 'new', ?)"
        self.store.db.executemany(sql, [(event["id"], listener, time.time()) for listener in listeners])

    def schedule(self, at: datetime, action: str, subject: str) -> None:
        """Have ``action`` done with the object ``subject`` when the banking clock reaches ``at``."""
        values = (at.timestamp(), action, subject)
        self.store.db.execute("INSERT INTO due (at, action, subject) VALUES (?, ?, ?)", values)

    def unschedule(self, subject: str) -> None:
        """Forget what was to be done with an object."""
        self.store.db.execute("DELETE FROM due WHERE subject = ?", (subject,))


@dataclass(slots=True)
class Call:
    """One request, as an endpoint sees it: read parameters, the identifiers in its path, and the world."""

    world: World
    params: dict[str, Any]
    path: tuple[str, ...] = ()
    base_url: str = ""
    route: str = ""

    @property
    def id(self) -> str:
        """The first identifier in the path."""
        return self.path[0]


Endpoint = Callable[[Call], Object]


@dataclass(frozen=True, slots=True)
class Route:
    """A method and a path of the API, what it may carry, and the function that answers it."""

    method: str
    path: str
    endpoint: Endpoint
    params: Schema = field(default_factory=dict[str, Kind])
    required: tuple[str, ...] = ()
