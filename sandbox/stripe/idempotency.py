"""Idempotency keys: https://docs.stripe.com/api/idempotent_requests.

The first execution's status and body are remembered under its key for 24 hours of wall time, failures included.
Refusals before execution are not: unreadable parameters, a key in use, rate limits, a wrong API key.
"""

import hashlib
import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from sandbox.stripe import forms
from sandbox.stripe.errors import StripeError
from sandbox.stripe.storage import Object, Store

LIFETIME = 24 * 3600
LONGEST = 255


@dataclass(frozen=True, slots=True)
class Remembered:
    """The answer to the first request with a key."""

    status: int
    body: Object
    request: str


class Keys:
    """The keys that were used, and those in use now."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._running: set[str] = set()

    @contextmanager
    def using(self, key: str | None) -> Generator[None]:
        """Hold a key while its request runs; 409 when another request holds it."""
        if key is None:
            yield
            return
        if len(key) > LONGEST:
            message = f"Idempotency keys can be at most {LONGEST} characters long."
            raise StripeError(message, code="idempotency_key_invalid", stored=False)
        if key in self._running:
            raise StripeError(
                "There is currently another in-progress request using this Idempotent Key (that probably means you "
                "submitted twice, and the other request is still going through): "
                f"{key}. Please try again later.",
                status=409,
                type="idempotency_error",
                code="idempotency_key_in_use",
                stored=False,
            )
        self._running.add(key)
        try:
            yield
        finally:
            self._running.discard(key)

    def recall(self, key: str, *, route: str, params: Object, now: float) -> Remembered | None:
        """The remembered answer; 400 when the key was used for another request. ``now`` is wall time."""
        self._store.db.execute("DELETE FROM keys WHERE key = ? AND at <= ?", (key, now - LIFETIME))
        sql = "SELECT route, parameters, status, body, request FROM keys WHERE key = ?"
        row = self._store.db.execute(sql, (key,)).fetchone()
        if row is None:
            return None
        first_route, first_params, status, body, request = row
        if first_route != route:
            raise _misused(
                f"Keys for idempotent requests can only be used for the same endpoint they were first used for "
                f"('{first_route}' not '{route}'). Try using a key other than '{key}' if you meant to execute a "
                "different request."
            )
        if first_params != _digest(params):
            raise _misused(
                "Keys for idempotent requests can only be used with the same parameters they were first used with. Try "
                f"using a key other than '{key}' if you meant to execute a different request."
            )
        return Remembered(status, json.loads(body), request)

    def remember(self, key: str, answer: Remembered, *, route: str, params: Object, now: float) -> None:
        """Store an answer, in the transaction of its effect."""
        row = (key, route, _digest(params), answer.status, json.dumps(answer.body), answer.request, now)
        self._store.db.execute("INSERT OR REPLACE INTO keys VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def forget(self) -> int:
        """Forget all keys, as after 24 hours; how many there were."""
        return self._store.db.execute("DELETE FROM keys").rowcount


def _digest(params: Object) -> str:
    return hashlib.sha256(forms.pairs(params).encode()).hexdigest()


def _misused(message: str) -> StripeError:
    return StripeError(message, type="idempotency_error", stored=False)
