"""Stripe's own description of its API, as a judge of the sandbox's requests and answers.

It is read where it lies (`PREPAY_STRIPE_DESCRIPTION`, or `../shared/stripe` beside the repository) and never copied.
"""

import json
import os
import re
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

BESIDE = Path(__file__).parents[3] / "shared" / "stripe"
FOLDER = Path(os.environ.get("PREPAY_STRIPE_DESCRIPTION") or BESIDE)
MISSING = f"Stripe's description is not at {FOLDER} (PREPAY_STRIPE_DESCRIPTION)"
requires_description = pytest.mark.skipif(not (FOLDER / "openapi-subset.json").exists(), reason=MISSING)
NAME = "urn:stripe"
# The description is of 2026-08-26.dahlia, the sandbox speaks 2026-10-28.endive: releases only add (its README).
NEWER = {"webhook_endpoint": {"api_version"}}


class Description:
    """The 42 paths and 194 schemas."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.paths: dict[str, dict[str, Any]] = document["paths"]
        self._patterns = [
            (re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), path)
            for path in sorted(self.paths, key=lambda path: path.count("{"))
        ]

    @cached_property
    def _registry(self) -> Registry[Any]:
        schemas = {name: translated(schema) for name, schema in self.document["components"]["schemas"].items()}
        document = {"components": {"schemas": schemas}}
        return Registry().with_resource(NAME, Resource(document, specification=DRAFT202012))

    @cache  # noqa: B019 - one description lives as long as the test run
    def _validator(self, text: str) -> Draft202012Validator:
        return Draft202012Validator(json.loads(text), registry=self._registry)

    def path_of(self, url: str) -> str | None:
        """The described path that a URL's path belongs to."""
        return next((path for pattern, path in self._patterns if pattern.fullmatch(url)), None)

    def fault_of(self, schema: dict[str, Any], value: Any) -> str | None:
        """What is wrong with a value, in words, or None."""
        validator = self._validator(json.dumps(translated(schema)))
        if validator.is_valid(value):
            return None
        error = best_match(validator.iter_errors(value))
        return f"{error.json_path}: {error.message[:600]}"

    def check_object(self, name: str, value: Any) -> None:
        """Fail unless a value is what the schema of this name says."""
        fault = self.fault_of({"$ref": f"#/components/schemas/{name}"}, value)
        assert fault is None, f"{name} {fault}"

    def check_answer(self, method: str, url: str, status: int, body: Any) -> None:
        """Fail unless an answer is what its route promises."""
        if status >= 300:
            self.check_object("error", body)
            return
        path = self.path_of(url)
        if path is None:
            return
        schema = self.paths[path][method.lower()]["responses"]["200"]["content"]["application/json"]["schema"]
        fault = self.fault_of(schema, body)
        assert fault is None, f"{method} {url} {fault}"


def translated(schema: Any) -> Any:
    """A schema of OpenAPI 3.0 as JSON Schema: nulls as a type, and no member that is not described."""
    if isinstance(schema, list):
        return [translated(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return {"$ref": f"{NAME}{schema['$ref']}"}
    made = {
        name: {key: translated(value) for key, value in inner.items()} if name == "properties" else translated(inner)
        for name, inner in schema.items()
        if name not in {"nullable", "x-expandableFields", "x-resourceId", "enum", "required", "format"}
    }
    if "enum" in schema:
        made["enum"] = schema["enum"]
    properties = schema.get("properties", {})
    if "required" in schema:
        made["required"] = [name for name in schema["required"] if not properties.get(name, {}).get("nullable")]
    if properties and "additionalProperties" not in schema:
        made["additionalProperties"] = False
    for name in NEWER.get(schema.get("x-resourceId", ""), ()):
        made["properties"][name] = {}
    return {"anyOf": [made, {"type": "null"}]} if schema.get("nullable") else made


@cache
def description() -> Description:
    """The description, read once."""
    return Description(json.loads((FOLDER / "openapi-subset.json").read_text()))


@cache
def fixtures() -> dict[str, Any]:
    """Stripe's sample objects by type."""
    return json.loads((FOLDER / "fixtures.json").read_text())["resources"]
