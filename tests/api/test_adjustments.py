"""Adjustments by operators (requirement H7), and their Idempotency-Key (rule C3)."""

import asyncio
from collections import Counter

import pytest

from tests.api.client import serving

GOODWILL = {"amount": "5.00", "kind": "goodwill", "reason": "an outage"}


async def post(api, account, body=GOODWILL, key="k-1", client=None):
    headers = {} if key is None else {"Idempotency-Key": key}
    return await (client or api.operator).post(f"/v1/accounts/{account.id}/adjustments", json=body, headers=headers)


async def available(api, account):
    return (await api.operator.get(f"/v1/accounts/{account.id}/balance")).json()["available"]


async def test_an_adjustment_changes_the_balance_and_is_audited(api):
    account = await api.open_account()
    answer = await post(api, account, {"amount": "0.000001", "kind": "promotional", "reason": "a start"})
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert made["amount"] == "0.000001"
    assert made["account"] == account.id
    assert made["id"].startswith("adj_")
    entries = (await api.operator.get("/v1/audit", params={"kind": "adjustment.posted"})).json()["data"]
    assert [entry["object_id"] for entry in entries] == [made["id"]]
    assert entries[0]["details"] == {"amount": "0.000001", "kind": "promotional", "reason": "a start"}
    assert entries[0]["request_id"] == answer.headers["X-Request-Id"]
    assert await available(api, account) == "0.000001"


async def test_a_negative_adjustment_may_take_the_balance_below_zero(api):
    account = await api.open_account()
    answer = await post(api, account, {"amount": "-7.5", "kind": "write_off", "reason": "an agreement"})
    assert answer.status_code == 201, answer.text
    assert answer.json()["amount"] == "-7.50"
    assert await available(api, account) == "-7.50"


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        (5, "amount_invalid"),
        (5.5, "amount_invalid"),
        (None, "amount_invalid"),
        ("0", "amount_invalid"),
        ("0.00", "amount_invalid"),
        ("-0.00", "amount_invalid"),
        ("+5", "amount_invalid"),
        ("5e2", "amount_invalid"),
        (" 5", "amount_invalid"),
        ("5,00", "amount_invalid"),
        ("\u0665", "amount_invalid"),
        ("0.0000001", "amount_invalid"),
        ("1000000000000000000000", "amount_invalid"),
        ("1000000000.01", "amount_too_large"),
        ("-999999999999", "amount_too_large"),
    ],
)
async def test_other_amounts_are_refused(api, amount, code):
    account = await api.open_account()
    answer = await post(api, account, GOODWILL | {"amount": amount})
    assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
    assert answer.json()["param"] == "amount"
    assert await available(api, account) == "0.00"


async def test_another_currency_is_refused(api):
    account = await api.open_account()
    answer = await post(api, account, GOODWILL | {"currency": "eur"})
    assert (answer.status_code, answer.json()["code"]) == (422, "currency_not_supported")


@pytest.mark.parametrize("key", [None, "", "k" * 256, "kl\xfcssel"])
async def test_a_key_is_required(api, key):
    account = await api.open_account()
    headers = {} if key is None else {"Idempotency-Key": key.encode("latin-1")}
    answer = await api.operator.post(f"/v1/accounts/{account.id}/adjustments", json=GOODWILL, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["param"] == "Idempotency-Key"


async def test_the_same_request_is_answered_again_byte_by_byte(api):
    account = await api.open_account()
    first = await post(api, account)
    api.clock.advance(days=29)
    again = await post(api, account)
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert await available(api, account) == "5.00"


async def test_after_thirty_days_the_record_itself_answers(api):
    account = await api.open_account()
    first = await post(api, account)
    api.clock.advance(days=31)
    again = await post(api, account)
    assert again.json() == first.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    other = await post(api, account, GOODWILL | {"amount": "6.00"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert await available(api, account) == "5.00"


async def test_the_same_key_with_another_body_is_refused(api):
    account = await api.open_account()
    await post(api, account)
    other = await post(api, account, GOODWILL | {"amount": "5.01"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_keys_of_two_accounts_do_not_meet(api):
    first, second = await api.open_account(), await api.open_account()
    assert (await post(api, first)).status_code == 201
    assert (await post(api, second)).status_code == 201


async def test_a_refusal_is_not_stored(api):
    account = await api.open_account()
    refused = await post(api, account, GOODWILL | {"amount": "1000000001"})
    assert refused.status_code == 422
    assert (await post(api, account)).status_code == 201


async def test_sixty_four_requests_at_once_with_one_key_are_one_adjustment(api):
    account = await api.open_account()
    answers = await asyncio.gather(*(post(api, account) for _ in range(64)))
    counted = Counter(answer.status_code for answer in answers)
    assert set(counted) <= {201, 409}, [answer.text for answer in answers if answer.status_code not in {201, 409}]
    assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} <= {"idempotency_key_in_use"}
    assert await available(api, account) == "5.00"


async def test_another_process_with_the_key_is_told_to_wait(api, make_settings):
    account = await api.open_account()
    async with serving(make_settings(), api.clock) as elsewhere:
        async with api.context.locks.hold("idempotency", account.id, "adjustments", "k-1") as free:
            assert free
            waiting = await post(elsewhere, account)
        assert (waiting.status_code, waiting.json()["code"]) == (409, "idempotency_key_in_use")
        assert waiting.headers["Retry-After"] == "1"
        assert (await post(elsewhere, account)).status_code == 201
