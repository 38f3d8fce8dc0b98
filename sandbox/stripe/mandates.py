"""Mandates, made when a customer accepts debits: https://docs.stripe.com/api/mandates."""

from typing import Any, cast

from sandbox.stripe.errors import invalid
from sandbox.stripe.shapes import EXPAND
from sandbox.stripe.storage import Object
from sandbox.stripe.world import Call, Route, World


def create(world: World, method: Object, mandate_data: Any, *, single_use: Object | None, active: bool) -> Object:
    """A mandate from ``mandate_data``; pending until its bank account is verified."""
    acceptance = dict(cast("Object", mandate_data)["customer_acceptance"])
    if acceptance["type"] == "online" and "online" not in acceptance:
        name = "mandate_data[customer_acceptance][online]"
        raise invalid(f"Missing required param: {name}.", param=name, code="parameter_missing")
    acceptance.setdefault("accepted_at", world.now)
    if acceptance["type"] == "offline":
        acceptance["offline"] = {}
    members: Object = {
        "customer_acceptance": acceptance,
        "payment_method": method["id"],
        "payment_method_details": {"type": "us_bank_account", "us_bank_account": {}},
        "status": "active" if active else "pending",
        "type": "multi_use" if single_use is None else "single_use",
        **({"multi_use": {}} if single_use is None else {"single_use": single_use}),
    }
    made = world.add("mandate", members)
    # Stripe's mandates carry no time of creation.
    del made["created"]
    return world.save(made)


def active_of(world: World, method: Object) -> Object | None:
    """The newest active multi-use mandate of a payment method."""
    found = world.store.find("mandate", payment_method=method["id"], status="active", type="multi_use")
    return found[-1] if found else None


def set_status(world: World, identifier: str | None, status: str) -> None:
    """Activate or end a mandate, and tell so."""
    mandate = None if identifier is None else world.store.get(identifier)
    if mandate is None or mandate["status"] in {status, "inactive"}:
        return
    before = mandate["status"]
    mandate["status"] = status
    world.save(mandate)
    world.emit("mandate.updated", mandate, previous={"status": before})


def end_all(world: World, method: Object) -> None:
    """End every mandate of a payment method."""
    for mandate in world.store.find("mandate", payment_method=method["id"]):
        set_status(world, mandate["id"], "inactive")


def retrieve(call: Call) -> Object:
    """GET /v1/mandates/{mandate}."""
    return call.world.get("mandate", call.id)


ROUTES = [Route("GET", "/v1/mandates/{mandate}", retrieve, EXPAND)]
