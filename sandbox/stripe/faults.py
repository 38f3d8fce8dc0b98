"""Faults on demand: the next calls fail, are cut or are slow, and chosen payment methods decline.

Kinds: ``error``, ``rate_limit``, ``lock_timeout``, ``drop_before``, ``drop_after``, ``slow``, ``decline``.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from random import Random

from sandbox.stripe import failures
from sandbox.stripe.errors import StripeError
from sandbox.stripe.failures import Failure
from sandbox.stripe.storage import Object, Store

KINDS = ("error", "rate_limit", "lock_timeout", "drop_before", "drop_after", "slow", "decline")


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that strikes this time."""

    kind: str
    status: int
    seconds: float
    effect: bool


def add(store: Store, spec: Object) -> Object:
    """Store a fault; it strikes ``times`` matching calls, or a seeded ``rate`` of them."""
    cursor = store.db.execute("INSERT INTO faults (body) VALUES (?)", (json.dumps(spec),))
    return {"id": cursor.lastrowid, **spec, "fired": 0}


def index(store: Store) -> list[Object]:
    """All faults with how often each struck."""
    rows = store.db.execute("SELECT seq, body, fired FROM faults ORDER BY seq")
    return [{"id": seq, **json.loads(body), "fired": fired} for seq, body, fired in rows]


def clear(store: Store) -> None:
    """Remove all faults."""
    store.db.execute("DELETE FROM faults")


def strike(store: Store, method: str, path: str, kinds: tuple[str, ...]) -> Fault | None:
    """The first fault of these kinds that strikes this call."""

    def matches(spec: Object) -> bool:
        return (
            spec["kind"] in kinds
            and spec.get("method", "*").upper() in {"*", method}
            and fnmatchcase(path, spec.get("path", "*"))
        )

    spec = _draw(store, matches)
    if spec is None:
        return None
    return Fault(spec["kind"], spec.get("status", 500), spec.get("seconds", 1.0), spec.get("effect", False))


def decline(store: Store, method: Object) -> Failure | None:
    """The decline that strikes this confirm of a payment method."""
    known = {method["id"], "*", method.get("customer")}

    def matches(spec: Object) -> bool:
        return spec["kind"] == "decline" and spec.get("payment_method", "*") in known

    spec = _draw(store, matches)
    if spec is None:
        return None
    if method["type"] == "us_bank_account" and spec.get("network_decline_code"):
        return failures.returned(spec["network_decline_code"])
    return failures.card(
        spec.get("decline_code", "generic_decline"),
        network=spec.get("network_decline_code"),
        advice=spec.get("advice_code"),
    )


def raised(fault: Fault) -> StripeError:
    """The error object of an ``error``, ``rate_limit`` or ``lock_timeout``."""
    if fault.kind == "rate_limit":
        return StripeError(
            "Request rate limit exceeded. Learn more about rate limits here https://stripe.com/docs/rate-limits.",
            status=429,
            code="rate_limit",
            headers={"Stripe-Rate-Limited-Reason": "global-rate"},
            stored=False,
        )
    if fault.kind == "lock_timeout":
        return StripeError(
            "This object cannot be accessed right now because another API request or Stripe process is currently "
            "accessing it. If you see this error intermittently, retry the request.",
            status=429,
            code="lock_timeout",
            headers={"Stripe-Rate-Limited-Reason": "resource-specific"},
            stored=False,
        )
    if fault.status == 409:
        return StripeError("Conflict.", status=409, stored=False)
    kind = "api_error" if fault.status >= 500 else "invalid_request_error"
    message = "An unknown error occurred." if fault.status >= 500 else "The sandbox was told to refuse this request."
    return StripeError(message, status=fault.status, type=kind, stored=fault.status not in {401, 429})


def _draw(store: Store, matches: Callable[[Object], bool]) -> Object | None:
    rows = store.db.execute("SELECT seq, body, drawn, fired FROM faults ORDER BY seq").fetchall()
    for seq, body, drawn, fired in rows:
        spec = json.loads(body)
        if not matches(spec) or ("times" in spec and fired >= spec["times"]):
            continue
        struck = True
        if "rate" in spec:
            # The n-th draw depends on seed and n alone, so that a restart goes on where it was.
            struck = Random(f"{spec.get('seed', 0)}/{drawn}").random() < spec["rate"]  # noqa: S311 - reproducible by design
        sql = "UPDATE faults SET drawn = drawn + 1, fired = fired + ? WHERE seq = ?"
        store.db.execute(sql, (int(struck), seq))
        if struck:
            return spec
    return None
