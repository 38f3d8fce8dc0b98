"""Schemathesis draws sound and unsound requests from our own description; the answers must be as described."""

from base64 import b64encode
from functools import cache
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from api.app import create_app
from api.context import Context
from api.description import describe
from settings import DEVELOPMENT_OPERATOR_KEY, Settings

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
#: A malformed item of a batch fails alone, in an answer of 200.
ITEM_BY_ITEM = {"POST /v1/usage/batch"}
EXAMPLES = 6
OPERATOR = {"Authorization": f"Bearer {DEVELOPMENT_OPERATOR_KEY}"}
#: They wait for a worker, which these tests do not have.
WAITING = {"cards", "recharges", "bank_accounts"}
_SCHEMA = schemathesis.openapi.from_dict(describe(create_app(Context(settings=Settings()))))
OPERATIONS = {
    operation.label: operation
    for operation in (result.ok() for result in _SCHEMA.get_all_operations())
    if operation.path.startswith("/v1/") and (operation.method == "get" or not WAITING & set(operation.path.split("/")))
}
CASES = [(label, GenerationMode.POSITIVE) for label in OPERATIONS]
CASES += [
    (label, GenerationMode.NEGATIVE) for label, operation in OPERATIONS.items() if operation.body or operation.query
]


@cache
def cases(label, mode, account):
    operation = OPERATIONS[label]
    known = {"account_id": account.id} if "{account_id}" in operation.path else {}
    own = {"Authorization": f"Basic {b64encode(':'.join(account.auth).encode()).decode()}"}
    headers = OPERATOR if "x-operator-scope" in operation.definition.raw else own
    return operation.as_strategy(generation_mode=mode, path_parameters=known, headers=headers)


@pytest.fixture(scope="module")
async def account(shared_api):
    return await shared_api.open_account()


@pytest.mark.parametrize(("label", "mode"), CASES)
@settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
async def test_answers_are_as_described(shared_api, account, label, mode, data):
    case = data.draw(cases(label, mode, account))
    sent: dict[str, Any] = case.as_transport_kwargs(base_url="http://prepay.test")
    request = {name: sent[name] for name in ("method", "url", "headers", "params", "json") if name in sent}
    if "data" in sent:
        request["content"] = sent["data"]
    answer = await shared_api.anyone.request(**request)
    checks = [check for check in CHECKS if label not in ITEM_BY_ITEM or check is not negative_data_rejection]
    case.validate_response(answer, checks=checks)
