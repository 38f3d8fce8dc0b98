"""Requests: Stripe's brackets, strict parameters, and a comparison of every schema with Stripe's description."""

import base64

import pytest
from sandbox_client import KEY, Sandbox
from stripe_description import description, requires_description

from sandbox.stripe import forms, parameters
from sandbox.stripe.errors import StripeError
from sandbox.stripe.router import ROUTES

# What Stripe describes and the sandbox leaves out as a whole.
LEFT_OUT = {
    "GET /v1/charges/search",
    "GET /v1/customers/search",
    "GET /v1/payment_intents/search",
    "DELETE /v1/test_helpers/test_clocks/{test_clock}",
    "GET /v1/test_helpers/test_clocks",
    "GET /v1/test_helpers/test_clocks/{test_clock}",
    "POST /v1/test_helpers/test_clocks",
    "POST /v1/test_helpers/test_clocks/{test_clock}/advance",
}
ENOUGH = {"amount": 2500, "currency": "usd"}
INTEGER = "parameter_invalid_integer"
UNDESCRIBED = {"GET /v1/account"}


def described(method: str, path: str) -> dict:
    operation = description().paths[path][method.lower()]
    body = operation["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    queried = {one["name"]: one["schema"] for one in operation.get("parameters", []) if one["in"] == "query"}
    return {**body.get("properties", {}), **queried}


def compare(name: str, kind, schema: dict) -> list[str]:
    """Where our reading of a parameter and its description differ, by name."""
    if isinstance(kind, parameters.Refused):
        return []
    if isinstance(kind, parameters.Either):
        options = schema.get("anyOf", [schema])
        hashes = [one for one in kind.kinds if isinstance(one, parameters.Hash)]
        shapes = [one for one in options if one.get("properties")]
        known = {field for shape in shapes for field in shape["properties"]}
        ours = {field for one in hashes for field in one.fields}
        return [f"{name}[{field}]" for field in known ^ ours]
    if isinstance(kind, parameters.ListOf):
        items = [one for one in schema.get("anyOf", [schema]) if one.get("type") == "array"]
        return compare(f"{name}[]", kind.item, items[0]["items"]) if items else [f"{name} is no list"]
    if isinstance(kind, parameters.Hash):
        shapes = [one for one in schema.get("anyOf", [schema]) if "properties" in one or one.get("type") == "object"]
        fields = {field: inner for shape in reversed(shapes) for field, inner in shape.get("properties", {}).items()}
        faults = [f"{name}[{field}]" for field in set(fields) ^ set(kind.fields)]
        both = set(fields) & set(kind.fields)
        if len(shapes) == 1:
            faults += [f"{name}[{field}] required" for field in set(kind.required) ^ set(shapes[0].get("required", []))]
        return faults + [
            fault for field in both for fault in compare(f"{name}[{field}]", kind.fields[field], fields[field])
        ]
    types = {one.get("type") for one in schema.get("anyOf", [schema])}
    wanted = {parameters.Integer: "integer", parameters.Boolean: "boolean"}.get(type(kind))
    return [f"{name} is {types}"] if wanted and wanted not in types else []


@requires_description
def test_every_described_route_is_there_or_left_out_deliberately():
    ours = {f"{route.method} {route.path}" for route in ROUTES}
    theirs = {f"{method.upper()} {path}" for path, methods in description().paths.items() for method in methods}
    assert ours - theirs == UNDESCRIBED
    assert theirs - ours == LEFT_OUT


@requires_description
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_described_parameter_is_read_or_refused_deliberately_and_no_other(route):
    if f"{route.method} {route.path}" in UNDESCRIBED:
        return
    theirs = described(route.method, route.path)
    assert set(route.params) == set(theirs)
    faults = [fault for name, kind in route.params.items() for fault in compare(name, kind, theirs[name])]
    assert faults == []


def test_brackets():
    text = "a=1&b[c]=2&b[d][e]=3&f[]=x&f[]=y&g[0][h]=4&g[1][h]=5&i=&m%5Bk%5D=v+w"
    assert forms.decode(text) == {
        "a": "1",
        "b": {"c": "2", "d": {"e": "3"}},
        "f": {"0": "x", "1": "y"},
        "g": {"0": {"h": "4"}, "1": {"h": "5"}},
        "i": "",
        "m": {"k": "v w"},
    }


@pytest.mark.parametrize("text", ["a[b=1", "[a]=1", "a=1&a[b]=2", "a[b]=1&a=2", "a" + "[b]" * 20 + "=1"])
def test_brackets_that_cannot_be_read(text):
    with pytest.raises(StripeError) as caught:
        forms.decode(text)
    assert (caught.value.status, caught.value.stored) == (400, False)


@pytest.mark.parametrize(
    ("path", "params", "code", "param", "message"),
    [
        ("customers", {"nmae": "A"}, "parameter_unknown", "nmae", "Received unknown parameter: nmae"),
        ("customers", {"a": 1, "b": 2}, "parameter_unknown", "a", "Received unknown parameters: a, b"),
        ("customers", {"address": {"town": "X"}}, "parameter_unknown", "address[town]", "unknown parameter: address["),
        ("customers", {"address": "X"}, None, "address", "Invalid object"),
        ("customers", {"name": {"x": "y"}}, None, "name", "Invalid string"),
        ("customers", {"name": "x" * 257}, None, "name", "must be at most 256 characters"),
        ("customers", {"metadata": {"k": "x" * 501}}, None, "metadata[k]", "at most 500 characters"),
        ("customers", {"metadata": {f"k{n}": "x" for n in range(51)}}, None, "metadata", "up to 50"),
        ("customers", {"preferred_locales": "en"}, None, "preferred_locales", "Invalid array"),
        ("customers", {"source": "tok_x"}, None, "source", "does not support the parameter source"),
        ("payment_intents", {"currency": "usd"}, "parameter_missing", "amount", "Missing required param: amount."),
        ("payment_intents", {"amount": "1e3", "currency": "usd"}, INTEGER, "amount", "Invalid integer"),
        ("payment_intents", {"amount": "25.00", "currency": "usd"}, INTEGER, "amount", "Invalid"),
        ("payment_intents", {"amount": 0, "currency": "usd"}, INTEGER, "amount", "greater than"),
        ("payment_intents", {"amount": 49, "currency": "usd"}, "amount_too_small", "amount", "at least $0.50"),
        ("payment_intents", {"amount": 10**8, "currency": "usd"}, "amount_too_large", "amount", "no more than"),
        ("payment_intents", {"amount": 2500, "currency": "eur"}, None, "currency", "Invalid currency: eur"),
        ("payment_intents", {"amount": 2500, "currency": ""}, "parameter_invalid_empty", "currency", "empty string"),
        ("payment_intents", ENOUGH | {"confirm": "yes"}, None, "confirm", "Invalid boolean: yes"),
        ("payment_intents", ENOUGH | {"off_session": True}, None, "off_session", "confirm is true"),
        ("payment_intents", ENOUGH | {"customer": "cus_x"}, "resource_missing", "customer", "No such customer: 'cus"),
        ("setup_intents", {"usage": "never"}, None, "usage", "must be one of off_session or on_session"),
        ("webhook_endpoints", {"url": "ftp://x", "enabled_events": ["*"]}, "url_invalid", "url", "valid URL"),
    ],
)  # fmt: skip
async def test_refusals_in_stripes_words(sandbox: Sandbox, path, params, code, param, message):
    answer = await sandbox.post(f"/v1/{path}", params)
    assert answer.status == 400
    assert (answer.error["type"], answer.error.get("code"), answer.error["param"]) == (
        "invalid_request_error",
        code,
        param,
    )
    assert message in answer.error["message"]
    assert not (await sandbox.counts()).get("event")


async def test_lists_are_strict_too(sandbox: Sandbox):
    assert (await sandbox.get("/v1/customers", limit=101)).status == 400
    assert (await sandbox.get("/v1/customers", limit=0)).status == 400
    assert (await sandbox.get("/v1/customers", foo=1)).error["message"] == "Received unknown parameter: foo"


async def test_an_unknown_path_and_an_unknown_object(sandbox: Sandbox):
    answer = await sandbox.get("/v1/nothing")
    assert answer.status == 404
    assert answer.error["message"].startswith("Unrecognized request URL (GET: /v1/nothing).")
    assert (await sandbox.call("PATCH", "/v1/customers", body={})).status == 404
    missing = await sandbox.get("/v1/customers/cus_none")
    assert (missing.status, missing.error["code"], missing.error["param"]) == (404, "resource_missing", "id")
    assert missing.error["message"] == "No such customer: 'cus_none'"


@pytest.mark.parametrize("header", [None, "Bearer", "Bearer pk_test_123", "Bearer sk_live_123", "Basic !!!", "Token x"])
async def test_a_request_without_a_secret_test_key_is_refused(sandbox: Sandbox, client, header):
    headers = {"Authorization": header} if header else {}
    answer = await client.get(f"{sandbox.url}/v1/customers", headers=headers)
    assert (answer.status_code, answer.json()["error"]["type"]) == (401, "invalid_request_error")
    assert "sk_live_123" not in answer.text


async def test_any_test_key_opens_the_one_world_by_bearer_or_basic(sandbox: Sandbox, client):
    customer = await sandbox.customer()
    basic = base64.b64encode(b"sk_test_another:").decode()
    answer = await client.get(f"{sandbox.url}/v1/customers/{customer}", headers={"Authorization": f"Basic {basic}"})
    assert answer.status_code == 200
    assert answer.headers["stripe-version"] == "2026-10-28.endive"
    assert answer.headers["request-id"].startswith("req_")


async def test_bodies_that_are_no_forms_are_refused(sandbox: Sandbox, client):
    headers = {"Authorization": f"Bearer {KEY}"}
    as_json = await client.post(f"{sandbox.url}/v1/customers", json={"name": "A"}, headers=headers)
    assert as_json.status_code == 400
    large = await client.post(f"{sandbox.url}/v1/customers", data={"name": "x" * 2**21}, headers=headers)
    assert large.status_code == 413
    version = await client.get(f"{sandbox.url}/v1/customers", headers=headers | {"Stripe-Version": "newest"})
    assert version.status_code == 400


async def test_metadata_is_merged_and_cleared(sandbox: Sandbox):
    made = await sandbox.post("/v1/customers", {"metadata": {"a": "1", "b": "2"}, "description": "x"})
    url = f"/v1/customers/{made['id']}"
    assert (await sandbox.post(url, {"metadata": {"a": "", "c": "3"}}))["metadata"] == {"b": "2", "c": "3"}
    assert (await sandbox.post(url, {"metadata": ""}))["metadata"] == {}
    assert (await sandbox.post(url, {"description": ""}))["description"] is None
    (*_, last) = await sandbox.events(about=made["id"])
    assert last["data"]["previous_attributes"] == {"description": "x"}
