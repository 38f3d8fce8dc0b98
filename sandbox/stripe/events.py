"""Events: https://docs.stripe.com/api/events."""

from sandbox.stripe import lists
from sandbox.stripe.errors import invalid
from sandbox.stripe.parameters import Boolean, ListOf, Schema
from sandbox.stripe.shapes import CREATED, EXPAND, PAGE, TEXT
from sandbox.stripe.storage import Object
from sandbox.stripe.world import Call, Route


def retrieve(call: Call) -> Object:
    """GET /v1/events/{id}."""
    return call.world.get("event", call.id)


def index(call: Call) -> Object:
    """GET /v1/events: newest first, by type or types, and by whether every endpoint acknowledged."""
    params = call.params
    if "type" in params and "types" in params:
        raise invalid("You may only specify one of these parameters: type, types.")
    delivered = {"_.delivered": params["delivery_success"]} if "delivery_success" in params else {}
    return lists.page(call, "event", url="/v1/events", filters=("type",), **delivered)


_LIST: Schema = {
    **PAGE,
    "created": CREATED,
    "delivery_success": Boolean(),
    "type": TEXT,
    "types": ListOf(TEXT, maximum=20),
}
ROUTES = [
    Route("GET", "/v1/events", index, _LIST),
    Route("GET", "/v1/events/{id}", retrieve, EXPAND),
]
