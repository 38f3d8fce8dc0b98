"""How an update changes an object."""

from typing import Any, cast

from sandbox.stripe.storage import Object

_BLANK_ADDRESS = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))


def metadata(current: dict[str, str] | None, given: Any) -> dict[str, str]:
    """Metadata after an update: named keys change, an empty value removes its key, ``""`` removes all."""
    if given == "":
        return {}
    merged = {**(current or {}), **cast("dict[str, str]", given)}
    return {key: value for key, value in merged.items() if value}


def address(given: Any) -> Object | None:
    """An address with all its members, or None for an unset one."""
    if not given:
        return None
    return {**_BLANK_ADDRESS, **{name: value or None for name, value in cast("Object", given).items()}}


def shipping(given: Any) -> Object | None:
    """Shipping details as objects carry them."""
    if not given:
        return None
    details = cast("Object", given)
    return {**{name: value or None for name, value in details.items()}, "address": address(details["address"])}


def billing_details(current: Object | None, given: Any) -> Object:
    """Billing details after an update."""
    blank: Object = {"address": dict(_BLANK_ADDRESS), "email": None, "name": None, "phone": None, "tax_id": None}
    merged = {**blank, **(current or {})}
    for name, value in cast("Object", given or {}).items():
        merged[name] = (address(value) or dict(_BLANK_ADDRESS)) if name == "address" else value or None
    return merged


def changed(before: Object, after: Object) -> Object:
    """The members that differ, with their values before: an event's ``previous_attributes``."""
    return {name: before.get(name) for name, value in after.items() if name != "_" and before.get(name) != value}
