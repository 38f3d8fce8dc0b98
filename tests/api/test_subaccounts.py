"""Subaccounts: their records and budgets, their credentials, and what each act on them leaves behind (F1-F5, F7)."""

import asyncio
import base64
import re

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from rules.access import SCOPES
from store.seals import Seal
from tests.api.client import Account, serving

OTHER_KEY = base64.b64encode(b"o" * 32).decode()


def url_of(account, *parts):
    return "/".join([f"/v1/accounts/{account.id}/subaccounts", *parts])


@pytest.fixture
async def account(api):
    """An account in New York."""
    return await api.open_account(timezone="America/New_York")


@pytest.fixture
async def own(api, account):
    """The account's own client."""
    return api.client(account=account)


async def make(client, account, **fields):
    answer = await client.post(url_of(account), json={"name": "Field office"} | fields)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def identifies(api, account, subaccount):
    """Whether the credentials are valid: they are then known, and forbidden here, else unknown."""
    answer = await api.client(account=subaccount).get(f"/v1/accounts/{account.id}/balance")
    assert answer.status_code in {401, 403}, answer.text
    return answer.status_code == 403


async def audited(api, action):
    found = (await api.operator.get("/v1/audit", params={"kind": action})).json()["data"]
    return [(entry["actor"]["kind"], entry["account"], entry["object_id"]) for entry in found]


# records


async def test_one_is_made_with_a_name_alone_and_may_not_spend_yet(api, account, own):
    made = await make(own, account)
    assert re.fullmatch(r"SA[A-Z0-9]{18}", made["auth_id"])
    assert re.fullmatch(r"[A-Za-z0-9]{43}", made.pop("auth_token"))
    assert made.pop("auth_id") == made["id"]
    assert made.pop("created_at").startswith("2026-11-24T15:00:00")
    assert made == {
        "id": made["id"],
        "account": account.id,
        "name": "Field office",
        "enabled": False,
        "status": "disabled",
        "currency": "usd",
        "monthly_budget": None,
        "budget_spent": None,
        "budget_month": None,
        "sender_ids": None,
        "metadata": {},
        "modified_at": None,
        "deleted_at": None,
        "livemode": False,
    }
    shown = (await own.get(url_of(account, made["id"]))).json()
    assert shown.pop("created_at").startswith("2026-11-24T15:00:00")
    assert shown == made


async def test_one_is_made_with_everything(api, account):
    fields = {
        "name": "Zürich · 電話",
        "enabled": True,
        "monthly_budget": "0.000001",
        "sender_ids": ["+41445550100", "4242424242424242"],  # a sender may look like a card number
        "metadata": {"plan": "gold"},
    }
    made = await make(api.operator, account, **fields)
    assert {name: made[name] for name in fields} == fields
    assert (made["status"], made["budget_spent"], made["budget_month"]) == ("enabled", "0.00", "2026-11-01")


async def test_what_is_sent_is_changed_and_the_rest_stays(api, account, own):
    made = await make(own, account, monthly_budget="5.00", sender_ids=["A"], metadata={"a": "1", "b": "2"})
    url = url_of(account, made["id"])
    changed = (await own.patch(url, json={"name": "Head office", "metadata": {"a": None, "c": "3"}})).json()
    assert (changed["name"], changed["metadata"]) == ("Head office", {"b": "2", "c": "3"})
    assert (changed["enabled"], changed["monthly_budget"], changed["sender_ids"]) == (False, "5.00", ["A"])
    assert changed["modified_at"] > changed["created_at"]
    changed = (await own.patch(url, json={"enabled": True, "monthly_budget": "0", "sender_ids": []})).json()
    assert (changed["status"], changed["monthly_budget"], changed["sender_ids"]) == ("enabled", "0.00", [])
    nothing = {"monthly_budget": None, "sender_ids": None, "metadata": None}
    changed = (await own.patch(url, json=nothing)).json()
    assert {name: changed[name] for name in nothing} == nothing | {"metadata": {}}
    assert (changed["name"], changed["enabled"]) == ("Head office", True)
    assert (await own.get(url)).json() == changed


async def test_two_may_have_one_name(account, own):
    assert (await make(own, account))["id"] != (await make(own, account))["id"]


async def test_a_deleted_one_stays_as_a_record(api, account, own):
    kept, gone = await make(own, account), await make(own, account, enabled=True, monthly_budget="5.00")
    deleted = await own.delete(url_of(account, gone["id"]))
    assert deleted.status_code == 200
    shown = deleted.json()
    assert (shown["status"], shown["enabled"], shown["monthly_budget"]) == ("deleted", False, "5.00")
    assert shown["deleted_at"] > shown["created_at"]
    assert (await own.get(url_of(account, gone["id"]))).json() == shown
    assert not await identifies(api, account, Account(gone["id"], gone["auth_token"]))
    again = await own.delete(url_of(account, gone["id"]))
    assert (again.status_code, again.json()) == (200, shown)

    async def listed(**query):
        return [row["id"] for row in (await own.get(url_of(account), params=query)).json()["data"]]

    assert await listed() == [kept["id"]]
    assert await listed(status="deleted") == [gone["id"]]
    assert await listed(status="disabled") == [kept["id"]]
    assert await listed(status="enabled") == []
    await own.patch(url_of(account, kept["id"]), json={"enabled": True})
    assert await listed(status="enabled") == [kept["id"]]
    assert await listed(status="disabled") == []


ACTS_ON_ONE = [
    ("PATCH", "", {"name": "Eve"}),
    ("PATCH", "", {"enabled": True}),
    ("PATCH", "", {"monthly_budget": "1.00"}),
    ("PATCH", "", {}),
    ("POST", "rotate_token", None),
    ("PUT", "sender_ids", {"sender_ids": ["A"]}),
]


@pytest.mark.parametrize(("method", "part", "body"), [*ACTS_ON_ONE, ("GET", "credentials", None)])
async def test_a_deleted_one_takes_no_changes(account, own, method, part, body):
    made = await make(own, account)
    await own.delete(url_of(account, made["id"]))
    before = (await own.get(url_of(account, made["id"]))).json()
    url = url_of(account, made["id"], part).rstrip("/")
    answer = await own.request(method, url, json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "subaccount_deleted")
    assert (await own.get(url_of(account, made["id"]))).json() == before


@pytest.mark.parametrize(
    ("method", "part", "body"), [*ACTS_ON_ONE, ("DELETE", "", None), ("POST", None, {"name": "Eve"})]
)
async def test_a_closed_account_takes_no_changes(api, account, own, method, part, body):
    made = await make(own, account)
    async with api.context.database.transaction() as session:
        await session.execute(text("UPDATE account SET status = 'closed' WHERE id = :id"), {"id": account.id})
    url = url_of(account) if part is None else url_of(account, made["id"], part).rstrip("/")
    answer = await api.operator.request(method, url, json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "account_closed")
    main = await api.operator.put(f"/v1/accounts/{account.id}/sender_ids", json={"sender_ids": None})
    assert (main.status_code, main.json()["code"]) == (409, "account_closed")
    listed = (await api.operator.get(url_of(account))).json()["data"]
    assert [(row["name"], row["modified_at"]) for row in listed] == [("Field office", None)]


async def test_forty_five_are_paged_newest_first(api, account, own):
    ids = [(await make(own, account, name=f"No. {number}"))["id"] for number in range(45)]
    await make(api.operator, await api.open_account())  # another's, which is never in the list
    found, pages, query = [], [], {"limit": 20}
    while True:
        page = (await own.get(url_of(account), params=query)).json()
        pages.append((len(page["data"]), page["has_more"]))
        found += [row["id"] for row in page["data"]]
        if not page["has_more"]:
            break
        query["starting_after"] = found[-1]
    assert pages == [(20, True), (20, True), (5, False)]
    assert found == ids[::-1]
    back = (await own.get(url_of(account), params={"limit": 20, "ending_before": found[20]})).json()
    assert ([row["id"] for row in back["data"]], back["has_more"]) == (found[:20], False)


# bad input

TOO_MANY = [f"S{number}" for number in range(1001)]
BAD_FIELDS = [
    ({"name": ""}, "name", "invalid_field"),
    ({"name": "  "}, "name", "invalid_field"),
    ({"name": "x" * 101}, "name", "invalid_field"),
    ({"name": "two\nlines"}, "name", "invalid_field"),
    ({"name": None}, "name", "invalid_field"),
    ({"name": 7}, "name", "invalid_field"),
    ({"name": "4242 4242 4242 4242"}, "name", "raw_number_refused"),
    ({"enabled": "true"}, "enabled", "invalid_field"),
    ({"enabled": None}, "enabled", "invalid_field"),
    ({"monthly_budget": "1.0000001"}, "monthly_budget", "amount_invalid"),
    ({"monthly_budget": "-1.00"}, "monthly_budget", "amount_invalid"),
    ({"monthly_budget": "-0"}, "monthly_budget", "amount_invalid"),
    ({"monthly_budget": 5}, "monthly_budget", "amount_invalid"),
    ({"monthly_budget": ""}, "monthly_budget", "amount_invalid"),
    ({"monthly_budget": "1000000000000"}, "monthly_budget", "amount_invalid"),
    ({"sender_ids": "A"}, "sender_ids", "invalid_field"),
    ({"sender_ids": ["A", "B", "A"]}, "sender_ids", "invalid_field"),
    ({"sender_ids": TOO_MANY}, "sender_ids", "invalid_field"),
    ({"sender_ids": [""]}, "sender_ids[0]", "invalid_field"),
    ({"sender_ids": ["A", "x" * 65]}, "sender_ids[1]", "invalid_field"),
    ({"sender_ids": ["A\u2028B"]}, "sender_ids[0]", "invalid_field"),
    ({"sender_ids": [None]}, "sender_ids[0]", "invalid_field"),
    ({"metadata": {str(number): "x" for number in range(51)}}, "metadata", "invalid_field"),
    ({"auth_id": "SA000000000000000000"}, "auth_id", "invalid_field"),
    ({"auth_token": "mine"}, "auth_token", "invalid_field"),
    ({"budget_spent": "0.00"}, "budget_spent", "invalid_field"),
]


@pytest.mark.parametrize(("fields", "param", "code"), BAD_FIELDS)
async def test_what_breaks_a_rule_is_refused_and_changes_nothing(api, account, own, fields, param, code):
    made = await make(own, account)
    before = (await own.get(url_of(account))).json()
    for answer in (
        await own.post(url_of(account), json={"name": "Eve"} | fields),
        await own.patch(url_of(account, made["id"]), json=fields),
    ):
        assert (answer.status_code, answer.json()["code"], answer.json()["param"]) == (422, code, param)
    assert (await own.get(url_of(account))).json() == before


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "sender_ids"),
        ({"sender_ids": "A"}, "sender_ids"),
        ({"sender_ids": ["A", "A"]}, "sender_ids"),
        ({"sender_ids": TOO_MANY}, "sender_ids"),
        ({"sender_ids": ["x" * 65]}, "sender_ids[0]"),
        ({"sender_ids": None, "more": 1}, "more"),
    ],
)
async def test_a_list_of_senders_has_rules(account, own, body, param):
    made = await make(own, account)
    for url in (f"/v1/accounts/{account.id}/sender_ids", url_of(account, made["id"], "sender_ids")):
        answer = await own.put(url, json=body)
        assert (answer.status_code, answer.json()["param"]) == (422, param)


async def test_the_most_that_a_list_takes(account, own):
    longest = ["x" * 64, *TOO_MANY[:999]]
    made = await make(own, account, name="x" * 100, sender_ids=longest, monthly_budget="999999999999.999999")
    assert made["sender_ids"] == longest
    assert made["monthly_budget"] == "999999999999.999999"


@pytest.mark.parametrize("days", [-1, 8, 1.5, "1", True, None])
async def test_the_overlap_is_zero_to_seven_whole_days(account, own, days):
    made = await make(own, account)
    answer = await own.post(url_of(account, made["id"], "rotate_token"), json={"overlap_days": days})
    assert (answer.status_code, answer.json()["param"]) == (422, "overlap_days")


# credentials


async def rotate(client, account, subaccount, **body):
    answer = await client.post(url_of(account, subaccount.id, "rotate_token"), json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["auth_id"] == subaccount.id
    return Account(subaccount.id, answer.json()["auth_token"]), answer.json()["previous_token_valid_until"]


async def test_old_and_new_token_are_valid_for_a_day(api, account, own):
    old = await api.subaccount(account)
    new, until = await rotate(own, account, old)
    assert until.startswith("2026-11-25T15:00:00.0")
    api.clock.advance(hours=23, minutes=59)
    assert [await identifies(api, account, each) for each in (old, new)] == [True, True]
    api.clock.advance(minutes=1)
    assert [await identifies(api, account, each) for each in (old, new)] == [False, True]


async def test_at_most_two_tokens_are_valid_and_the_oldest_dies_at_once(api, account, own):
    first = await api.subaccount(account)
    second, _ = await rotate(own, account, first, overlap_days=7)
    third, until = await rotate(own, account, second, overlap_days=7)
    assert until.startswith("2026-12-01T15:00:00")
    assert [await identifies(api, account, each) for each in (first, second, third)] == [False, True, True]
    last, until = await rotate(own, account, third, overlap_days=0)
    assert until is None
    assert [await identifies(api, account, each) for each in (second, third, last)] == [False, False, True]


async def test_rotations_at_once_leave_two_valid_tokens(api, account, own):
    subaccount = await api.subaccount(account)
    made = [new for new, _ in await asyncio.gather(*(rotate(own, account, subaccount) for _ in range(8)))]
    assert not await identifies(api, account, subaccount)
    assert sum([await identifies(api, account, each) for each in made]) == 2


async def test_a_disabled_one_is_known_by_its_credentials(api, account):
    assert await identifies(api, account, await api.subaccount(account, enabled=False))


async def test_a_token_is_that_of_one_subaccount(api, account):
    first, second = await api.subaccount(account), await api.subaccount(account)
    assert not await identifies(api, account, Account(first.id, second.token))
    assert not await identifies(api, account, Account(first.id, account.token))
    assert not await identifies(api, account, Account(first.id, ""))
    assert (await api.client(account=Account(account.id, first.token)).get(url_of(account))).status_code == 401


async def test_the_main_account_alone_finds_a_subaccounts_credentials(api, account, own):
    subaccount = await api.subaccount(account)
    url = url_of(account, subaccount.id, "credentials")
    opened = await own.get(url)
    assert opened.json() == {"auth_id": subaccount.id, "auth_token": subaccount.token, "livemode": False}
    assert opened.headers["Cache-Control"] == "no-store"
    for scope in SCOPES:
        assert (await api.client(key=await api.operator_key(scope)).get(url)).status_code == 403
    assert (await api.client(account=subaccount).get(url)).status_code == 403
    assert (await api.client(account=await api.open_account()).get(url)).status_code == 404
    assert await audited(api, "subaccount.credentials_opened") == [("account", account.id, subaccount.id)]
    new, _ = await rotate(own, account, subaccount)
    assert (await own.get(url)).json()["auth_token"] == new.token
    assert len(await audited(api, "subaccount.credentials_opened")) == 2


async def test_no_other_answer_shows_a_token(api, account, own):
    subaccount = await api.subaccount(account)
    url = url_of(account, subaccount.id)
    for answer in (
        await own.get(url),
        await own.get(url_of(account)),
        await own.patch(url, json={"name": "Eve"}),
        await own.put(f"{url}/sender_ids", json={"sender_ids": []}),
        await own.delete(url),
        await api.operator.get("/v1/audit"),
    ):
        assert answer.status_code == 200
        assert "auth_token" not in answer.text
        assert subaccount.token not in answer.text


async def test_a_token_sealed_under_a_lost_key_is_rotated(api, account, own, make_settings):
    subaccount = await api.subaccount(account)
    async with serving(make_settings(seal_key=SecretStr(OTHER_KEY)), api.clock) as other:
        client, url = other.client(account=account), url_of(account, subaccount.id, "credentials")
        refused = await client.get(url)
        assert (refused.status_code, refused.json()["code"]) == (409, "credentials_unreadable")
        assert await audited(api, "subaccount.credentials_opened") == []
        assert await identifies(other, account, subaccount), "the token itself is as good as before"
        new, _ = await rotate(client, account, subaccount)
        assert (await client.get(url)).json()["auth_token"] == new.token


async def test_a_sealed_copy_opens_in_its_own_record_alone(api, account, own):
    first, second = await api.subaccount(account), await api.subaccount(account)
    async with api.context.database.transaction() as session:
        await session.execute(
            text(
                "UPDATE subaccount_token SET sealed ="
                " (SELECT sealed FROM subaccount_token WHERE subaccount_id = :second) WHERE subaccount_id = :first"
            ),
            {"first": first.id, "second": second.id},
        )
    answer = await own.get(url_of(account, first.id, "credentials"))
    assert answer.status_code == 409
    assert second.token not in answer.text


async def test_a_dump_of_the_database_holds_no_usable_token(api, postgres, database, account, own):
    subaccount = await api.subaccount(account)
    new, _ = await rotate(own, account, subaccount)
    main = (await own.post(f"/v1/accounts/{account.id}/rotate_token")).json()["auth_token"]
    key = await api.operator_key("admin")
    await own.get(url_of(account, subaccount.id, "credentials"))
    pg_dump = postgres.server.quarters.programs / "pg_dump"
    process = await asyncio.create_subprocess_exec(
        pg_dump, "--inserts", database.owner_url, stdout=asyncio.subprocess.PIPE
    )
    dump, _ = await process.communicate()
    assert process.returncode == 0
    for owner in (account.id, subaccount.id):
        assert owner.encode() in dump, "the dump is one of this database"
    for token in (account.token, main, subaccount.token, new.token, key):
        raw = token.encode()
        for form in (
            raw,
            raw[::-1],
            base64.b64encode(raw).rstrip(b"="),
            raw.hex().encode(),
            raw.hex().upper().encode(),
        ):
            assert form not in dump
    words = set(re.findall(rb"[A-Za-z0-9+/=]{43,}", dump))
    assert len(words) >= 5  # digests and seals, at least
    for word in words:
        for owner in (account.id, subaccount.id):
            found = await api.client(account=Account(owner, word.decode())).get(url_of(account))
            assert found.status_code == 401
        assert (await api.client(key=f"op_{word.decode()}").get("/v1/accounts")).status_code == 401
    seals = [bytes.fromhex(word.decode()) for word in re.findall(rb"\\x([0-9a-f]{40,})", dump)]
    assert len(seals) == 2
    assert {Seal.open(api.context.seals, seal, account.id, subaccount.id, "auth_token") for seal in seals} == {
        subaccount.token,
        new.token,
    }


# the audit log


async def test_acts_on_credentials_are_audited_whoever_does_them(api, account, own):
    for kind, client in (("account", own), ("operator", api.operator)):
        made = await make(client, account)
        await rotate(client, account, Account(made["id"], made["auth_token"]))
        await client.delete(url_of(account, made["id"]))
        await client.delete(url_of(account, made["id"]))  # again: nothing is done, nothing is written
        for action in ("created", "token_rotated", "deleted"):
            assert (kind, account.id, made["id"]) in await audited(api, f"subaccount.{action}")
    for action in ("created", "token_rotated", "deleted"):
        assert len(await audited(api, f"subaccount.{action}")) == 2


async def test_what_operators_change_is_audited(api, account, own):
    made = await make(own, account)
    for client in (own, api.operator):
        await client.patch(url_of(account, made["id"]), json={"enabled": True, "monthly_budget": "5.00"})
        await client.put(url_of(account, made["id"], "sender_ids"), json={"sender_ids": []})
        await client.put(f"/v1/accounts/{account.id}/sender_ids", json={"sender_ids": []})
    (entry,) = (await api.operator.get("/v1/audit", params={"kind": "subaccount.changed"})).json()["data"]
    assert (entry["object_id"], entry["details"]) == (made["id"], {"fields": ["enabled", "monthly_budget"]})
    assert await audited(api, "subaccount.sender_ids_set") == [("operator", account.id, made["id"])]
    assert await audited(api, "account.sender_ids_set") == [("operator", account.id, None)]


# whatever decides about spending moves the epoch


async def epoch(api, account):
    async with api.context.database.transaction() as session:
        found = await session.scalars(
            text("SELECT epoch FROM ledger_balance WHERE account_id = :id"), {"id": account.id}
        )
        return found.one()


MOVING = {
    "made": ("POST", "subaccounts", {"name": "Eve"}),
    "enabled": ("PATCH", "subaccounts/{id}", {"enabled": True}),
    "disabled": ("PATCH", "subaccounts/{id}", {"enabled": False}),
    "budget set": ("PATCH", "subaccounts/{id}", {"monthly_budget": "5.00"}),
    "budget removed": ("PATCH", "subaccounts/{id}", {"monthly_budget": None}),
    "senders changed": ("PATCH", "subaccounts/{id}", {"sender_ids": ["A"]}),
    "senders put": ("PUT", "subaccounts/{id}/sender_ids", {"sender_ids": []}),
    "token rotated": ("POST", "subaccounts/{id}/rotate_token", None),
    "deleted": ("DELETE", "subaccounts/{id}", None),
    "the account's senders": ("PUT", "sender_ids", {"sender_ids": ["A"]}),
    "the account's token": ("POST", "rotate_token", None),
    "suspended": ("PATCH", "", {"status": "suspended", "reason": "fraud"}),
    "another time zone": ("PATCH", "", {"timezone": "Asia/Tokyo"}),
}


@pytest.mark.parametrize("act", MOVING)
async def test_each_act_moves_the_epoch_of_its_account_alone(api, account, act):
    method, path, body = MOVING[act]
    made = await make(api.operator, account, monthly_budget="1.00")
    other = await api.open_account()
    before, others = await epoch(api, account), await epoch(api, other)
    url = f"/v1/accounts/{account.id}/{path}".format(id=made["id"]).rstrip("/")
    answer = await api.operator.request(method, url, json=body)
    assert answer.status_code in {200, 201}, answer.text
    assert await epoch(api, account) > before
    assert await epoch(api, other) == others


async def test_what_is_only_read_or_refused_leaves_the_epoch(api, account, own):
    made = await make(own, account)
    before = await epoch(api, account)
    await own.get(url_of(account, made["id"], "credentials"))
    await own.get(url_of(account))
    assert (await own.patch(url_of(account, made["id"]), json={"name": ""})).status_code == 422
    assert (await own.patch(f"/v1/accounts/{account.id}", json={"city": "Albany"})).status_code == 200
    assert await epoch(api, account) == before


async def test_an_account_keeps_since_when_its_status_is_what_it_is(api, account):
    async def changed_at():
        async with api.context.database.transaction() as session:
            found = await session.scalars(
                text("SELECT status_changed_at FROM account WHERE id = :id"), {"id": account.id}
            )
            return found.one()

    async def patch(**body):
        assert (await api.operator.patch(f"/v1/accounts/{account.id}", json=body)).status_code == 200

    assert await changed_at() is None
    await patch(status="suspended", reason="fraud")
    suspended_at = await changed_at()
    assert suspended_at is not None
    await patch(status="suspended", reason="fraud, proved")
    await patch(city="Albany")
    assert await changed_at() == suspended_at
    await patch(status="active", reason="cleared")
    assert await changed_at() > suspended_at


async def test_an_account_shows_its_list_of_senders(account, own):
    url = f"/v1/accounts/{account.id}"
    assert (await own.get(url)).json()["sender_ids"] is None
    for senders in (["+14155550100", "Prepay"], [], None):
        answer = await own.put(f"{url}/sender_ids", json={"sender_ids": senders})
        assert (answer.status_code, answer.json()["sender_ids"]) == (200, senders)
        assert (await own.get(url)).json() == answer.json()
