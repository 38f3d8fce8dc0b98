"""Cursor lists: newest first, ``limit``, ``starting_after``, ``ending_before``, ``created`` and equality filters."""

from typing import Any, cast

from sandbox.stripe.errors import invalid, missing
from sandbox.stripe.storage import Object
from sandbox.stripe.world import Call

_COMPARISONS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_ALIVE = ("json_extract(body, '$.deleted') IS NOT ?", 1)


def page(call: Call, kind: str, *, url: str, filters: tuple[str, ...] = (), **fixed: Any) -> Object:
    """One page of the objects of a kind, filtered by the named parameters and by fixed values of members."""
    given = call.params
    if "starting_after" in given and "ending_before" in given:
        raise invalid("You may only specify one of these parameters: starting_after, ending_before.")
    conditions: list[tuple[str, Any]] = [_ALIVE, *_created(given.get("created"))]
    wanted = {**{name: given[name] for name in filters if name in given}, **fixed}
    conditions += [(f"json_extract(body, '$.{name}') = ?", value) for name, value in wanted.items()]
    if given.get("types"):
        names = cast("list[str]", given["types"])
        conditions.append(("instr(?, '|' || json_extract(body, '$.type') || '|')", f"|{'|'.join(names)}|"))
    backwards = "ending_before" in given
    cursor = given.get("starting_after") or given.get("ending_before")
    if cursor:
        place = call.world.store.position(kind, cursor)
        if place is None:
            raise missing(kind, cursor, param="ending_before" if backwards else "starting_after")
        conditions.append(("seq > ?" if backwards else "seq < ?", place))
    limit = given.get("limit", 10)
    found = call.world.store.page(kind, conditions=conditions, limit=limit + 1, newest_first=not backwards)
    chosen = found[:limit]
    if backwards:
        chosen.reverse()
    return {"object": "list", "data": chosen, "has_more": len(found) > limit, "url": url}


def _created(given: Any) -> list[tuple[str, Any]]:
    member = "json_extract(body, '$.created')"
    if given is None:
        return []
    if isinstance(given, int):
        return [(f"{member} = ?", given)]
    bounds = cast("dict[str, int]", given)
    return [(f"{member} {_COMPARISONS[name]} ?", value) for name, value in bounds.items()]
