"""Every route with every kind of credential, and no object of another tenant behind any id."""

import re

import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from api.context import Context
from rules.access import SCOPES
from tests.api.client import Account, Api
from tests.api.matrix import OBJECTS, PLIVO, PUBLIC, ROWS

CALLERS = (
    *("nobody", *SCOPES, "own", "other", "rotated out", "revoked", "expired", "garbage"),
    *("subaccount", "disabled subaccount", "another's subaccount"),
    *("deleted subaccount", "rotated out subaccount", "expired subaccount", "subaccount with its account's token"),
)
#: Whoever shows no valid credentials.
UNKNOWN = {"nobody", "rotated out", "revoked", "expired", "garbage"} | {
    *("deleted subaccount", "rotated out subaccount", "expired subaccount", "subaccount with its account's token")
}
PROBE = {"probe": "1"}  # an unknown parameter: refused right after the caller is admitted, so that nothing is changed


@pytest.fixture(scope="module")
async def world(shared_api: Api):
    """A client for each caller, and the account that they ask for."""
    api = shared_api
    own, other = await api.open_account(), await api.open_account()
    rotated = await api.operator.post(f"/v1/accounts/{own.id}/rotate_token", json={"overlap_days": 0})
    fresh = Account(own.id, rotated.json()["auth_token"])
    clients = {
        "nobody": api.anyone,
        "own": api.client(account=fresh),
        "other": api.client(account=other),
        "rotated out": api.client(account=own),
        "garbage": api.client(key="op_" + "x" * 43),
    }
    for scope in SCOPES:
        clients[scope] = api.client(key=await api.operator_key(scope))
    revoked = (await api.operator.post("/v1/operator_keys", json={"name": "gone", "scope": "admin"})).json()
    await api.operator.delete(f"/v1/operator_keys/{revoked['id']}")
    clients["revoked"] = api.client(key=revoked["key"])
    short = {"name": "short", "scope": "admin", "expires_in_days": 1}
    clients["expired"] = api.client(key=(await api.operator.post("/v1/operator_keys", json=short)).json()["key"])
    clients |= await subaccounts_of(api, fresh, other)
    api.clock.advance(days=1)
    return clients, fresh


async def subaccounts_of(api, account, other):
    """A client for each kind of subaccount: the account's own, and one of another account."""
    enabled = await api.subaccount(account)
    disabled = await api.subaccount(account, enabled=False)
    deleted, rotated, overlapped = [await api.subaccount(account) for _ in range(3)]
    own = f"/v1/accounts/{account.id}/subaccounts"
    assert (await api.operator.delete(f"{own}/{deleted.id}")).status_code == 200
    for gone, days in ((rotated, 0), (overlapped, 1)):
        answer = await api.operator.post(f"{own}/{gone.id}/rotate_token", json={"overlap_days": days})
        assert answer.status_code == 200
    return {
        "subaccount": api.client(account=enabled),
        "disabled subaccount": api.client(account=disabled),
        "another's subaccount": api.client(account=await api.subaccount(other)),
        "deleted subaccount": api.client(account=deleted),
        "rotated out subaccount": api.client(account=rotated),
        "expired subaccount": api.client(account=overlapped),
        "subaccount with its account's token": api.client(account=Account(enabled.id, account.token)),
    }


def routes(app):
    found = {}
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        assert isinstance(route, APIRoute)
        for method in route.methods:
            found[method, route.path] = route
    return found


def test_every_route_has_a_row(make_app):
    served = set(routes(make_app()))
    assert served - PUBLIC - ROWS.keys() - PLIVO.keys() == set(), "add rows to tests/api/matrix.py"
    assert (PUBLIC | ROWS.keys() | PLIVO.keys()) - served == set(), "these are served no more"


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize(("method", "path"), sorted(ROWS))
async def test_access(world, method, path, caller):
    clients, account = world
    row = ROWS[method, path]
    url = re.sub(r"{\w+}", "none", path.replace("{account_id}", account.id))
    answer = await clients[caller].request(method, url, params=PROBE)
    if caller in UNKNOWN:
        expected = (401, "unauthenticated")
    elif caller in {"other", "another's subaccount"} and "{account_id}" in path:
        expected = (404, "not_found")
    elif caller in SCOPES:
        enough = row.operators and SCOPES.index(caller) >= SCOPES.index(row.scope)
        expected = (422, "invalid_field") if enough else (403, "forbidden")
    elif caller in {"subaccount", "disabled subaccount"}:
        expected = (422, "invalid_field") if row.subaccount else (403, "forbidden")
    else:
        expected = (422, "invalid_field") if caller == "own" and row.owner else (403, "forbidden")
    assert (answer.status_code, answer.json()["code"]) == expected
    if answer.status_code == 422:
        assert answer.json()["param"] == "probe"


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize(("method", "path"), sorted(PLIVO))
async def test_access_in_plivos_form(world, method, path, caller):
    clients, account = world
    url = re.sub(r"{\w+}", "none", path.replace("{account_id}", account.id))
    answer = await clients[caller].request(method, url, params=PROBE)
    if caller in UNKNOWN:
        expected = 401
    elif caller in {"other", "another's subaccount"}:
        expected = 404
    else:
        expected = 400 if caller == "own" else 403
    assert answer.status_code == expected
    assert answer.json().keys() == {"api_id", "error", "objects"}
    assert ("probe" in answer.json()["error"]) == (expected == 400)


WITH_OBJECTS = sorted((method, path) for method, path in ROWS if set(re.findall(r"{(\w+)}", path)) - {"account_id"})


@pytest.mark.parametrize(("method", "path"), WITH_OBJECTS)
async def test_an_object_of_another_tenant_is_not_found(api, method, path):
    own, other = await api.open_account(), await api.open_account()
    url = path.replace("{account_id}", own.id)
    (name,) = set(re.findall(r"{(\w+)}", path)) - {"account_id"}
    context: Context = api.context
    async with context.database.transaction() as session:
        object_id = await OBJECTS[name](session, other.id, api.clock.now())
    client = api.client(account=own) if ROWS[method, path].owner else api.operator
    reaches_any = "{account_id}" not in path  # an object of the operators: it is there for each of them
    answer = await client.request(method, url.replace(f"{{{name}}}", object_id), json=ROWS[method, path].body)
    assert answer.status_code == (200 if reaches_any else 404), answer.text
    missing = await client.request(method, url.replace(f"{{{name}}}", "none"), json=ROWS[method, path].body)
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    if not reaches_any:
        hidden, unknown = answer.json(), missing.json()
        assert hidden["detail"] == unknown["detail"], "another's object must look like none"


@pytest.mark.parametrize(("method", "path"), sorted(key for key in PLIVO if "subaccount_id" in key[1]))
async def test_a_subaccount_of_another_tenant_is_not_found_in_plivos_form(api, method, path):
    own, other = await api.open_account(), await api.open_account()
    client, theirs = api.client(account=own), await api.subaccount(other)
    texts = set()
    for subaccount in (theirs.id, "none"):
        url = path.replace("{account_id}", own.id).replace("{subaccount_id}", subaccount)
        answer = await client.request(method, url, json=PLIVO[method, path])
        assert answer.status_code == 404
        texts.add(answer.json()["error"])
    assert len(texts) == 1, "another's object must look like none"
