"""Documentation: served by the API itself, complete, and in step with the files under docs/."""

import json
import re
from pathlib import Path

import pytest

from api.description import describe, routes
from api.plivo import errors as plivo_errors
from api.writing import documents
from rules.problems import KINDS


@pytest.mark.parametrize("path", ["/docs", "/docs/errors", *(f"/docs/errors/{code}" for code in KINDS)])
async def test_pages_answer_and_load_nothing_from_elsewhere(shared_api, path):
    answer = await shared_api.anyone.get(path)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert not re.findall(r'<script|<link|<img|<iframe|@import|url\(|src=|href="http', answer.text)
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy


async def test_each_problem_leads_to_its_page(shared_api):
    problem = (await shared_api.anyone.get("/v1/accounts")).json()
    assert problem["type"] == problem["doc_url"]
    page = await shared_api.anyone.get(problem["doc_url"])
    assert page.status_code == 200
    assert KINDS["unauthenticated"].title in page.text


async def test_the_reference_shows_every_route(shared_api):
    page = (await shared_api.anyone.get("/docs")).text
    for _, path in routes(shared_api.app):
        assert f" {path}</p>" in page
    assert "`" not in page


def test_every_code_is_documented_in_words():
    for code, kind in KINDS.items():
        assert re.fullmatch(r"[a-z0-9_]+", code)
        assert 400 <= kind.status <= 599
        assert all(len(text) > 10 for text in (kind.cause, kind.fix)), code


async def test_the_description_is_complete(shared_api):
    document = (await shared_api.anyone.get("/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names))
    for (method, path), route in routes(shared_api.app).items():
        operation = document["paths"][path][method.lower()]
        assert operation.get("x-operator-scope") == (route.need.scope if route.need.operators else None)
        assert ({"operator": []} in operation["security"]) == route.need.operators
        assert ({"account": []} in operation["security"]) == route.need.owner
        assert operation["x-subaccount"] == route.need.subaccount
        error = "application/json" if path.startswith(plivo_errors.PREFIX) else "application/problem+json"
        assert list(operation["responses"]["default"]["content"]) == [error]
        assert operation["description"]
    for method, path in (("post", "adjustments"), ("post", "recharges")):
        parameters = document["paths"][f"/v1/accounts/{{account_id}}/{path}"][method]["parameters"]
        assert ("Idempotency-Key", True) in [(parameter["name"], parameter["required"]) for parameter in parameters]


def test_answers_carry_livemode(make_app):
    """Requirement I7: on every object that a route answers with; a list carries it on each of its objects.

    Plivo's objects have none.
    """
    document = describe(make_app())
    schemas = document["components"]["schemas"]
    for path, operations in document["paths"].items():
        if not path.startswith("/v1/") or path.startswith(plivo_errors.PREFIX):
            continue
        for operation in operations.values():
            for status, answer in operation["responses"].items():
                if status == "default" or "application/json" not in answer.get("content", {}):
                    continue
                schema = answer["content"]["application/json"]["schema"]
                shown = schemas[schema["$ref"].rpartition("/")[2]]
                if "has_more" in shown["properties"]:
                    shown = schemas[shown["properties"]["data"]["items"]["$ref"].rpartition("/")[2]]
                assert "livemode" in shown["required"], f"{operation['operationId']} {status}"


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.name)
def test_files_are_in_step(path):
    assert path.read_text() == documents()[path], "run `python -m api.writing`"


GUIDE = (Path(__file__).parents[2] / "docs" / "api.md").read_text()


def examples():
    """Method, path and body of each curl command in the guide."""
    blocks = re.findall(r"```sh\n(.*?)```", GUIDE, flags=re.DOTALL)
    for command in re.split(r"^(?=curl )", "\n".join(blocks).replace("\\\n", " "), flags=re.MULTILINE):
        if found := re.match(r'curl (?:-X (\w+) )?(?:-g )?"?\$API(/v1[^\s"?]*)', command):
            body = re.search(r"--json '(.*?)'", command, flags=re.DOTALL)
            path = re.sub(r"(?<=accounts/)\$AUTH_ID", "{account_id}", found[2])
            yield found[1] or ("POST" if body else "GET"), path, body and body[1]


@pytest.mark.parametrize(("method", "path", "body"), list(examples()))
def test_the_guide_shows_requests_that_are_taken(make_app, method, path, body):
    served = routes(make_app())
    (route,) = [
        route
        for (served_method, template), route in served.items()
        if served_method == method and re.sub(r"{(?!account_id)\w+}", "*", template) == re.sub(r"\$[A-Z_]+", "*", path)
    ]
    if body is not None:
        assert route.body_field is not None
        sample = json.loads(body.replace("card_…", "card_1").replace("bank_…", "bank_1"))
        _, errors = route.body_field.validate(sample, {}, loc=("body",))
        assert not errors


def test_the_guide_has_examples():
    assert len(list(examples())) > 12
