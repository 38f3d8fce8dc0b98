"""``expand[]``: identifiers replaced by the objects they name, at most four levels deep."""

from typing import Any, cast

from sandbox.stripe.errors import StripeError, invalid
from sandbox.stripe.storage import Object
from sandbox.stripe.world import World, public

DEEPEST = 4
EXPANDABLE: dict[str, tuple[str, ...]] = {
    "balance_transaction": ("source",),
    "charge": ("balance_transaction", "customer", "failure_balance_transaction", "payment_intent", "refunds", "review"),
    "customer": ("default_source", "test_clock"),
    "dispute": ("charge", "payment_intent"),
    "mandate": ("payment_method",),
    "payment_intent": ("customer", "latest_charge", "payment_method", "review"),
    "payment_method": ("customer",),
    "refund": (
        "balance_transaction",
        "charge",
        "customer",
        "failure_balance_transaction",
        "payment_intent",
        "payment_method",
    ),
    "setup_attempt": ("customer", "payment_method", "setup_intent"),
    "setup_intent": ("customer", "latest_attempt", "mandate", "payment_method", "single_use_mandate"),
}
_NESTED = {
    "charge": ("payment_method_details", "us_bank_account", "mandate"),
    "customer": ("invoice_settings", "default_payment_method"),
}


def expand(world: World, body: Object, paths: list[str]) -> Object:
    """The body with every path expanded; raises the 400 for a path that names nothing expandable."""
    for path in paths:
        steps = path.split(".")
        depth = len(steps) - (steps[0] == "data")
        if depth > DEEPEST:
            raise invalid(
                f"You cannot expand more than {DEEPEST} levels of a property. Property: {path}", param="expand"
            )
        if body.get("object") == "list":
            if steps[0] != "data" or len(steps) < 2:
                raise _unknown(path)
            for item in cast("list[Object]", body["data"]):
                _expand(world, item, steps[1:], path)
        else:
            _expand(world, body, steps, path)
    return body


def _expand(world: World, body: Object, steps: list[str], path: str) -> None:
    kind = str(body.get("object"))
    nested = _NESTED.get(kind, ())
    if nested and tuple(steps[: len(nested)]) == nested:
        holder: Any = body
        for step in nested[:-1]:
            holder = cast("Object", holder).get(step) or {}
        _replace(world, holder, nested[-1], steps[len(nested) :], path)
        return
    if steps[0] not in EXPANDABLE.get(kind, ()):
        raise _unknown(path)
    if kind == "charge" and steps[0] == "refunds":
        found = [public(refund) for refund in reversed(world.store.find("refund", charge=body["id"]))]
        url = f"/v1/charges/{body['id']}/refunds"
        body["refunds"] = {"object": "list", "data": found, "has_more": False, "url": url}
        return
    _replace(world, body, steps[0], steps[1:], path)


def _replace(world: World, holder: Object, name: str, rest: list[str], path: str) -> None:
    value = holder.get(name)
    if isinstance(value, str):
        found = world.store.get(value)
        value = None if found is None else public(found)
        if value is not None:
            holder[name] = value
    if rest and isinstance(value, dict):
        _expand(world, cast("Object", value), rest, path)


def _unknown(path: str) -> StripeError:
    return invalid(f"This property cannot be expanded ({path}).", param="expand")
