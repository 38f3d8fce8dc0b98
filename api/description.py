"""The OpenAPI document: FastAPI's, with who may call each route, and every error as a problem document."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import iter_route_contexts

from api.problems import MEDIA_TYPE
from api.routing import Route
from rules.access import Need

PROBLEM = {"$ref": "#/components/schemas/ProblemDocument"}
OPERATOR, ACCOUNT = "operator", "account"
SECURITY_SCHEMES = {
    OPERATOR: {
        "type": "http",
        "scheme": "bearer",
        "description": "An operator's key, `op_…`. Of its scopes read, usage, money, admin each includes those before.",
    },
    ACCOUNT: {
        "type": "http",
        "scheme": "basic",
        "description": "Auth ID and Auth Token of an account, or of a subaccount where `x-subaccount` says so. "
        "The path carries the account's id, also for a subaccount.",
    },
}
DESCRIPTION = """\
Money is a decimal string of US dollars (`"25.00"`), times are RFC 3339 in UTC, banking dates are plain dates. Unknown
fields and parameters are refused. Every error is a problem document (RFC 9457) with a `code`, a `request_id` and a
`doc_url`. Lists are newest first, with `limit`, `starting_after` and `ending_before`, answered with `data` and
`has_more`. Routes that move money need an `Idempotency-Key`: the same request with the same key has one effect and one
answer."""


def routes(app: FastAPI) -> dict[tuple[str, str], Route]:
    """Every route under access control that is described, by method and path."""
    found: dict[tuple[str, str], Route] = {}
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if isinstance(route, Route) and route.include_in_schema:
            found |= {(method, route.path): route for method in route.methods or ()}
    return found


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI 3.1 document of ``app``."""
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=DESCRIPTION,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        routes=app.routes,
    )
    document["components"]["securitySchemes"] = SECURITY_SCHEMES
    paths: dict[str, dict[str, dict[str, Any]]] = document["paths"]
    for (method, path), route in routes(app).items():
        operation = paths.get(path, {}).get(method.lower())
        if operation is not None:
            _complete(operation, route.need)
    for operations in paths.values():
        for operation in operations.values():
            name = str(operation["operationId"])
            operation["summary"] = name.replace("_", " ").capitalize()
    return document


def _complete(operation: dict[str, Any], need: Need) -> None:
    own = need.owner or need.subaccount
    operation["security"] = [*([{OPERATOR: []}] if need.operators else []), *([{ACCOUNT: []}] if own else [])]
    if need.operators:
        operation["x-operator-scope"] = need.scope
    operation["x-subaccount"] = need.subaccount
    answers = operation["responses"]
    if all(shown["schema"] == PROBLEM for shown in answers["default"]["content"].values()):
        content = {MEDIA_TYPE: {"schema": PROBLEM}}
        answers["default"] = {"description": "Any error, as a problem document", "content": content}
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "header" and parameter["name"] == "idempotency-key":
            parameter |= {"name": "Idempotency-Key", "required": True, "schema": _KEY}


_KEY = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"}
