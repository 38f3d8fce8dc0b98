"""Usage: one charge per reference, refused with a reason, in the order of checks that the API promises."""

import asyncio

import pytest

from api.usage import UsageView
from api.usage_batch import UsageResult, UsageResults


@pytest.fixture
def database(shared_database):
    """Every test opens accounts of its own."""
    return shared_database


@pytest.fixture
async def paying(api):
    """An account that has 10.00 to spend."""
    account = await api.open_account()
    assert (await api.adjust(account, "10.00")).status_code == 201
    return account


def usage_of(account):
    return f"/v1/accounts/{account.id}/usage"


async def charge(client, account, amount="0.0055", reference="call-1", **fields):
    return await client.post(usage_of(account), json={"amount": amount, "reference": reference} | fields)


async def available(api, account):
    return (await api.operator.get(f"/v1/accounts/{account.id}/balance")).json()["available"]


async def test_a_charge_is_posted_once_and_answered_the_same_again(api, paying):
    first = await charge(api.operator, paying, description="one call", sender_id="+14155550100", kind="fee")
    assert first.status_code == 201
    shown = first.json()
    assert shown["amount"] == "0.0055"
    assert shown["available"] == "9.9945"
    assert (shown["kind"], shown["sender_id"], shown["description"]) == ("fee", "+14155550100", "one call")
    await charge(api.operator, paying, reference="call-2")
    again = await charge(
        api.client(account=paying), paying, description="one call", sender_id="+14155550100", kind="fee"
    )
    assert again.json() == shown
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert await available(api, paying) == "9.989"


@pytest.mark.parametrize(
    "other",
    [
        {"amount": "0.0056"},
        {"description": "other"},
        {"kind": "tax"},
        {"sender_id": "x"},
        {"settled": True},
    ],
)
async def test_a_reference_stands_for_its_content(api, paying, other):
    first = (await charge(api.operator, paying)).json()
    answer = await charge(api.operator, paying, **other)
    assert (answer.status_code, answer.json()["code"], answer.json()["param"]) == (422, "reference_reused", "reference")
    assert answer.json()["transaction"] == first["id"]
    assert await available(api, paying) == "9.9945"


async def test_what_is_not_there_cannot_be_spent(api, paying):
    answer = await charge(api.operator, paying, "10.000001")
    assert (answer.status_code, answer.json()["code"], answer.json()["available"]) == (
        402,
        "balance_exhausted",
        "10.00",
    )
    assert (await charge(api.operator, paying, "10.00", reference="all")).status_code == 201
    refused = await charge(api.operator, paying, "0.000001", reference="more")
    assert (refused.status_code, refused.json()["code"]) == (402, "balance_exhausted")
    settled = await charge(api.operator, paying, "3.00", reference="more", settled=True)
    assert (settled.status_code, settled.json()["available"]) == (201, "-3.00")


async def test_the_answers_are_as_documented(api, paying):
    shown = (await charge(api.operator, paying)).json()
    assert set(shown) == set(UsageView.model_fields)
    UsageView.model_validate(shown)
    charges = [{"account": paying.id, "amount": "1.00", "reference": f"b{n}"} for n in range(2)] + [{"amount": 1}]
    batch = (await api.operator.post("/v1/usage/batch", json={"charges": charges})).json()
    assert set(batch) == set(UsageResults.model_fields)
    assert {frozenset(result) for result in batch["results"]} == {frozenset(UsageResult.model_fields)}
    UsageResults.model_validate(batch)


async def test_a_refusal_is_not_stored(api, paying):
    assert (await charge(api.operator, paying, "11.00")).status_code == 402
    await api.adjust(paying, "5.00")
    assert (await charge(api.operator, paying, "11.00")).status_code == 201


async def test_only_operators_post_what_is_settled(api, paying):
    answer = await charge(api.client(account=paying), paying, settled=True)
    assert (answer.status_code, answer.json()["code"], answer.json()["param"]) == (403, "forbidden", "settled")


async def test_a_suspended_account_is_refused_but_what_is_stored_is_answered(api, paying):
    first = await charge(api.operator, paying)
    body = {"status": "suspended", "reason": "fraud"}
    await api.operator.patch(f"/v1/accounts/{paying.id}", json=body)
    assert (await charge(api.operator, paying)).json() == first.json()
    refused = await charge(api.operator, paying, reference="new")
    assert (refused.status_code, refused.json()["code"]) == (403, "account_suspended")
    assert (await charge(api.operator, paying, reference="late", settled=True)).status_code == 201
    api.clock.advance(days=30)
    late = await charge(api.operator, paying, reference="too late", settled=True)
    assert (late.status_code, late.json()["code"]) == (403, "settled_too_late")
    await api.operator.patch(f"/v1/accounts/{paying.id}", json={"status": "active", "reason": "cleared"})
    assert (await charge(api.operator, paying, reference="new")).status_code == 201


async def test_the_accounts_own_list_of_senders(api, paying):
    assert (await charge(api.operator, paying, sender_id="A")).status_code == 201
    await api.operator.put(f"/v1/accounts/{paying.id}/sender_ids", json={"sender_ids": ["A"]})
    refused = await charge(api.operator, paying, reference="2", sender_id="B")
    assert (refused.status_code, refused.json()["code"], refused.json()["param"]) == (
        403,
        "sender_not_allowed",
        "sender_id",
    )
    assert (await charge(api.operator, paying, reference="3", sender_id="A")).status_code == 201
    assert (await charge(api.operator, paying, reference="4")).status_code == 201
    assert (await charge(api.operator, paying, reference="5", sender_id="B", settled=True)).status_code == 201
    await api.operator.put(f"/v1/accounts/{paying.id}/sender_ids", json={"sender_ids": []})
    assert (await charge(api.operator, paying, reference="6", sender_id="A")).status_code == 403


async def test_sixty_four_at_once_for_the_last_cent(api):
    account = await api.open_account()
    await api.adjust(account, "0.01")
    answers = await asyncio.gather(*(charge(api.operator, account, "0.01", reference=f"{n}") for n in range(64)))
    assert sorted(answer.status_code for answer in answers) == [201] + [402] * 63
    assert await available(api, account) == "0.00"


async def test_one_reference_at_once_is_one_charge(api, paying):
    answers = await asyncio.gather(*(charge(api.operator, paying, "1.00") for _ in range(64)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum("Idempotent-Replayed" not in answer.headers for answer in answers) == 1
    assert await available(api, paying) == "9.00"


async def test_many_accounts_at_once_each_pays_its_own(api):
    accounts = [await api.open_account() for _ in range(12)]
    for account in accounts[:-1]:
        await api.adjust(account, "1.00")
    answers = await asyncio.gather(
        *(charge(api.operator, account, "0.10", reference=f"{n}") for n in range(12) for account in accounts)
    )
    for place in range(11):
        assert sorted(answer.status_code for answer in answers[place::12]) == [201] * 10 + [402] * 2
    assert {answer.status_code for answer in answers[11::12]} == {402}
    assert [await available(api, account) for account in accounts] == ["0.00"] * 12


BAD = [
    ({"reference": ""}, "reference", "invalid_field"),
    ({"reference": "x" * 256}, "reference", "invalid_field"),
    ({"reference": None}, "reference", "invalid_field"),
    ({"amount": "0"}, "amount", "amount_invalid"),
    ({"amount": "-1"}, "amount", "amount_invalid"),
    ({"amount": 1}, "amount", "amount_invalid"),
    ({"amount": "0.0000001"}, "amount", "amount_invalid"),
    ({"amount": "1e2"}, "amount", "amount_invalid"),
    ({"kind": "hold"}, "kind", "invalid_field"),
    ({"settled": "true"}, "settled", "invalid_field"),
    ({"currency": "eur"}, "currency", "currency_not_supported"),
    ({"subaccount": "x" * 21}, "subaccount", "invalid_field"),
    ({"colour": "blue"}, "colour", "invalid_field"),
    ({"number": "1"}, "number", "raw_number_refused"),
]


@pytest.mark.parametrize(("fields", "param", "code"), BAD)
async def test_bad_input(api, paying, fields, param, code):
    answer = await api.operator.post(usage_of(paying), json={"amount": "1.00", "reference": "r"} | fields)
    assert answer.status_code in {400, 422}, answer.text
    assert (answer.json()["code"], answer.json()["param"]) == (code, param)
    assert await available(api, paying) == "10.00"


async def test_a_reference_may_look_like_a_card_number(api, paying):
    assert (await charge(api.operator, paying, reference="4242424242424242")).status_code == 201


@pytest.mark.parametrize("subaccount", ["SA00000000000000000X", "nonsense", "MA00000000000000000X"])
async def test_an_unknown_subaccount_is_not_found(api, paying, subaccount):
    answer = await charge(api.operator, paying, subaccount=subaccount)
    assert (answer.status_code, answer.json()["param"]) == (404, "subaccount")


async def test_a_revoked_token_posts_nothing_though_it_was_good_a_moment_ago(api, paying):
    client = api.client(account=paying)
    assert (await charge(client, paying)).status_code == 201
    await api.operator.post(f"/v1/accounts/{paying.id}/rotate_token", json={"overlap_days": 0})
    refused = await charge(client, paying, reference="2")
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")
    assert await available(api, paying) == "9.9945"


async def test_facts_of_different_age_do_not_change_the_order_of_an_accounts_charges(api, paying):
    made = await api.operator.post(f"/v1/accounts/{paying.id}/subaccounts", json={"name": "one", "enabled": True})
    subaccount = made.json()["auth_id"]
    await charge(api.operator, paying, "1.00", reference="main first")  # the main account's facts are kept
    await api.operator.put(f"/v1/accounts/{paying.id}/subaccounts/{subaccount}/sender_ids", json={"sender_ids": ["A"]})
    await charge(api.operator, paying, "1.00", reference="sub", subaccount=subaccount)  # the subaccount's are newer
    charges = [
        {"account": paying.id, "amount": "8.00", "reference": "first"},
        {"account": paying.id, "amount": "8.00", "reference": "second", "subaccount": subaccount},
    ]
    answer = await api.operator.post("/v1/usage/batch", json={"charges": charges})
    assert [result["status"] for result in answer.json()["results"]] == ["posted", "refused"]
