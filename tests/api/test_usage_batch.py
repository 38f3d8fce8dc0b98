"""Batches of usage: an answer for each charge, in order; what is wrong with one is no other's concern."""

import asyncio
import json
from collections import Counter

import pytest

from api.body import MAX_BATCH_BYTES
from store.hold_expiry import expire_due
from tests.api.client import Account, serving


@pytest.fixture
def database(shared_database):
    """Every test opens accounts of its own."""
    return shared_database


PATH = "/v1/usage/batch"
NOBODY = Account("MA00000000000000000X", "")


@pytest.fixture
async def paying(api):
    """An account that has 10.00 to spend."""
    account = await api.open_account()
    assert (await api.adjust(account, "10.00")).status_code == 201
    return account


def item(account, reference, amount="1.00", **fields):
    return {"account": account.id, "reference": reference, "amount": amount} | fields


async def post(api, *items, client=None):
    return await (client or api.operator).post(PATH, json={"charges": list(items)})


async def results(api, *items):
    answer = await post(api, *items)
    assert answer.status_code == 200, answer.text
    found = answer.json()["results"]
    assert [one["reference"] for one in found] == [one.get("reference") for one in items]
    return found


async def outcomes(api, *items):
    """For each item its status, and after a colon the code and the param where there are any."""
    return [
        one["status"] + "".join(f" {one[name]}" for name in ("code", "param") if one[name] is not None)
        for one in await results(api, *items)
    ]


async def available(api, account):
    return (await api.operator.get(f"/v1/accounts/{account.id}/balance")).json()["available"]


async def transactions(api, account):
    """The charges of an account, newest first."""
    answer = await api.operator.get(f"/v1/accounts/{account.id}/transactions", params={"kind": "usage", "limit": 100})
    return answer.json()["data"]


# Answers


async def test_each_charge_is_answered_in_order_whosever_it_is(api, paying):
    other = await api.open_account()
    await api.adjust(other, "5.00")
    found = await results(
        api,
        item(paying, "1", "4.00"), item(other, "1", "5.00"), item(paying, "2", "7.00"), item(other, "2", "0.000001"),
        item(paying, "3", "6.00"), item(paying, "4", "0.000001"),
    )  # fmt: skip
    assert [one["status"] for one in found] == ["posted", "posted", "refused", "refused", "posted", "refused"]
    assert {one["code"] for one in found} == {None, "balance_exhausted"}
    listed = {line["id"]: line for account in (paying, other) for line in await transactions(api, account)}
    assert {one["transaction"] for one in found if one["status"] == "posted"} == set(listed)
    assert listed[found[4]["transaction"]]["amount"] == "-6.00"
    assert [await available(api, account) for account in (paying, other)] == ["0.00", "0.00"]


async def test_who_comes_first_gets_the_last_cent(api, paying):
    subaccount = await api.subaccount(paying)
    charges = [item(paying, f"{n}", "10.00", subaccount=subaccount.id if n % 2 else None) for n in range(6)]
    assert [one["status"] for one in await results(api, *charges)] == ["posted"] + ["refused"] * 5
    assert [line["reference"] for line in await transactions(api, paying)] == ["0"]


async def test_what_a_charge_says_is_what_is_listed(api, paying):
    subaccount = await api.subaccount(paying)
    said = {"subaccount": subaccount.id, "sender_id": "ACME", "description": "one call", "kind": "fee", "settled": True}
    (one,) = await results(api, item(paying, "1", "0.0055", **said))
    (line,) = (await api.operator.get(f"/v1/accounts/{paying.id}/transactions?kind=fee")).json()["data"]
    assert line["id"] == one["transaction"]
    assert {name: line[name] for name in (*said, "amount", "reference", "balance")} == said | {
        "amount": "-0.0055", "reference": "1", "balance": "9.9945",
    }  # fmt: skip


async def test_settled_usage_goes_below_zero_and_what_follows_is_refused(api, paying):
    assert await outcomes(
        api,
        item(paying, "1", "9.00"), item(paying, "2", "2.00"), item(paying, "3", "2.00", settled=True),
        item(paying, "4", "0.50"), item(paying, "5", "5.00", settled=True),
    ) == ["posted", "refused balance_exhausted", "posted", "refused balance_exhausted", "posted"]  # fmt: skip
    assert await available(api, paying) == "-6.00"


# References


async def test_a_reference_twice_in_a_batch_is_one_charge(api, paying):
    first, same, other, unlike = await results(
        api, item(paying, "r"), item(paying, "r"), item(paying, "s"), item(paying, "r", "2.00")
    )
    assert [one["status"] for one in (first, same, other, unlike)] == ["posted", "replayed", "posted", "refused"]
    assert (unlike["code"], unlike["param"]) == ("reference_reused", "reference")
    assert first["transaction"] == same["transaction"] == unlike["transaction"] != other["transaction"]
    assert await available(api, paying) == "8.00"


async def test_a_refused_charge_leaves_its_reference_free_also_within_the_batch(api, paying):
    assert await outcomes(api, item(paying, "r", "10.01"), item(paying, "r", "10.00"), item(paying, "r", "10.01")) == [
        "refused balance_exhausted", "posted", "refused reference_reused reference",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "other",
    [{"amount": "1.000001"}, {"kind": "tax"}, {"settled": True}, {"sender_id": "X"}, {"description": "d"}],
    ids=str,
)
async def test_a_reference_stands_for_its_content_across_batches(api, paying, other):
    (first,) = await results(api, item(paying, "r"))
    (unlike,) = await results(api, item(paying, "r") | other)
    assert (unlike["status"], unlike["code"]) == ("refused", "reference_reused")
    assert unlike["transaction"] == first["transaction"]
    assert await available(api, paying) == "9.00"


async def test_the_same_reference_of_another_account_is_another_charge(api, paying):
    other = await api.open_account()
    await api.adjust(other, "1.00")
    assert await outcomes(api, item(paying, "r"), item(other, "r"), item(paying, "r")) == [
        "posted", "posted", "replayed",
    ]  # fmt: skip


async def test_one_charge_across_batches_single_usage_and_holds(api, paying):
    usage, holds = f"/v1/accounts/{paying.id}/usage", f"/v1/accounts/{paying.id}/holds"
    (in_batch,) = await results(api, item(paying, "batch"))
    single = (await api.operator.post(usage, json={"amount": "1.00", "reference": "single"})).json()
    await api.operator.post(holds, json={"amount": "1.00", "reference": "hold", "expires_in": 60})
    again = await api.operator.post(usage, json={"amount": "1.00", "reference": "batch"})
    assert (again.status_code, again.json()["id"]) == (201, in_batch["transaction"])
    assert again.headers["Idempotent-Replayed"] == "true"
    found = await results(api, item(paying, "single"), item(paying, "hold"), item(paying, "batch"))
    assert [one["status"] for one in found] == ["replayed", "refused", "replayed"]
    assert found[0]["transaction"] == single["id"]
    assert found[1]["code"] == "reference_reused"
    for reference in ("batch", "single"):
        answer = await api.operator.post(holds, json={"amount": "1.00", "reference": reference, "expires_in": 60})
        assert (answer.status_code, answer.json()["code"]) == (422, "reference_reused")
    assert await available(api, paying) == "7.00"


async def test_a_whole_batch_again_repeats_nothing(api, paying):
    subaccount = await api.subaccount(paying, monthly_budget="3.00")
    charges = [item(paying, f"{n}", "0.01") for n in range(200)]
    charges += [item(paying, f"s{n}", "1.00", subaccount=subaccount.id) for n in range(4)]
    first = await results(api, *charges)
    assert [one["status"] for one in first] == ["posted"] * 203 + ["refused"]
    await api.operator.patch(f"/v1/accounts/{paying.id}", json={"status": "suspended", "reason": "meanwhile"})
    again = await results(api, *charges)
    assert [one["status"] for one in again] == ["replayed"] * 203 + ["refused"]
    assert again[-1]["code"] == "account_suspended"
    assert [one["transaction"] for one in again] == [one["transaction"] for one in first]
    assert await available(api, paying) == "5.00"


async def test_the_same_batch_many_times_at_once_is_one_batch(api, paying):
    charges = [item(paying, f"{n}", "0.01") for n in range(50)]
    answers = await asyncio.gather(*(results(api, *charges) for _ in range(6)))
    assert Counter(one["status"] for found in answers for one in found) == {"posted": 50, "replayed": 250}
    assert len({one["transaction"] for found in answers for one in found}) == 50
    assert await available(api, paying) == "9.50"


async def test_batches_and_single_charges_at_once_for_the_last_cent(api):
    account = await api.open_account()
    await api.adjust(account, "0.01")

    async def alone(n):
        body = {"amount": "0.01", "reference": f"alone-{n}"}
        answer = await api.operator.post(f"/v1/accounts/{account.id}/usage", json=body)
        return ["posted" if answer.status_code == 201 else "refused"]

    async def together(n):
        return [one["status"] for one in await results(api, *(item(account, f"{n}-{m}", "0.01") for m in range(4)))]

    found = await asyncio.gather(*(work(n) for n in range(16) for work in (alone, together)))
    assert Counter(status for each in found for status in each) == {"posted": 1, "refused": 16 * 5 - 1}
    assert await available(api, account) == "0.00"


# What is wrong with one


BAD = [
    ({"amount": "1.0000001"}, "amount_invalid", "amount"),
    ({"amount": "0"}, "amount_invalid", "amount"),
    ({"amount": "-1"}, "amount_invalid", "amount"),
    ({"amount": 1}, "amount_invalid", "amount"),
    ({"amount": "1000000000.01"}, "amount_too_large", "amount"),
    ({"amount": None}, "amount_invalid", "amount"),
    ({"reference": ""}, "invalid_field", "reference"),
    ({"reference": " "}, "invalid_field", "reference"),
    ({"reference": "x" * 256}, "invalid_field", "reference"),
    ({"reference": "x" * 300}, "invalid_field", "reference"),
    ({"account": None}, "invalid_field", "account"),
    ({"account": "x" * 21}, "invalid_field", "account"),
    ({"subaccount": 7}, "invalid_field", "subaccount"),
    ({"kind": "hold"}, "invalid_field", "kind"),
    ({"settled": "true"}, "invalid_field", "settled"),
    ({"currency": "eur"}, "currency_not_supported", "currency"),
    ({"colour": "blue"}, "invalid_field", "colour"),
    ({"sender_id": ""}, "invalid_field", "sender_id"),
]


async def test_a_malformed_charge_fails_alone(api, paying):
    charges = [item(paying, "first")]
    for n, (fields, *_) in enumerate(BAD):
        charges += [item(paying, f"bad-{n}") | fields, item(paying, f"good-{n}", "0.10")]
    found = await results(api, *charges)
    assert [one["status"] for one in found] == ["posted"] + ["invalid", "posted"] * len(BAD)
    assert [(one["code"], one["param"]) for one in found if one["status"] == "invalid"] == [bad[1:] for bad in BAD]
    assert all(one["detail"] and one["transaction"] is None for one in found if one["status"] == "invalid")
    assert await available(api, paying) == "7.20"


async def test_what_is_no_charge_at_all_fails_alone(api, paying):
    strange = [None, 7, "x", [], {}, {"reference": "r"}, {"reference": 7, "account": paying.id, "amount": "1"}]
    answer = await api.operator.post(PATH, json={"charges": [*strange, item(paying, "good")]})
    assert answer.status_code == 200, answer.text
    found = answer.json()["results"]
    assert [one["status"] for one in found] == ["invalid"] * len(strange) + ["posted"]
    assert [one["reference"] for one in found] == [None] * 5 + ["r", None, "good"]


async def test_references_of_255_characters_and_amounts_of_six_places_are_taken(api, paying):
    longest = "ключ-" * 51
    assert await outcomes(api, item(paying, longest, "0.000001"), item(paying, longest, "0.000001")) == [
        "posted", "replayed",
    ]  # fmt: skip
    assert await available(api, paying) == "9.999999"


async def test_those_who_may_not_spend_are_refused_and_the_rest_goes_through(api, paying):
    """Unknown, closed off, deleted and disabled ones, senders that are not listed, budgets that are used up or zero."""
    other = await api.open_account()
    suspended = await api.open_account()
    for account in (other, suspended):
        await api.adjust(account, "10.00")
    await api.operator.put(f"/v1/accounts/{other.id}/sender_ids", json={"sender_ids": ["A"]})
    await api.operator.patch(f"/v1/accounts/{suspended.id}", json={"status": "suspended", "reason": "fraud"})
    disabled, deleted, listed, broke, thrifty = [await api.subaccount(paying) for _ in range(5)]
    path = f"/v1/accounts/{paying.id}/subaccounts"
    await api.operator.patch(f"{path}/{disabled.id}", json={"enabled": False})
    await api.operator.delete(f"{path}/{deleted.id}")
    await api.operator.put(f"{path}/{listed.id}/sender_ids", json={"sender_ids": []})
    await api.operator.patch(f"{path}/{broke.id}", json={"monthly_budget": "0"})
    await api.operator.patch(f"{path}/{thrifty.id}", json={"monthly_budget": "1.50"})
    wanted = [
        (item(paying, "1"), "posted"),
        (item(NOBODY, "2"), "refused not_found account"),
        (item(Account("", ""), "2"), "refused not_found account"),
        (item(paying, "3", subaccount="SA00000000000000000X"), "refused not_found subaccount"),
        (item(other, "3", subaccount=listed.id), "refused not_found subaccount"),
        (item(paying, "4", subaccount=disabled.id), "refused subaccount_disabled"),
        (item(paying, "4 settled", subaccount=disabled.id, settled=True), "posted"),
        (item(paying, "5", subaccount=deleted.id), "refused subaccount_deleted"),
        (item(paying, "5 settled", subaccount=deleted.id, settled=True), "posted"),
        (item(paying, "6", subaccount=listed.id, sender_id="A"), "refused sender_not_allowed sender_id"),
        (item(paying, "6 unnamed", subaccount=listed.id), "posted"),
        (item(other, "7", sender_id="B"), "refused sender_not_allowed sender_id"),
        (item(other, "7 listed", sender_id="A"), "posted"),
        (item(paying, "8", "0.000001", subaccount=broke.id), "refused budget_exhausted"),
        (item(paying, "8 settled", subaccount=broke.id, settled=True), "posted"),
        (item(paying, "9", subaccount=thrifty.id), "posted"),
        (item(paying, "9 more", subaccount=thrifty.id), "refused budget_exhausted"),
        (item(paying, "9 less", "0.50", subaccount=thrifty.id), "posted"),
        (item(suspended, "10"), "refused account_suspended"),
        (item(suspended, "10 settled", settled=True), "posted"),
        (item(paying, "last"), "posted"),
    ]
    found = await outcomes(api, *(one for one, _ in wanted))
    assert found == [outcome for _, outcome in wanted]
    assert [await available(api, one) for one in (paying, other, suspended)] == ["2.50", "9.00", "9.00"]
    shown = await api.operator.get(f"{path}/{thrifty.id}")
    assert shown.json()["budget_spent"] == "1.50"


async def test_what_expired_holds_keep_is_there_for_a_batch(api, paying):
    body = {"amount": "10.00", "reference": "held", "expires_in": 60}
    assert (await api.operator.post(f"/v1/accounts/{paying.id}/holds", json=body)).status_code == 201
    assert await outcomes(api, item(paying, "1")) == ["refused balance_exhausted"]
    api.clock.advance(seconds=60)
    assert await outcomes(api, item(paying, "1", "4.00"), item(paying, "2", "6.00"), item(paying, "3", "0.01")) == [
        "posted", "posted", "refused balance_exhausted",
    ]  # fmt: skip


@pytest.mark.parametrize("way", ["single", "batch", "authorize"])
async def test_what_another_frees_between_a_refusal_and_the_search_for_expired_holds_is_not_missed(
    api, paying, monkeypatch, way
):
    body = {"amount": "10.00", "reference": "held", "expires_in": 60}
    assert (await api.operator.post(f"/v1/accounts/{paying.id}/holds", json=body)).status_code == 201
    api.clock.advance(seconds=60)
    read = api.context.funds.many

    async def read_after_a_sweep(keys):
        async with api.context.database.transaction() as session:
            await expire_due(session, account_id=paying.id, now=api.clock.now())
        return await read(keys)

    monkeypatch.setattr(api.context.funds, "many", read_after_a_sweep)
    if way == "batch":
        assert await outcomes(api, item(paying, "1", "10.00")) == ["posted"]
    elif way == "single":
        body = {"amount": "10.00", "reference": "1"}
        assert (await api.operator.post(f"/v1/accounts/{paying.id}/usage", json=body)).status_code == 201
    else:
        body = {"auth_id": paying.id, "auth_token": paying.token, "amount": "10.00"}
        assert (await api.operator.post("/v1/authorize", json=body)).json()["allowed"]


async def test_what_another_process_has_changed_binds_a_batch_at_once(api, make_settings, clock, paying):
    subaccount = await api.subaccount(paying)
    charges = [item(paying, "1"), item(paying, "2", subaccount=subaccount.id)]
    assert await outcomes(api, *charges) == ["posted", "posted"]
    path = f"/v1/accounts/{paying.id}/subaccounts/{subaccount.id}"
    async with serving(make_settings(), clock) as other:
        assert (await other.operator.patch(path, json={"enabled": False})).status_code == 200
        charges = [item(paying, "3", subaccount=subaccount.id), item(paying, "4")]
        assert await outcomes(api, *charges) == ["refused subaccount_disabled", "posted"]
        await other.operator.patch(f"/v1/accounts/{paying.id}", json={"status": "suspended", "reason": "why"})
        assert await outcomes(api, item(paying, "5")) == ["refused account_suspended"]


# How much, and whose


async def test_ten_thousand_are_taken(api):
    accounts = [await api.open_account() for _ in range(10)]
    for account in accounts[1:]:
        await api.adjust(account, "1.00")
    charges = [item(accounts[n % 10], f"{n}", "0.001") for n in range(10_000)]
    found = await results(api, *charges)
    assert Counter(one["status"] for one in found) == {"posted": 9_000, "refused": 1_000}
    assert [await available(api, account) for account in accounts] == ["0.00"] * 10
    assert len({one["transaction"] for one in found}) == 9_001
    again = await results(api, *charges)
    assert Counter(one["status"] for one in again) == {"replayed": 9_000, "refused": 1_000}
    assert [one["transaction"] for one in again] == [one["transaction"] for one in found]


async def test_one_more_than_ten_thousand_and_none_at_all_are_not(api, paying):
    for charges in ([item(paying, f"{n}", "0.000001") for n in range(10_001)], []):
        answer = await post(api, *charges)
        assert (answer.status_code, answer.json()["code"], answer.json()["param"]) == (422, "invalid_field", "charges")
    assert await available(api, paying) == "10.00"


@pytest.mark.parametrize("body", [{}, {"charges": None}, {"charges": {}}, {"charges": "x"}, {"charges": [], "more": 1}])
async def test_a_body_that_is_no_batch(api, body):
    answer = await api.operator.post(PATH, json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_field")


async def test_a_million_charges_are_too_much_to_read(api, paying):
    one = json.dumps(item(paying, "r", "0.000001"))
    answer = await api.operator.post(
        PATH, content='{"charges":[' + ",".join([one] * 1_000_000) + "]}", headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert await available(api, paying) == "10.00"


@pytest.mark.parametrize(("more", "status"), [(0, 200), (1, 413)])
async def test_a_body_may_have_eight_mebibytes_and_no_byte_more(api, paying, more, status):
    body = json.dumps({"charges": [item(paying, "r")]}).encode()
    body += b" " * (MAX_BATCH_BYTES - len(body) + more)
    answer = await api.operator.post(PATH, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert await available(api, paying) == ("9.00" if status == 200 else "10.00")


async def test_batches_are_for_operators(api, paying):
    subaccount = await api.subaccount(paying)
    for client in (api.client(account=paying), api.client(account=subaccount)):
        answer = await post(api, item(paying, "r"), client=client)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    refused = await post(api, item(paying, "r"), client=api.client(key=await api.operator_key("read")))
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert (await post(api, item(paying, "r"), client=api.anyone)).status_code == 401
    assert await available(api, paying) == "10.00"
    assert (
        await post(api, item(paying, "r"), client=api.client(key=await api.operator_key("usage")))
    ).status_code == 200
