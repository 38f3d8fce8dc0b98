"""Webhook endpoints by API: what is taken, what is shown, and that secrets are shown once and sealed."""

import base64

import pytest
from sqlalchemy import select, text
from sqlmodel import col

from models.webhook_endpoint import WebhookEndpoint
from store.seals import SealBrokenError
from tests.api.client import serving

URL = "https://platform.example/hooks"


@pytest.fixture
async def make(api):
    async def make(**fields):
        answer = await api.operator.post("/v1/webhook_endpoints", json={"url": URL} | fields)
        assert answer.status_code == 201, answer.text
        return answer.json()

    return make


async def test_an_endpoint_is_made_shown_changed_and_deleted(api, make):
    made = await make(description="Billing")
    path = f"/v1/webhook_endpoints/{made['id']}"
    secret = made.pop("secret")
    assert made == {
        "id": made["id"],
        "url": URL,
        "events": ["*"],
        "description": "Billing",
        "status": "enabled",
        "disabled_reason": None,
        "previous_secret_valid_until": None,
        "created_at": made["created_at"],
        "livemode": False,
    }
    assert made["id"].startswith("whk_")
    assert secret.startswith("whsec_")
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    assert (await api.operator.get(path)).json() == made
    changes = {"url": "https://platform.example:8443/", "events": ["recharge.failed"], "status": "disabled"}
    changed = (await api.operator.patch(path, json=changes)).json()
    assert changed == made | changes | {"disabled_reason": "operator"}
    enabled = (await api.operator.patch(path, json={"status": "enabled", "description": None})).json()
    assert enabled == changed | {"status": "enabled", "disabled_reason": None, "description": None}
    assert (await api.operator.delete(path)).json() == enabled | {"status": "disabled"}
    for method in ("GET", "PATCH", "DELETE"):
        body = {"description": "x"} if method == "PATCH" else None
        assert (await api.operator.request(method, path, json=body)).status_code == 404
    assert (await api.operator.post(f"{path}/rotate_secret")).status_code == 404
    assert (await api.operator.get("/v1/webhook_endpoints")).json()["data"] == []
    acts = (await api.operator.get("/v1/audit", params={"limit": 100})).json()["data"]
    assert [act["action"] for act in acts if act["object_id"] == made["id"]] == [
        "webhook_endpoint.deleted",
        "webhook_endpoint.changed",
        "webhook_endpoint.changed",
        "webhook_endpoint.created",
    ]


async def test_the_secret_is_shown_once_and_sealed_at_rest(api, make):
    made = await make()
    path = f"/v1/webhook_endpoints/{made['id']}"
    rotated = (await api.operator.post(f"{path}/rotate_secret", json={"overlap_hours": 2})).json()
    assert rotated["secret"] != made["secret"]
    assert rotated["previous_secret_valid_until"] is not None
    for shown in (await api.operator.get(path), await api.operator.patch(path, json={"description": "x"})):
        assert "secret" not in shown.json()
        assert "whsec_" not in shown.text
    assert "whsec_" not in (await api.operator.get("/v1/webhook_endpoints")).text
    async with api.context.database.transaction() as session:
        row = (await session.scalars(select(WebhookEndpoint))).one()
        stored = await session.scalar(text("SELECT row_to_json(e)::text FROM webhook_endpoint e"))
    assert api.context.seals.open(row.secret_sealed, row.id, "webhook_secret") == rotated["secret"]
    assert api.context.seals.open(row.previous_secret_sealed, row.id, "webhook_secret") == made["secret"]
    with pytest.raises(SealBrokenError):
        api.context.seals.open(row.secret_sealed, "whk_another", "webhook_secret")
    for secret in (made["secret"], rotated["secret"]):
        assert secret.removeprefix("whsec_") not in stored
    await api.operator.delete(path)
    async with api.context.database.transaction() as session:
        row = (await session.scalars(select(WebhookEndpoint).where(col(WebhookEndpoint.id) == made["id"]))).one()
    assert (row.secret_sealed, row.previous_secret_sealed) == (b"", None)


async def test_a_rotation_without_overlap_ends_the_secret_before(api, make):
    made = await make()
    path = f"/v1/webhook_endpoints/{made['id']}/rotate_secret"
    default = (await api.operator.post(path)).json()
    assert default["previous_secret_valid_until"][:13] == "2026-11-25T15"
    none = (await api.operator.post(path, json={"overlap_hours": 0})).json()
    assert none["previous_secret_valid_until"] is None


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"url": "http://platform.example/"}, "url"),
        ({"url": "https://127.0.0.1/"}, "url"),
        ({"url": "https://localhost/"}, "url"),
        ({"url": "https://2130706433/"}, "url"),
        ({"url": "https://user:pass@platform.example/"}, "url"),
        ({"url": "https://platform.example:25/"}, "url"),
        ({"url": "https://platform.example/" + "x" * 2048}, "url"),
        ({"url": ""}, "url"),
        ({"url": None}, "url"),
        ({"url": 7}, "url"),
        ({"events": []}, "events"),
        ({"events": ["recharge.exploded"]}, "events"),
        ({"events": ["recharge.failed", "recharge.failed"]}, "events"),
        ({"events": [{}]}, "events"),
        ({"events": [["*"]]}, "events"),
        ({"events": "*"}, "events"),
        ({"events": None}, "events"),
        ({"description": "two\nlines"}, "description"),
        ({"secret": "whsec_mine"}, "secret"),
    ],
)
async def test_what_is_refused_names_its_field(api, make, fields, param):
    made = await make()
    path = f"/v1/webhook_endpoints/{made['id']}"
    for answer in (
        await api.operator.post("/v1/webhook_endpoints", json={"url": URL} | fields),
        await api.operator.patch(path, json=fields),
    ):
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_field")
        assert answer.json()["param"].startswith(param)
    made.pop("secret")
    assert (await api.operator.get(path)).json() == made


@pytest.mark.parametrize("fields", [{"status": "gone"}, {"status": None}])
async def test_a_status_is_enabled_or_disabled(api, make, fields):
    answer = await api.operator.patch(f"/v1/webhook_endpoints/{(await make())['id']}", json=fields)
    assert (answer.status_code, answer.json()["param"]) == (422, "status")


@pytest.mark.parametrize("hours", [-1, 169, "24", 1.5])
async def test_an_overlap_is_at_most_a_week(api, make, hours):
    path = f"/v1/webhook_endpoints/{(await make())['id']}/rotate_secret"
    answer = await api.operator.post(path, json={"overlap_hours": hours})
    assert (answer.status_code, answer.json()["param"]) == (422, "overlap_hours")


async def test_there_are_at_most_sixteen(api, make):
    made = [await make() for _ in range(16)]
    answer = await api.operator.post("/v1/webhook_endpoints", json={"url": URL})
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_webhook_endpoints")
    assert answer.json()["maximum"] == 16
    await api.operator.delete(f"/v1/webhook_endpoints/{made[0]['id']}")
    await make()


async def test_endpoints_are_listed_newest_first_by_status(api, make):
    first, second = await make(), await make()
    await api.operator.patch(f"/v1/webhook_endpoints/{first['id']}", json={"status": "disabled"})
    listed = (await api.operator.get("/v1/webhook_endpoints")).json()
    assert [row["id"] for row in listed["data"]] == [second["id"], first["id"]]
    disabled = (await api.operator.get("/v1/webhook_endpoints", params={"status": "disabled"})).json()
    assert [row["id"] for row in disabled["data"]] == [first["id"]]


async def test_an_opened_network_may_be_named_by_plain_http(make_settings, clock):
    settings = make_settings(webhook_allow_private="127.0.0.0/8, ::1/128")
    async with serving(settings, clock) as api:
        for url in (
            "http://127.0.0.1:8080/hooks",
            "http://localhost:8080/",
            "http://[::1]:8080/",
            "http://hooks:8080/",
        ):
            assert (await api.operator.post("/v1/webhook_endpoints", json={"url": url})).status_code == 201
        answer = await api.operator.post("/v1/webhook_endpoints", json={"url": "http://10.0.0.1:8080/"})
        assert (answer.status_code, answer.json()["param"]) == (422, "url")
