"""Bodies, queries and paths that are not taken. Each is a problem document, and none is a fault of ours."""

import json
import logging

import pytest
import structlog
from sqlalchemy import text

from api.body import MAX_BYTES, MAX_DEPTH
from telemetry import logs

JSON = {"Content-Type": "application/json"}
CARD = "4242424242424242"


async def send(api, content, headers=JSON):
    return await api.operator.post("/v1/accounts", content=content, headers=headers)


def nested(depth):
    return b'{"metadata":' + b"[" * depth + b"]" * depth + b"}"


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"nonsense",
        b"[]",
        b"7",
        b'"text"',
        b"null",
        b"{}{}",
        b"{'name': 'Ada'}",
        b'{"name": "Ada",}',
        b'{"name": NaN}',
        b'{"name": Infinity}',
        b'{"name": -Infinity}',
        b'{"name": 1e999}',
        b'{"name": ' + b"9" * 5000 + b"}",
        b'{"name": "Ada", "name": "Eve"}',
        b'{"metadata": {"a": "1", "a": "2"}}',
        b'{"name": "A\\u0000da"}',
        b'{"na\\u0000me": "Ada"}',
        b'{"name": "\\ud800"}',
        b'{"name": "A\xffda"}',
        b'\xef\xbb\xbf{"name": "Ada"}',
        '{"name": "Ada"}'.encode("utf-16"),
        nested(MAX_DEPTH),
        nested(200_000),
        b'{"a":' * 50_000,
    ],
)
async def test_what_is_not_one_sound_json_object_is_400(shared_api, content):
    answer = await send(shared_api, content)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request"), answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded", "application/json5"])
async def test_another_content_type_is_415(shared_api, content_type):
    headers = {} if content_type is None else {"Content-Type": content_type}
    answer = await send(shared_api, b'{"name": "Ada", "email": "ada@customer.example"}', headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


async def test_a_charset_may_be_named(shared_api):
    headers = {"Content-Type": "application/json; charset=utf-8"}
    answer = await send(shared_api, b'{"name": "Ada", "email": "ada@customer.example"}', headers)
    assert answer.status_code == 201


async def test_a_body_is_counted_as_it_arrives_not_as_it_is_announced(shared_api):
    body = json.dumps({"name": "x" * MAX_BYTES}).encode()
    assert (await send(shared_api, body)).status_code == 413

    async def stream():
        for start in range(0, len(body), 65536):
            yield body[start : start + 65536]

    answer = await shared_api.operator.post("/v1/accounts", content=stream(), headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    exact = b'{"name": ""}'
    padded = exact + b" " * (MAX_BYTES - len(exact))
    assert (await send(shared_api, padded)).status_code == 422


async def test_an_unknown_field_is_named_and_its_value_is_not_repeated(shared_api):
    body = {"name": "Ada", "email": "ada@customer.example", "colour": "secret-value", "metadata": {"a": 7}}
    answer = await shared_api.operator.post("/v1/accounts", json=body)
    assert answer.status_code == 422
    assert {error["param"] for error in answer.json()["errors"]} == {"colour", "metadata.a"}
    assert "secret-value" not in answer.text


async def test_a_route_without_fields_takes_an_empty_body_or_none(shared_api):
    key = (await shared_api.operator.post("/v1/operator_keys", json={"name": "a", "scope": "read"})).json()["id"]
    url = f"/v1/operator_keys/{key}"
    refused = await shared_api.operator.request("DELETE", url, json={"really": True})
    assert (refused.status_code, refused.json()["param"]) == (422, "really")
    assert (await shared_api.operator.request("DELETE", url, json={})).status_code == 200
    assert (await shared_api.operator.request("DELETE", url)).status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        "nonsense=1",
        "limit=0",
        "limit=101",
        "limit=ten",
        "limit=1&limit=2",
        "created=2026-01-01T00:00:00Z",
        "created[gte]=2026-01-01",
        "created[gte]=1767225600",
        "created[gte]=2026-13-01T00:00:00Z",
        "created[gte]=2026-01-01T00:00:00",
        "created[gte]=0001-01-01T00:00:00%2B14:00",
        "starting_after=a&ending_before=b",
        "starting_after=" + "a" * 65,
        "starting_after=%00",
        "status=exhausted",
        "kind=x",
    ],
)
async def test_a_query_that_is_not_understood_is_422(shared_api, query):
    answer = await shared_api.operator.get(f"/v1/accounts?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_field"), answer.text


async def test_parameters_where_none_are_taken_are_refused(shared_api):
    account = await shared_api.open_account()
    answer = await shared_api.operator.get(f"/v1/accounts/{account.id}/balance?expand=all")
    assert (answer.status_code, answer.json()["param"]) == (422, "expand")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/accounts/MA000000000000000000",
        "/v1/accounts/%00",
        "/v1/accounts/MA00000000000000000%00",
        "/v1/accounts/%F0%9F%92%B8",
        "/v1/accounts/..%2F..%2Fetc%2Fpasswd",
        "/v1/accounts/ma000000000000000000",
        "/v1/accounts/MA000000000000000000/",
        "/v1/accounts/",
        "/v1/nothing",
        "/v2/accounts",
        "/docs/errors/nonsense",
    ],
)
async def test_what_is_not_there_is_404(shared_api, path):
    answer = await shared_api.operator.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), answer.text


async def test_another_method_is_405_and_names_those_that_are_served(shared_api):
    answer = await shared_api.operator.put("/v1/accounts", json={})
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["Allow"]


NUMBERS = {
    "a card number": ({"name": CARD}, "name"),
    "with spaces": ({"name": "my card 4242 4242 4242 4242 thanks"}, "name"),
    "with hyphens": ({"address": "4242-4242-4242-4242"}, "address"),
    "in metadata": ({"metadata": {"note": CARD}}, "metadata.note"),
    "as a key": ({"metadata": {CARD: "x"}}, "metadata.(a key)"),
    "as a JSON number": ({"metadata": {"note": int(CARD)}}, "metadata.note"),
    "in an unknown field": ({"colour": CARD}, "colour"),
    "deep inside": ({"a": [{"b": {"c": ["x", CARD]}}]}, "a[0].b.c[1]"),
    "a field called number": ({"card": {"number": "x"}}, "card.number"),
    "an account number": ({"bank": {"account_number": "000123456789"}}, "bank.account_number"),
    "a routing number": ({"ROUTING_NUMBER": "110000000"}, "ROUTING_NUMBER"),
    "a cvc": ({"cvc": "123"}, "cvc"),
}


@pytest.mark.parametrize("case", NUMBERS)
async def test_card_and_bank_numbers_are_refused_kept_nowhere_and_logged_nowhere(shared_api, case, captured_log):
    fields, param = NUMBERS[case]
    body = {"name": "Ada", "email": "ada@customer.example"} | fields
    answer = await shared_api.operator.post("/v1/accounts", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "raw_number_refused"), answer.text
    assert answer.json()["param"] == param
    logged = captured_log()
    everything = answer.text + logged
    for secret in (CARD, "4242", "000123456789", "110000000"):
        assert secret not in everything
    assert '"status":422' in logged


@pytest.mark.parametrize("external_id", [CARD, f"order {CARD}"])
async def test_references_of_the_integrators_own_are_never_tested(shared_api, external_id):
    answer = await shared_api.operator.post(
        "/v1/accounts", json={"name": "Ada", "email": "ada@customer.example", "external_id": external_id}
    )
    assert answer.status_code == 201


async def test_a_number_in_path_or_query_is_not_logged(shared_api, captured_log):
    await shared_api.operator.get(f"/v1/accounts/{CARD}")
    await shared_api.operator.get(f"/v1/accounts?starting_after={CARD}")
    await shared_api.operator.get(f"/{CARD}")
    await shared_api.operator.request(CARD, "/v1/accounts")
    assert CARD not in captured_log()
    assert CARD not in (await shared_api.anyone.get("/metrics")).text


@pytest.fixture
def captured_log(tmp_path):
    """Everything that this process logs, as `python -m api` writes it."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    logs.configure(level="DEBUG", style="json")
    path = tmp_path / "log"
    stream = path.open("w")
    stderr = logs.handler.setStream(stream)

    def read():
        logs.handler.write_waiting()
        lines = path.read_text().splitlines(keepends=True)
        return "".join(line for line in lines if json.loads(line)["logger"] != "httpx2")  # the client's, not ours

    yield read
    root.handlers[:] = before
    root.setLevel(level)
    structlog.reset_defaults()
    logs.handler.setStream(stderr)
    logs.handler.straight = False
    stream.close()


async def test_credentials_and_bodies_are_in_no_log(api, captured_log):
    account = await api.open_account(name="Ada Secretname")
    key = await api.operator_key("read")
    await api.client(account=account).get(f"/v1/accounts/{account.id}")
    await api.client(key=key).get("/v1/accounts")
    await api.client(key="op_" + "q" * 43).get("/v1/accounts")
    logged = captured_log()
    for secret in (account.token, key, "q" * 43, "Secretname", "ada@customer.example"):
        assert secret not in logged
    assert account.id in logged


async def test_a_fault_inside_is_a_500_that_tells_nothing_and_a_log_line_that_tells_where(
    api, captured_log, monkeypatch
):
    account = await api.open_account()

    async def broken(*_):
        raise RuntimeError(f"the card {CARD} of ada@customer.example")

    monkeypatch.setattr("api.balance.pending_items", broken)
    answer = await api.operator.get(f"/v1/accounts/{account.id}/balance")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "broken" not in answer.text
    assert CARD not in answer.text
    logged = captured_log()
    (line,) = [json.loads(row) for row in logged.splitlines() if "request_failed" in row]
    assert line["request_id"] == answer.headers["X-Request-Id"] == answer.json()["request_id"]
    assert line["error"] == "builtins.RuntimeError"
    assert line["frames"][-1].endswith("broken")
    assert CARD not in logged
    assert "ada@customer.example" not in logged


async def test_a_refused_row_of_the_database_is_not_quoted(api, captured_log):
    account = await api.open_account()
    async with api.context.database.transaction() as session:
        await session.execute(text("SELECT 1"))
    with pytest.raises(Exception, match="account_status_check") as caught:
        async with api.context.database.transaction() as session:
            await session.execute(
                text("UPDATE account SET status = 'x', name = :name WHERE id = :id"), {"name": CARD, "id": account.id}
            )
    structlog.get_logger("test").error("refused", exc_info=caught.value)
    assert "refused" in captured_log()
    assert CARD not in captured_log()


@pytest.mark.parametrize(
    "email", ["", "ada", "@customer.example", "Ada <ada@customer.example>", "ada@customer.example\n", "ada@localhost"]
)
async def test_a_wrong_address_is_told_the_rule_in_words(shared_api, email):
    answer = await shared_api.operator.post("/v1/accounts", json={"name": "Ada", "email": email})
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["param"]) == (422, "email"), answer.text
    assert "must be an e-mail address such as ada@example.com" in error["message"]
