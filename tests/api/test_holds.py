"""Holds (requirement H6): money is reserved, ended once, and never spent by two callers."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

import ledger
from rules.money import Money
from rules.problems import Problem
from store import hold_expiry, holds
from tests.api.client import serving


@pytest.fixture
async def account(api):
    """An account with 10.00 to spend."""
    made = await api.open_account()
    await api.adjust(made, "10.00")
    return made


def url(account, *parts):
    return "/".join((f"/v1/accounts/{account.id}/holds", *parts))


async def reserve(client, account, amount="1.00", reference="call-1", **fields):
    body = {"amount": amount, "reference": reference, "expires_in": 60} | fields
    return await client.post(url(account), json=body)


async def reserved(client, account, *args, **fields):
    answer = await reserve(client, account, *args, **fields)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def capture(client, account, hold, **body):
    return await client.post(url(account, hold["id"], "capture"), json=body)


async def release(client, account, hold):
    return await client.post(url(account, hold["id"], "release"))


async def balance(api, account):
    shown = (await api.operator.get(f"/v1/accounts/{account.id}/balance")).json()
    return shown["available"], shown["held"], shown["posted"]


def refused(answer, status, code, param=None):
    assert (answer.status_code, answer.json()["code"], answer.json()["param"]) == (status, code, param), answer.text
    return answer.json()


async def proved(api):
    """The books are right, and each account holds what its open holds keep."""
    async with api.context.database.transaction() as session:
        assert list(await ledger.verify(session)) == []
        wrong = await session.execute(
            text(
                "SELECT b.account_id, b.held, h.kept FROM ledger_balance b CROSS JOIN LATERAL ("
                " SELECT coalesce(sum(amount_micros), 0) AS kept FROM hold"
                " WHERE account_id = b.account_id AND status = 'open') h WHERE b.held <> h.kept"
            )
        )
        assert wrong.all() == []


async def sql(api, statement, **values):
    async with api.context.database.transaction() as session:
        return await session.execute(text(statement), values)


def moment(shown):
    return datetime.fromisoformat(shown)


# Reserve


async def test_a_hold_is_out_of_available_and_still_posted(api, account):
    made = await reserved(api.operator, account, "2.5", description="a call", sender_id="+15550100", expires_in=86400)
    assert made["id"].startswith("hold_")
    assert moment(made["expires_at"]) - moment(made["created_at"]) == timedelta(days=1)
    del made["id"], made["expires_at"], made["created_at"]
    assert made == {
        "account": account.id, "subaccount": None, "reference": "call-1", "amount": "2.50", "currency": "usd",
        "status": "open", "amount_captured": "0.00", "settled": False, "sender_id": "+15550100",
        "description": "a call", "ended_at": None, "livemode": False,
    }  # fmt: skip
    assert await balance(api, account) == ("7.50", "2.50", "10.00")
    await proved(api)


async def test_the_same_reference_and_content_is_the_same_hold(api, account):
    content = {"description": "a call", "sender_id": "+15550100"}
    first = await reserve(api.operator, account, "10.00", **content)
    again = await reserve(api.client(account=account), account, "10.00", **content)
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert await balance(api, account) == ("0.00", "10.00", "10.00")


async def test_a_replay_answers_what_has_become_of_the_hold_whatever_has_become_of_the_account(api, account):
    made = await reserved(api.operator, account, "10.00")
    await capture(api.operator, account, made, amount="4.00")
    await api.operator.patch(f"/v1/accounts/{account.id}", json={"status": "suspended", "reason": "why"})
    again = await reserve(api.operator, account, "10.00")
    assert again.status_code == 201
    assert (again.json()["id"], again.json()["status"], again.json()["amount_captured"]) == (
        made["id"], "captured", "4.00",
    )  # fmt: skip


@pytest.mark.parametrize(
    "other",
    [
        {"amount": "1.000001"},
        {"expires_in": 61},
        {"description": "another"},
        {"description": None},
        {"sender_id": "+15550101"},
        {"subaccount": "its own"},
    ],
    ids=str,
)
async def test_the_same_reference_with_other_content_is_refused(api, account, other):
    if "subaccount" in other:
        other = {"subaccount": (await api.subaccount(account)).id}
    content = {"description": "a call", "sender_id": "+15550100"}
    await reserved(api.operator, account, **content)
    answer = await reserve(api.operator, account, **{"amount": "1.00"} | content | other)
    body = refused(answer, 422, "reference_reused", "reference")
    assert body["transaction"].startswith("txn_")
    assert await balance(api, account) == ("9.00", "1.00", "10.00")


async def test_usage_and_holds_share_one_space_of_references(api, account):
    usage = f"/v1/accounts/{account.id}/usage"
    await reserved(api.operator, account, "1.00", "held")
    refused(
        await api.operator.post(usage, json={"amount": "1.00", "reference": "held"}),
        422,
        "reference_reused",
        "reference",
    )
    assert (await api.operator.post(usage, json={"amount": "1.00", "reference": "used"})).status_code == 201
    refused(await reserve(api.operator, account, "1.00", "used"), 422, "reference_reused", "reference")
    assert await balance(api, account) == ("8.00", "1.00", "9.00")


async def test_references_of_two_accounts_do_not_meet(api, account):
    other = await api.open_account()
    await api.adjust(other, "1.00")
    assert (await reserved(api.operator, account))["id"] != (await reserved(api.operator, other))["id"]


async def test_an_idempotency_key_is_ignored(api, account):
    for reference in ("a", "b"):
        body = {"amount": "1.00", "reference": reference, "expires_in": 60}
        answer = await api.operator.post(url(account), json=body, headers={"Idempotency-Key": "k" * 300})
        assert answer.status_code == 201
        assert "Idempotent-Replayed" not in answer.headers
    assert await balance(api, account) == ("8.00", "2.00", "10.00")


async def test_a_refusal_is_not_stored(api, account):
    body = refused(await reserve(api.operator, account, "10.000001"), 402, "balance_exhausted")
    assert body["available"] == "10.00"
    await api.adjust(account, "1.00")
    assert (await reserve(api.operator, account, "10.000001")).status_code == 201


async def test_what_is_refused_is_refused_for_the_first_reason_in_order(api):
    account = await api.open_account()
    subaccount = await api.subaccount(account, enabled=False, sender_ids=[], monthly_budget="0.00")
    mine = f"/v1/accounts/{account.id}/subaccounts/{subaccount.id}"
    fields = {"subaccount": subaccount.id, "sender_id": "+15550100"}
    await api.operator.patch(f"/v1/accounts/{account.id}", json={"status": "suspended", "reason": "why"})
    refused(await reserve(api.operator, account, **fields), 403, "account_suspended")
    await api.operator.patch(f"/v1/accounts/{account.id}", json={"status": "active", "reason": "why"})
    refused(await reserve(api.operator, account, **fields), 403, "subaccount_disabled")
    await api.operator.patch(mine, json={"enabled": True})
    refused(await reserve(api.operator, account, **fields), 403, "sender_not_allowed", "sender_id")
    await api.operator.put(f"{mine}/sender_ids", json={"sender_ids": ["+15550100"]})
    refused(await reserve(api.operator, account, **fields), 402, "budget_exhausted")
    await api.operator.patch(mine, json={"monthly_budget": "1.00"})
    refused(await reserve(api.operator, account, **fields), 402, "balance_exhausted")
    await api.adjust(account, "1.00")
    made = await reserved(api.operator, account, **fields)
    await api.operator.delete(mine)
    refused(await reserve(api.operator, account, reference="other", **fields), 409, "subaccount_deleted")
    assert (await reserve(api.operator, account, **fields)).json()["id"] == made["id"], "what is stored comes first"
    await sql(api, "UPDATE account SET status = 'closed' WHERE id = :id", id=account.id)
    refused(await reserve(api.operator, account, reference="other"), 409, "account_closed")


async def test_the_main_accounts_list_binds_its_own_holds_only(api, account):
    subaccount = await api.subaccount(account)
    await api.operator.put(f"/v1/accounts/{account.id}/sender_ids", json={"sender_ids": []})
    refused(await reserve(api.operator, account, sender_id="+15550100"), 403, "sender_not_allowed", "sender_id")
    assert (await reserve(api.operator, account)).status_code == 201
    mine = await reserve(api.operator, account, reference="b", sender_id="+15550100", subaccount=subaccount.id)
    assert mine.status_code == 201


async def test_an_unknown_subaccount_is_not_found(api, account):
    others = await api.subaccount(await api.open_account())
    for subaccount in ("SA000000000000000000", "nonsense", account.id, others.id):
        refused(await reserve(api.operator, account, subaccount=subaccount), 404, "not_found", "subaccount")
    assert await balance(api, account) == ("10.00", "0.00", "10.00")


WRONG = [
    ({"amount": amount}, "amount", "amount_invalid")
    for amount in ("0", "0.00", "-1", "+1", "1e2", " 1", "1,0", "0.0000001", "", "1000000000000000", 1, 1.5, None, True)
] + [
    *(({"reference": value}, "reference", "invalid_field") for value in ("", " ", "x" * 256, "a\nb", 7, None)),
    *(({"expires_in": value}, "expires_in", "invalid_field") for value in (0, -1, 86401, 1.5, "60", True, None)),
    *(({"subaccount": value}, "subaccount", "invalid_field") for value in ("x" * 21, 5)),
    *(({"sender_id": value}, "sender_id", "invalid_field") for value in ("", "x" * 256, 5)),
    *(({"description": value}, "description", "invalid_field") for value in ("", "x" * 201, "a\nb")),
    ({"currency": "eur"}, "currency", "currency_not_supported"),
    ({"kind": "usage"}, "kind", "invalid_field"),
    ({"settled": True}, "settled", "invalid_field"),
    ({"metadata": {}}, "metadata", "invalid_field"),
]


@pytest.mark.parametrize(("fields", "param", "code"), WRONG, ids=str)
async def test_bad_input_is_refused(shared_api, fields, param, code):
    account = await shared_api.open_account()
    body = {"amount": "1.00", "reference": "call-1", "expires_in": 60} | fields
    refused(await shared_api.operator.post(url(account), json=body), 422, code, param)


@pytest.mark.parametrize("missing", ["amount", "reference", "expires_in"])
async def test_what_is_missing_is_named(shared_api, missing):
    account = await shared_api.open_account()
    body = {"amount": "1.00", "reference": "call-1", "expires_in": 60}
    del body[missing]
    refused(await shared_api.operator.post(url(account), json=body), 422, "invalid_field", missing)


async def test_the_smallest_and_the_longest(api, account):
    reference = "\u00e9" * 255
    made = await reserved(api.operator, account, "0.000001", reference, expires_in=1, description="d" * 200)
    assert (made["amount"], made["reference"]) == ("0.000001", reference)
    assert moment(made["expires_at"]) - moment(made["created_at"]) == timedelta(seconds=1)


async def test_holds_at_once_never_reserve_the_same_money(api, account):
    answers = await asyncio.gather(*(reserve(api.operator, account, "1.00", f"call-{n}") for n in range(64)))
    assert Counter(answer.status_code for answer in answers) == {201: 10, 402: 54}
    assert await balance(api, account) == ("0.00", "10.00", "10.00")
    await proved(api)


async def test_the_last_money_goes_to_one_of_two_processes(api, account, make_settings):
    await reserved(api.operator, account, "9.99", "before")
    async with serving(make_settings(), api.clock) as other:
        usage = f"/v1/accounts/{account.id}/usage"
        answers = await asyncio.gather(
            *(reserve((api, other)[n % 2].operator, account, "0.01", f"h-{n}") for n in range(16)),
            *(
                (api, other)[n % 2].operator.post(usage, json={"amount": "0.01", "reference": f"u-{n}"})
                for n in range(16)
            ),
        )
    assert Counter(answer.status_code for answer in answers) == {201: 1, 402: 31}
    assert (await balance(api, account))[0] == "0.00"
    await proved(api)


async def test_one_reference_at_once_is_one_hold(api, account):
    answers = await asyncio.gather(*(reserve(api.operator, account) for _ in range(64)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert Counter("Idempotent-Replayed" in answer.headers for answer in answers) == {False: 1, True: 63}
    assert await balance(api, account) == ("9.00", "1.00", "10.00")


# Capture and release


async def test_a_capture_charges_the_whole_hold(api, account):
    made = await reserved(api.operator, account, "2.00", description="a call")
    answer = await api.operator.post(url(account, made["id"], "capture"))
    assert answer.status_code == 200
    shown = answer.json()
    assert (shown["status"], shown["amount_captured"], shown["settled"]) == ("captured", "2.00", False)
    assert moment(shown["ended_at"]) > moment(shown["created_at"])
    assert shown == (await api.operator.get(url(account, made["id"]))).json()
    assert await balance(api, account) == ("8.00", "0.00", "8.00")
    rows = (
        await sql(
            api,
            "SELECT kind, amount, source, description FROM ledger_transfer WHERE kind = 50 AND account_id = :a",
            a=account.id,
        )
    ).all()
    assert rows == [(50, 2_000_000, made["id"], "a call")]
    await proved(api)


async def test_a_capture_of_a_part_frees_the_rest(api, account):
    made = await reserved(api.operator, account, "2.00")
    shown = (await capture(api.operator, account, made, amount="0.000001")).json()
    assert (shown["amount"], shown["amount_captured"]) == ("2.00", "0.000001")
    assert await balance(api, account) == ("9.999999", "0.00", "9.999999")
    await proved(api)


async def test_more_than_is_held_is_captured_only_as_settled_usage(api, account):
    made = await reserved(api.operator, account, "2.00")
    body = refused(await capture(api.operator, account, made, amount="2.000001"), 422, "capture_above_hold", "amount")
    assert body["held"] == "2.00"
    assert await balance(api, account) == ("8.00", "2.00", "10.00")
    shown = (await capture(api.operator, account, made, amount="13.00", settled=True)).json()
    assert (shown["status"], shown["amount_captured"], shown["settled"]) == ("captured", "13.00", True)
    assert await balance(api, account) == ("-3.00", "0.00", "-3.00")
    await proved(api)


async def test_settled_is_for_operators(api, account):
    subaccount = await api.subaccount(account)
    made = await reserved(api.operator, account, subaccount=subaccount.id)
    for client in (api.client(account=account), api.client(account=subaccount)):
        refused(await capture(client, account, made, settled=True), 403, "forbidden", "settled")
    assert (await capture(api.client(account=subaccount), account, made, settled=False)).status_code == 200


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ({"amount": "0"}, "amount", "amount_invalid"),
        ({"amount": "-1"}, "amount", "amount_invalid"),
        ({"amount": "0.0000001"}, "amount", "amount_invalid"),
        ({"amount": 1}, "amount", "amount_invalid"),
        ({"amount": "1000000000.01", "settled": True}, "amount", "amount_too_large"),
        ({"settled": "yes"}, "settled", "invalid_field"),
        ({"settled": None}, "settled", "invalid_field"),
        ({"reference": "x"}, "reference", "invalid_field"),
    ],
    ids=str,
)
async def test_bad_captures_are_refused_and_leave_the_hold(api, account, body, param, code):
    made = await reserved(api.operator, account)
    refused(await capture(api.operator, account, made, **body), 422, code, param)
    assert (await api.operator.get(url(account, made["id"]))).json()["status"] == "open"


async def test_a_release_takes_no_fields(api, account):
    made = await reserved(api.operator, account)
    answer = await api.operator.post(url(account, made["id"], "release"), json={"amount": "1.00"})
    refused(answer, 422, "invalid_field", "amount")


async def test_a_release_frees_everything_and_again_is_the_same(api, account):
    made = await reserved(api.operator, account, "2.00")
    first = await release(api.operator, account, made)
    assert (first.json()["status"], first.json()["amount_captured"]) == ("released", "0.00")
    again = await release(api.operator, account, made)
    assert (again.status_code, again.json()) == (200, first.json())
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert await balance(api, account) == ("10.00", "0.00", "10.00")
    await proved(api)


async def test_the_same_capture_again_is_answered_again(api, account):
    made = await reserved(api.operator, account, "2.00")
    first = await capture(api.operator, account, made)
    again = await capture(api.operator, account, made, amount="2.00")
    assert (again.status_code, again.json()) == (200, first.json())
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert await balance(api, account) == ("8.00", "0.00", "8.00")


@pytest.mark.parametrize(
    "other", [{}, {"amount": "0.50"}, {"amount": "1.01"}, {"amount": "1.00", "settled": True}], ids=str
)
async def test_another_capture_than_the_first_is_told_how_the_hold_ended(api, account, other):
    made = await reserved(api.operator, account, "2.00")
    first = (await capture(api.operator, account, made, amount="1.00")).json()
    body = refused(await capture(api.operator, account, made, **other), 409, "hold_ended")
    assert body["status_now"] == "captured"
    assert moment(body["ended_at"]) == moment(first["ended_at"]).replace(microsecond=0)
    assert body["detail"] == f"The hold was captured for 1.00 at {body['ended_at']}."
    assert await balance(api, account) == ("9.00", "0.00", "9.00")


async def test_what_was_ended_one_way_is_not_ended_the_other(api, account):
    captured, released = [await reserved(api.operator, account, reference=one) for one in "ab"]
    await capture(api.operator, account, captured)
    await release(api.operator, account, released)
    body = refused(await release(api.operator, account, captured), 409, "hold_ended")
    assert body["status_now"] == "captured"
    body = refused(await capture(api.operator, account, released), 409, "hold_ended")
    assert (body["status_now"], body["detail"]) == ("released", f"The hold was released at {body['ended_at']}.")
    assert await balance(api, account) == ("9.00", "0.00", "9.00")


@pytest.mark.parametrize("end", ["suspend", "disable", "delete", "close"])
async def test_what_was_reserved_in_time_is_captured_whatever_came_since(api, account, end):
    subaccount = await api.subaccount(account)
    made = await reserved(api.operator, account, "2.00", subaccount=subaccount.id)
    mine = f"/v1/accounts/{account.id}/subaccounts/{subaccount.id}"
    match end:
        case "suspend":
            await api.operator.patch(f"/v1/accounts/{account.id}", json={"status": "suspended", "reason": "why"})
        case "disable":
            await api.operator.patch(mine, json={"enabled": False})
        case "delete":
            await api.operator.delete(mine)
        case _:
            await sql(api, "UPDATE account SET status = 'closed' WHERE id = :id", id=account.id)
    assert (await reserve(api.operator, account, "2.00", "more", subaccount=subaccount.id)).status_code in {403, 409}
    assert (await capture(api.operator, account, made, amount="1.50")).status_code == 200
    assert await balance(api, account) == ("8.50", "0.00", "8.50")


async def test_of_captures_and_releases_at_once_one_wins(api, account):
    made = [await reserved(api.operator, account, "1.00", f"call-{n}") for n in range(4)]
    asked = [
        one
        for hold in made
        for n in range(8)
        for one in (release(api.operator, account, hold), capture(api.operator, account, hold, amount=f"0.{n + 1}0"))
    ]
    answers = await asyncio.gather(*asked)
    assert {answer.status_code for answer in answers} == {200, 409}
    charged = 0
    for hold in made:
        mine = [answer for answer in answers if hold["id"] in str(answer.request.url)]
        first = [
            answer.json()
            for answer in mine
            if answer.status_code == 200 and "Idempotent-Replayed" not in answer.headers
        ]
        assert len(first) == 1, "one ends the hold"
        now = (await api.operator.get(url(account, hold["id"]))).json()
        assert now == first[0]
        assert all(answer.json() == now for answer in mine if answer.status_code == 200)
        charged += Money.parse(now["amount_captured"]).micros
    left = str(Money(10_000_000 - charged))
    assert await balance(api, account) == (left, "0.00", left)
    await proved(api)


# Expiry


async def test_a_hold_is_over_when_its_time_has_passed_though_nobody_swept(api, account):
    made = await reserved(api.operator, account, "2.00")
    api.clock.advance(seconds=60)
    shown = (await api.operator.get(url(account, made["id"]))).json()
    assert (shown["status"], shown["ended_at"]) == ("expired", made["expires_at"])
    for answer in (await capture(api.operator, account, made), await release(api.operator, account, made)):
        body = refused(answer, 409, "hold_ended")
        assert body["status_now"] == "expired"
        assert body["detail"] == f"The hold expired at {body['ended_at']}."
        assert moment(body["ended_at"]) == moment(made["expires_at"]).replace(microsecond=0)
    refused(await capture(api.operator, account, made, amount="3.00", settled=True), 409, "hold_ended")
    assert (await reserve(api.operator, account, "2.00")).json() == shown, "the same reference is still this hold"


async def test_expiry_is_to_the_microsecond(api, account):
    made = [await reserved(api.operator, account, reference=one) for one in "ab"]
    end = [moment(one["expires_at"]) for one in made]
    names = [{"account_id": account.id, "hold_id": one["id"]} for one in made]
    async with api.context.database.transaction() as session:
        soon = await holds.capture(
            session, **names[0], amount=None, settled=False, now=end[0] - timedelta(microseconds=1)
        )
        assert soon.hold.status == "captured"
        with pytest.raises(Problem) as late:
            await holds.capture(session, **names[1], amount=None, settled=False, now=end[1])
        assert late.value.code == "hold_ended"
        assert await hold_expiry.accounts_due(session, now=end[1] - timedelta(microseconds=1)) == []
        assert await hold_expiry.expire_due(session, account_id=account.id, now=end[1] - timedelta(microseconds=1)) == 0
        assert await hold_expiry.accounts_due(session, now=end[1]) == [account.id]
        assert await hold_expiry.expire_due(session, account_id=account.id, now=end[1]) == 1
        assert await hold_expiry.expire_due(session, account_id=account.id, now=end[1]) == 0


async def test_what_was_swept_looks_as_it_did_before(api, account):
    made = await reserved(api.operator, account, "2.00")
    api.clock.advance(minutes=5)
    before = (await api.operator.get(url(account, made["id"]))).json()
    async with api.context.database.transaction() as session:
        assert await hold_expiry.overdue(session, now=moment(made["expires_at"]) + timedelta(seconds=7)) == (1, 7)
        assert await hold_expiry.expire_due(session, account_id=account.id, now=api.clock.now()) == 1
        assert await hold_expiry.overdue(session, now=api.clock.now()) == (0, 0)
    assert (await api.operator.get(url(account, made["id"]))).json() == before
    assert await balance(api, account) == ("10.00", "0.00", "10.00")
    refused(await capture(api.operator, account, made), 409, "hold_ended")
    await proved(api)


async def test_expired_holds_keep_nobody_from_reserving_though_no_worker_runs(api, account):
    many = hold_expiry.BATCH * 2 + 5
    async with api.context.database.transaction() as session:
        for n in range(many):
            new = holds.NewHold(account_id=account.id, reference=f"old-{n}", amount=Money(40_000), expires_in=60)
            await holds.reserve(session, new, now=api.clock.now())
    assert (await balance(api, account))[0] == "1.80"
    refused(await reserve(api.operator, account, "10.00"), 402, "balance_exhausted")
    api.clock.advance(seconds=61)
    assert (await reserve(api.operator, account, "10.00")).status_code == 201
    assert await balance(api, account) == ("0.00", "10.00", "10.00")
    await proved(api)


async def test_what_a_refused_request_has_freed_stays_freed(api, account):
    await reserved(api.operator, account, "6.00", "old")
    api.clock.advance(seconds=61)
    body = refused(await reserve(api.operator, account, "10.01"), 402, "balance_exhausted")
    assert body["available"] == "10.00"
    assert await balance(api, account) == ("10.00", "0.00", "10.00")


async def test_usage_is_not_refused_for_the_sake_of_expired_holds(api, account):
    await reserved(api.operator, account, "10.00", "old")
    body = {"amount": "4.00", "reference": "call"}
    usage = f"/v1/accounts/{account.id}/usage"
    refused(await api.operator.post(usage, json=body), 402, "balance_exhausted")
    api.clock.advance(seconds=61)
    assert (await api.operator.post(usage, json=body)).status_code == 201
    assert await balance(api, account) == ("6.00", "0.00", "6.00")


async def test_a_batch_is_not_refused_for_the_sake_of_expired_holds(api, account):
    idle = await api.open_account()
    subaccount = await api.subaccount(account, monthly_budget="3.00")
    await reserved(api.operator, account, "3.00", "old", subaccount=subaccount.id)
    await reserved(api.operator, account, "7.00", "older")
    api.clock.advance(seconds=61)
    charges = [
        {"account": idle.id, "amount": "1.00", "reference": "none"},
        {"account": account.id, "amount": "3.00", "reference": "a", "subaccount": subaccount.id},
        {"account": account.id, "amount": "7.01", "reference": "b"},
        {"account": account.id, "amount": "7.00", "reference": "c"},
    ]
    answer = await api.operator.post("/v1/usage/batch", json={"charges": charges})
    found = [(one["reference"], one["status"], one["code"]) for one in answer.json()["results"]]
    assert found == [
        ("none", "refused", "balance_exhausted"),
        ("a", "posted", None),
        ("b", "refused", "balance_exhausted"),
        ("c", "posted", None),
    ]
    assert await balance(api, account) == ("0.00", "0.00", "0.00")
    await proved(api)


@pytest.mark.parametrize("overtaken", ["before it looks for expired holds", "while it looks"])
async def test_a_refusal_that_another_process_overtakes_is_decided_again(
    api, account, make_settings, monkeypatch, overtaken
):
    """The other frees the expired hold and posts the same charge: nothing is left to free, and nothing was refused."""
    await reserved(api.operator, account, "6.00", "old")
    api.clock.advance(seconds=61)
    path, body = f"/v1/accounts/{account.id}/usage", {"amount": "7.00", "reference": "call"}
    look, answers = api.context.funds.many, []
    async with serving(make_settings(), api.clock) as other:

        async def looked(keys):
            seen = None if overtaken.startswith("before") else await look(keys)
            if not answers:
                answers.append(await other.operator.post(path, json=body))
            return seen or await look(keys)

        monkeypatch.setattr(api.context.funds, "many", looked)
        answers.append(await api.operator.post(path, json=body))
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert "Idempotent-Replayed" in answers[1].headers


async def test_nothing_is_denied_for_the_sake_of_expired_holds(api, account):
    await reserved(api.operator, account, "10.00", "old")
    body = {"auth_id": account.id, "auth_token": account.token, "amount": "4.00"}
    assert (await api.operator.post("/v1/authorize", json=body)).json()["reason"] == "balance_exhausted"
    api.clock.advance(seconds=61)
    assert (await api.operator.post("/v1/authorize", json=body)).json()["allowed"]


@pytest.mark.parametrize("way", ["capture", "release"])
async def test_a_hold_that_expires_while_it_is_ended_is_ended_once(api, account, way):
    database = api.context.database

    async def end(hold, now):
        async with database.transaction() as session:
            if way == "capture":
                amount = Money(100_000)
                return await holds.capture(
                    session, account_id=account.id, hold_id=hold["id"], amount=amount, settled=False, now=now
                )
            return await holds.release(session, account_id=account.id, hold_id=hold["id"], now=now)

    async def expire(now):
        async with database.transaction() as session:
            return await hold_expiry.expire_due(session, account_id=account.id, now=now)

    charged = 0
    for round_ in range(25):
        hold = await reserved(api.operator, account, reference=f"call-{round_}")
        at = moment(hold["expires_at"])
        # Whoever ends it began before it expired; the sweeps began at that moment.
        ended, *freed = await asyncio.gather(
            end(hold, at - timedelta(milliseconds=1)), expire(at), expire(at), return_exceptions=True
        )
        expired = sum(freed)
        if isinstance(ended, Problem):
            assert (ended.code, expired) == ("hold_ended", 1)
        else:
            assert (ended.replayed, expired) == (False, 0)
            charged += ended.hold.captured_micros or 0
    left = str(Money(10_000_000 - charged))
    assert await balance(api, account) == (left, "0.00", left)
    await proved(api)


# Budgets


@pytest.fixture
async def budgeted(api, account):
    """A subaccount that may spend 1.00 a month."""
    return await api.subaccount(account, monthly_budget="1.00")


async def left_of(api, account, subaccount):
    """What is left of its budget, found out by reserving it."""
    found = await sql(
        api, "SELECT most - spent FROM ledger_budget WHERE account_id = :a AND subaccount_id = :s",
        a=account.id, s=subaccount.id,
    )  # fmt: skip
    left = found.scalar_one()
    api.clock.advance(seconds=1)
    more = str(Money(left + 1)) if left >= 0 else "0.01"
    refused(
        await reserve(api.operator, account, more, f"more {api.clock.time}", subaccount=subaccount.id),
        402,
        "budget_exhausted",
    )
    if left > 0:
        probe = await reserved(
            api.operator, account, str(Money(left)), f"all {api.clock.time}", subaccount=subaccount.id
        )
        await release(api.operator, account, probe)
    return str(Money(left))


async def test_a_hold_counts_in_the_budget_until_it_ends(api, account, budgeted):
    made = await reserved(api.operator, account, "0.80", subaccount=budgeted.id)
    assert await left_of(api, account, budgeted) == "0.20"
    await capture(api.operator, account, made, amount="0.30")
    assert await left_of(api, account, budgeted) == "0.70"
    await capture(api.operator, account, made, amount="0.30")
    assert await left_of(api, account, budgeted) == "0.70", "a replay gives nothing back"
    made = await reserved(api.operator, account, "0.70", "second", subaccount=budgeted.id)
    await release(api.operator, account, made)
    await release(api.operator, account, made)
    assert await left_of(api, account, budgeted) == "0.70"
    made = await reserved(api.operator, account, "0.70", "third", subaccount=budgeted.id)
    await capture(api.operator, account, made)
    assert await left_of(api, account, budgeted) == "0.00"


async def test_more_than_was_held_takes_more_of_the_budget(api, account, budgeted):
    made = await reserved(api.operator, account, "0.50", subaccount=budgeted.id)
    await capture(api.operator, account, made, amount="0.90", settled=True)
    assert await left_of(api, account, budgeted) == "0.10"
    made = await reserved(api.operator, account, "0.10", "second", subaccount=budgeted.id)
    await capture(api.operator, account, made, amount="3.00", settled=True)
    assert await left_of(api, account, budgeted) == "-2.90"


async def test_what_expired_is_given_back_to_the_budget(api, account, budgeted):
    other = await api.subaccount(account, monthly_budget="5.00")
    await reserved(api.operator, account, "0.60", subaccount=budgeted.id)
    await reserved(api.operator, account, "2.00", "other's", subaccount=other.id)
    await reserved(api.operator, account, "1.00", "the main account's")
    api.clock.advance(seconds=61)
    # Found by the budget's refusal, without a sweep.
    assert (await reserve(api.operator, account, "1.00", "second", subaccount=budgeted.id)).status_code == 201
    assert await left_of(api, account, other) == "5.00"


async def test_a_hold_counts_in_the_month_of_its_opening(api):
    account = await api.open_account(timezone="America/New_York")
    await api.adjust(account, "10.00")
    budgeted = await api.subaccount(account, monthly_budget="1.00")
    api.clock.time = datetime(2026, 12, 1, 4, 59, 30, tzinfo=UTC)  # 23:59:30 on November 30 there
    made = await reserved(api.operator, account, "1.00", subaccount=budgeted.id, expires_in=600)
    refused(await reserve(api.operator, account, "0.01", "more", subaccount=budgeted.id), 402, "budget_exhausted")
    api.clock.advance(seconds=60)
    await reserved(api.operator, account, "0.40", "december", subaccount=budgeted.id)
    await release(api.operator, account, made)
    assert await left_of(api, account, budgeted) == "0.60", "November's money is not December's"


async def test_a_hold_counts_where_the_budget_has_counted_it_though_clocks_disagree(api, account, budgeted):
    api.clock.time = datetime(2026, 12, 1, 0, 0, 1, tzinfo=UTC)
    await reserved(api.operator, account, "0.40", "december", subaccount=budgeted.id)
    api.clock.time = datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC)  # another process's clock, a little behind
    made = await reserved(api.operator, account, "0.60", "behind", subaccount=budgeted.id)
    await release(api.operator, account, made)
    assert await left_of(api, account, budgeted) == "0.60"


# Who sees what


async def test_a_subaccount_sees_and_ends_its_own_holds_only(api, account):
    mine, others = await api.subaccount(account), await api.subaccount(account)
    client = api.client(account=mine)
    own = await reserved(client, account, "1.00", "mine")
    assert own["subaccount"] == mine.id
    assert (await reserved(client, account, "1.00", "mine", subaccount=mine.id))["id"] == own["id"]
    foreign = await reserved(api.operator, account, "1.00", "other's", subaccount=others.id)
    main = await reserved(api.client(account=account), account, "1.00", "main")
    refused(await reserve(client, account, "1.00", "for another", subaccount=others.id), 403, "forbidden", "subaccount")
    for hold in (foreign, main):
        hidden = await client.get(url(account, hold["id"]))
        assert refused(hidden, 404, "not_found")["detail"] == (await client.get(url(account, "none"))).json()["detail"]
        refused(await capture(client, account, hold), 404, "not_found")
        refused(await release(client, account, hold), 404, "not_found")
    assert [hold["id"] for hold in (await client.get(url(account))).json()["data"]] == [own["id"]]
    assert (await client.get(url(account, own["id"]))).json() == own
    assert len((await api.client(account=account).get(url(account))).json()["data"]) == 3
    assert (await capture(client, account, own, amount="0.50")).status_code == 200
    assert (await release(api.client(account=account), account, foreign)).status_code == 200


async def test_a_subaccount_learns_nothing_from_a_reference_of_another(api, account):
    mine, others = await api.subaccount(account), await api.subaccount(account)
    await reserved(api.client(account=others), account)
    answer = await reserve(api.client(account=mine), account)
    refused(answer, 422, "reference_reused", "reference")
    assert others.id not in answer.text


async def test_a_list_is_newest_first_and_filtered_by_what_holds_are_now(api, account):
    made = [await reserved(api.operator, account, "1.00", f"call-{n}", expires_in=60 * (n + 1)) for n in range(5)]
    await capture(api.operator, account, made[3])
    await release(api.operator, account, made[4])
    api.clock.advance(seconds=121)
    async with api.context.database.transaction() as session:
        assert await hold_expiry.expire_due(session, account_id=account.id, now=api.clock.now(), limit=1) == 1

    async def listed(**params):
        page = (await api.operator.get(url(account), params=params)).json()
        return [made.index(next(one for one in made if one["id"] == hold["id"])) for hold in page["data"]], page[
            "has_more"
        ]

    assert await listed() == ([4, 3, 2, 1, 0], False)
    assert await listed(status="expired") == ([1, 0], False)
    assert await listed(status="open") == ([2], False)
    assert await listed(status="captured") == ([3], False)
    assert await listed(status="released") == ([4], False)
    assert await listed(limit=2) == ([4, 3], True)
    assert await listed(limit=2, starting_after=made[3]["id"]) == ([2, 1], True)
    assert await listed(limit=2, ending_before=made[2]["id"]) == ([4, 3], False)
    refused(await api.operator.get(url(account), params={"status": "gone"}), 422, "invalid_field", "status")
