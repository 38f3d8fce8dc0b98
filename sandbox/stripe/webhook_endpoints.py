"""Webhook endpoints: https://docs.stripe.com/api/webhook_endpoints."""

import re

from sandbox.stripe import lists, merging
from sandbox.stripe.errors import invalid
from sandbox.stripe.ids import letters
from sandbox.stripe.parameters import Address, Boolean, Kind, ListOf, Schema
from sandbox.stripe.shapes import CLEARABLE, EXPAND, METADATA, NOT_CONNECT, PAGE, TEXT
from sandbox.stripe.storage import Object
from sandbox.stripe.world import API_VERSION, Call, Route

_EVENT = re.compile(r"\*|[a-z_]+(\.[a-z_]+)+")


def create(call: Call) -> Object:
    """POST /v1/webhook_endpoints: the answer alone carries the signing secret."""
    params = call.params
    version = params.get("api_version", API_VERSION)
    if version != API_VERSION:
        message = f"Invalid API version: {version}. The sandbox speaks {API_VERSION}."
        raise invalid(message, param="api_version")
    members: Object = {
        "api_version": version,
        "application": None,
        "description": params.get("description") or None,
        "enabled_events": _events(params["enabled_events"]),
        "metadata": merging.metadata({}, params.get("metadata", {})),
        "status": "enabled",
        "url": params["url"],
    }
    secret = f"whsec_{letters(32)}"
    made = call.world.add("webhook_endpoint", members, hidden={"secret": secret})
    return {**made, "secret": secret}


def retrieve(call: Call) -> Object:
    """GET /v1/webhook_endpoints/{webhook_endpoint}."""
    return call.world.get("webhook_endpoint", call.id)


def update(call: Call) -> Object:
    """POST /v1/webhook_endpoints/{webhook_endpoint}."""
    endpoint, params = call.world.get("webhook_endpoint", call.id), call.params
    if "description" in params:
        endpoint["description"] = params["description"] or None
    if "enabled_events" in params:
        endpoint["enabled_events"] = _events(params["enabled_events"])
    if "metadata" in params:
        endpoint["metadata"] = merging.metadata(endpoint["metadata"], params["metadata"])
    if "disabled" in params:
        endpoint["status"] = "disabled" if params["disabled"] else "enabled"
    endpoint["url"] = params.get("url", endpoint["url"])
    return call.world.save(endpoint)


def delete(call: Call) -> Object:
    """DELETE /v1/webhook_endpoints/{webhook_endpoint}."""
    endpoint = call.world.get("webhook_endpoint", call.id)
    call.world.store.delete(endpoint["id"])
    return {"id": endpoint["id"], "object": "webhook_endpoint", "deleted": True}


def index(call: Call) -> Object:
    """GET /v1/webhook_endpoints."""
    return lists.page(call, "webhook_endpoint", url="/v1/webhook_endpoints")


def _events(names: list[str]) -> list[str]:
    for name in names:
        if not _EVENT.fullmatch(name):
            raise invalid(f"Invalid event type: {name[:100]}", param="enabled_events")
    return names


_SHARED: dict[str, Kind] = {
    "description": CLEARABLE,
    "enabled_events": ListOf(TEXT),
    "metadata": METADATA,
    "url": Address(),
    **EXPAND,
}
_CREATE: Schema = {**_SHARED, "api_version": TEXT, "connect": NOT_CONNECT}
ROUTES = [
    Route("POST", "/v1/webhook_endpoints", create, _CREATE, ("enabled_events", "url")),
    Route("GET", "/v1/webhook_endpoints", index, PAGE),
    Route("GET", "/v1/webhook_endpoints/{webhook_endpoint}", retrieve, EXPAND),
    Route("POST", "/v1/webhook_endpoints/{webhook_endpoint}", update, {**_SHARED, "disabled": Boolean()}),
    Route("DELETE", "/v1/webhook_endpoints/{webhook_endpoint}", delete),
]
