"""What every answer has, and how lists are paged."""

import re

import pytest


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/healthz"), ("GET", "/v1/accounts"), ("GET", "/nothing"), ("PUT", "/healthz"), ("GET", "/docs")],
)
async def test_every_answer_has_an_id_and_closed_headers(shared_api, method, path):
    first = await shared_api.anyone.request(method, path)
    second = await shared_api.anyone.request(method, path, headers={"X-Request-Id": "of-the-caller"})
    assert re.fullmatch(r"req_[0-9A-Z]{24}", first.headers["X-Request-Id"])
    assert first.headers["X-Request-Id"] != second.headers["X-Request-Id"] != "of-the-caller"
    assert first.headers["X-Content-Type-Options"] == "nosniff"
    assert first.headers["X-Frame-Options"] == "DENY"
    assert first.headers["Referrer-Policy"] == "no-referrer"
    assert first.headers["Cache-Control"] == "no-store"
    assert first.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "Access-Control-Allow-Origin" not in first.headers


async def test_no_other_origin_may_read_answers(shared_api):
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    answer = await shared_api.operator.request("OPTIONS", "/v1/accounts", headers=headers)
    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


async def test_transport_security_is_asked_for_only_behind_https(api, make_settings, clock):
    from tests.api.client import serving

    assert "Strict-Transport-Security" not in (await api.anyone.get("/healthz")).headers
    settings = make_settings().model_copy(update={"public_url": "https://pay.example"})
    async with serving(settings, clock) as secure:
        answer = await secure.anyone.get("/v1/accounts")
        assert answer.headers["Strict-Transport-Security"]
        assert answer.json()["doc_url"] == "https://pay.example/docs/errors/unauthenticated"


async def test_health_readiness_and_metrics(api):
    assert (await api.anyone.get("/healthz")).json() == {"status": "ok"}
    assert (await api.anyone.get("/readyz")).json() == {"status": "ok"}
    account = await api.open_account()
    await api.operator.get(f"/v1/accounts/{account.id}")
    metrics = (await api.anyone.get("/metrics")).text
    assert 'prepay_http_requests_total{method="GET",route="/v1/accounts/{account_id}",status="200"} 1.0' in metrics
    assert account.id not in metrics


async def walk(api, direction, start=None, limit=3):
    seen, cursor = [], start
    while True:
        params = {"limit": limit} | ({direction: cursor} if cursor else {})
        page = (await api.operator.get("/v1/accounts", params=params)).json()
        ids = [row["id"] for row in page["data"]]
        seen.append(ids)
        assert len(ids) <= limit
        if not page["has_more"]:
            return seen
        assert len(ids) == limit
        cursor = ids[-1] if direction == "starting_after" else ids[0]


async def test_lists_are_newest_first_and_walked_both_ways(api):
    made = [(await api.open_account()).id for _ in range(8)]
    newest_first = made[::-1]
    forward = await walk(api, "starting_after")
    assert [len(page) for page in forward] == [3, 3, 2]
    assert [row for page in forward for row in page] == newest_first
    backward = await walk(api, "ending_before", start=made[0])
    assert [row for page in reversed(backward) for row in page] == newest_first[:-1]


async def test_a_page_stays_put_while_new_objects_arrive(api):
    for _ in range(4):
        await api.open_account()
    first = (await api.operator.get("/v1/accounts", params={"limit": 2})).json()["data"]
    await api.open_account()
    second = (await api.operator.get("/v1/accounts", params={"limit": 2, "starting_after": first[-1]["id"]})).json()
    assert not {row["id"] for row in first} & {row["id"] for row in second["data"]}
    assert len(second["data"]) == 2


async def test_an_empty_list_is_a_list(api):
    assert (await api.operator.get("/v1/accounts")).json() == {"data": [], "has_more": False}


async def test_times_bound_a_list_by_what_is_shown(api):
    accounts = []
    for _ in range(3):
        account = await api.open_account()
        accounts.append((await api.operator.get(f"/v1/accounts/{account.id}")).json())
        api.clock.advance(hours=1)
    middle = accounts[1]["created_at"]
    later = (await api.operator.get("/v1/accounts", params={"created[gte]": middle})).json()["data"]
    earlier = (await api.operator.get("/v1/accounts", params={"created[lt]": middle})).json()["data"]
    assert [row["id"] for row in later] == [accounts[2]["id"], accounts[1]["id"]]
    assert [row["id"] for row in earlier] == [accounts[0]["id"]]
