"""The OpenAPI document prepared for reading: operations by resource, schemas as rows of fields."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_DEEPEST = 3
Schema = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One field of a schema, or one parameter."""

    name: str
    type: str
    required: bool
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method on one path."""

    anchor: str
    method: str
    path: str
    summary: str
    description: str
    who: str
    parameters: list[Row]
    fields: list[Row]
    answer_status: str
    answer: list[Row]
    example: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """The operations of one resource."""

    name: str
    operations: list[Operation] = field(default_factory=list[Operation])


def sections(document: Schema, *, base_url: str) -> list[Section]:
    """The operations of an OpenAPI document, by tag, in their order."""
    found: dict[str, Section] = {}
    schemas: dict[str, Schema] = document["components"]["schemas"]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            tag = operation.get("tags", ["Others"])[0]
            section = found.setdefault(tag, Section(name=tag))
            section.operations.append(_operation(path, method.upper(), operation, schemas, base_url=base_url))
    return list(found.values())


def _operation(path: str, method: str, operation: Schema, schemas: dict[str, Schema], *, base_url: str) -> Operation:
    body = _content(operation.get("requestBody", {}))
    status = min(code for code in operation["responses"] if code != "default")
    return Operation(
        anchor=operation["operationId"],
        method=method,
        path=path,
        summary=operation["summary"],
        description=operation.get("description", ""),
        who=_who(operation),
        parameters=[_parameter(parameter) for parameter in operation.get("parameters", [])],
        fields=list(_rows(body, schemas)),
        answer_status=status,
        answer=list(_rows(_content(operation["responses"][status]), schemas)),
        example=_example(path, method, operation, _resolve(body, schemas), schemas, base_url=base_url),
    )


def _content(part: Schema) -> Schema:
    return part.get("content", {}).get("application/json", {}).get("schema", {})


def _who(operation: Schema) -> str:
    if "security" not in operation:
        return "Anybody"
    scope = operation.get("x-operator-scope")
    if scope is None:
        return "The account itself"
    own = ", or the account itself" if len(operation["security"]) > 1 else ""
    return f"Operator with scope `{scope}`{own}{', or a subaccount' if operation['x-subaccount'] else ''}"


def _parameter(parameter: Schema) -> Row:
    return Row(
        name=parameter["name"],
        type=_type(parameter["schema"]),
        required=parameter.get("required", False),
        description=parameter.get("description", "") or f"In the {parameter['in']}",
    )


def _resolve(schema: Schema, schemas: dict[str, Schema]) -> Schema:
    """The schema itself behind references and "or null"."""
    if "$ref" in schema:
        return _resolve(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    choices = [choice for choice in schema.get("anyOf", []) if choice.get("type") != "null"]
    return _resolve(choices[0], schemas) if len(choices) == 1 else schema


def _rows(schema: Schema, schemas: dict[str, Schema], *, prefix: str = "", depth: int = 0) -> Iterator[Row]:
    resolved = _resolve(schema, schemas)
    if resolved.get("type") == "array":
        resolved = _resolve(resolved["items"], schemas)
    required = resolved.get("required", [])
    for name, inner in resolved.get("properties", {}).items():
        yield Row(
            name=prefix + name, type=_type(inner), required=name in required, description=inner.get("description", "")
        )
        target = _resolve(inner, schemas)
        many = target.get("type") == "array"
        if depth < _DEEPEST:
            yield from _rows(inner, schemas, prefix=f"{prefix}{name}{'[]' if many else ''}.", depth=depth + 1)


def _type(schema: Schema) -> str:
    if "anyOf" in schema:
        return " or ".join(_type(choice) for choice in schema["anyOf"])
    if {"enum", "const"} & schema.keys():
        return " | ".join(json.dumps(value) for value in schema.get("enum") or [schema["const"]])
    if "$ref" in schema or schema.get("type") == "object":
        return "object"
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    kind = str(schema.get("format", schema.get("type", "any")))
    if "maxLength" in schema:
        return f"{kind}, {schema.get('minLength', 0)}-{schema['maxLength']} characters"
    return f"{kind}, {schema['minimum']}-{schema['maximum']}" if {"minimum", "maximum"} <= schema.keys() else kind


_SAMPLES = {"account_id": "MA01ABCDEFGHJKMNPQRS", "email": "ada@example.com", "timezone": "America/New_York"}


def _example(
    path: str, method: str, operation: Schema, body: Schema, schemas: dict[str, Schema], *, base_url: str
) -> str:
    """A curl command: the account's own credentials where they will do, else an operator's key."""
    if "security" not in operation:
        return f"curl {base_url}{path}"
    lines = [f"curl {base_url}{path.replace('{account_id}', '$AUTH_ID')}"]
    own = {"account": []} in operation["security"]
    lines.append('-u "$AUTH_ID:$AUTH_TOKEN"' if own else '-H "Authorization: Bearer $PREPAY_KEY"')
    if any(parameter["name"] == "Idempotency-Key" for parameter in operation.get("parameters", [])):
        lines.append('-H "Idempotency-Key: $(uuidgen)"')
    if body:
        required = {name: body["properties"][name] for name in body.get("required", [])}
        sample = {name: _sample(name, schema, schemas) for name, schema in required.items()}
        lines.append(f"--json '{json.dumps(sample, ensure_ascii=False)}'")
    if method not in {"GET", "POST"} or (method == "POST" and not body):
        lines.insert(1, f"-X {method}")
    return " \\\n  ".join(lines)


def _sample(name: str, schema: Schema, schemas: dict[str, Schema]) -> Any:
    resolved = _resolve(schema, schemas)
    if name in _SAMPLES:
        return _SAMPLES[name]
    for key in ("examples", "enum"):
        if key in resolved:
            return resolved[key][0]
    if resolved.get("type") == "object":
        inner = {name: resolved["properties"][name] for name in resolved.get("required", [])}
        return {name: _sample(name, schema, schemas) for name, schema in inner.items()}
    return {"integer": 1, "boolean": True}.get(resolved.get("type", ""), f"your {name.replace('_', ' ')}")
