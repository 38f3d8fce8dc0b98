"""May this call go out? Credentials, status, sender, budget and balance, in this order, in one round trip."""

import asyncio
from datetime import UTC, datetime

import pytest

from tests.api.client import Account, serving


@pytest.fixture
def database(shared_database):
    """Every test opens accounts of its own."""
    return shared_database


PATH = "/v1/authorize"


@pytest.fixture
async def account(api):
    """An account in New York that has 10.00 to spend."""
    account = await api.open_account(timezone="America/New_York")
    assert (await api.adjust(account, "10.00")).status_code == 201
    return account


async def ask(api, who, amount="1.00", *, client=None, **fields):
    """Whether ``who`` may spend: None, or the reason why not."""
    body = {"auth_id": who.id, "auth_token": who.token} | ({} if amount is None else {"amount": amount}) | fields
    answer = await (client or api.operator).post(PATH, json=body)
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    assert shown["allowed"] is (shown["reason"] is None)
    if shown["reason"] == "unauthenticated":
        assert (shown["account"], shown["subaccount"]) == (None, None)
    else:
        assert (shown["subaccount"] or shown["account"]) == who.id
    return shown["reason"]


async def change(api, account, path="", method="PATCH", **fields):
    answer = await api.operator.request(method, f"/v1/accounts/{account.id}{path}", json=fields)
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None


async def charge(api, account, amount, **fields):
    body = {"amount": amount, "reference": f"{api.clock.now()}"} | fields
    return await api.operator.post(f"/v1/accounts/{account.id}/usage", json=body)


async def test_it_says_who_would_pay(api, account):
    subaccount = await api.subaccount(account)
    for who, names in ((account, (account.id, None)), (subaccount, (account.id, subaccount.id))):
        body = {"auth_id": who.id, "auth_token": who.token, "amount": "10.00", "sender_id": "ACME"}
        answer = await api.operator.post(PATH, json=body)
        assert answer.json() == {
            "livemode": False, "allowed": True, "reason": None, "account": names[0], "subaccount": names[1],
        }  # fmt: skip


async def test_nothing_is_reserved_or_charged(api, account):
    assert [await ask(api, account, "10.00") for _ in range(3)] == [None] * 3
    shown = await change(api, account, "/balance", "GET")
    assert (shown["available"], shown["held"]) == ("10.00", "0.00")


# The balance


async def test_the_last_cent_is_enough_and_a_millionth_more_is_not(api, account):
    subaccount = await api.subaccount(account)
    for who in (account, subaccount):
        assert await ask(api, who, "10.00") is None
        assert await ask(api, who, "10.000001") == "balance_exhausted"


async def test_without_an_amount_anything_above_zero_is_enough(api, account):
    assert await ask(api, account, None) is None
    await charge(api, account, "9.999999")
    assert await ask(api, account, None) is None
    assert await ask(api, account, "0.000002") == "balance_exhausted"
    await charge(api, account, "0.000001")
    assert await ask(api, account, None) == "balance_exhausted"
    await charge(api, account, "5.00", settled=True)
    assert await ask(api, account, None) == "balance_exhausted"
    await api.adjust(account, "5.000001")
    assert await ask(api, account, None) is None


async def test_what_is_held_is_not_there_until_its_time_is_over(api, account):
    body = {"amount": "9.00", "reference": "h", "expires_in": 60}
    await change(api, account, "/holds", "POST", **body)
    assert await ask(api, account, "1.00") is None
    assert await ask(api, account, "1.01") == "balance_exhausted"
    api.clock.advance(seconds=60)
    assert await ask(api, account, "10.00") is None


# Credentials


async def test_wrong_credentials_name_nobody(api, account):
    other, subaccount = await api.open_account(), await api.subaccount(account)
    strangers = [
        Account(account.id, other.token),
        Account(account.id, subaccount.token),
        Account(subaccount.id, account.token),
        Account(account.id, account.token[:-1]),
        Account(account.id, account.token + "x"),
        Account("MA00000000000000000X", account.token),
        Account("SA00000000000000000X", subaccount.token),
        Account("nobody", "nothing"),
        Account(account.id.lower(), account.token),
        Account(f" {account.id}", account.token),
        Account(account.id, "ключ"),
    ]
    assert [await ask(api, who) for who in strangers] == ["unauthenticated"] * len(strangers)


async def test_of_rotated_tokens_the_newest_and_the_one_before_are_good(api, account):
    rotated = [await change(api, account, "/rotate_token", "POST", overlap_days=1) for _ in range(2)]
    oldest, (middle, newest) = account, (Account(account.id, shown["auth_token"]) for shown in rotated)
    assert [await ask(api, who) for who in (oldest, middle, newest)] == ["unauthenticated", None, None]
    api.clock.advance(days=1)
    assert [await ask(api, who) for who in (middle, newest)] == ["unauthenticated", None]


async def test_a_subaccounts_rotated_token_is_good_as_long_as_was_said(api, account):
    first = await api.subaccount(account)
    path = f"/subaccounts/{first.id}/rotate_token"
    second = Account(first.id, (await change(api, account, path, "POST", overlap_days=7))["auth_token"])
    assert [await ask(api, who) for who in (first, second)] == [None, None]
    api.clock.advance(days=7)
    assert [await ask(api, who) for who in (first, second)] == ["unauthenticated", None]
    third = Account(first.id, (await change(api, account, path, "POST", overlap_days=0))["auth_token"])
    assert [await ask(api, who) for who in (first, second, third)] == ["unauthenticated", "unauthenticated", None]


async def test_a_disabled_subaccount_is_told_so_and_a_deleted_one_is_nobody(api, account):
    subaccount = await api.subaccount(account, enabled=False)
    assert await ask(api, subaccount) == "subaccount_disabled"
    await change(api, account, f"/subaccounts/{subaccount.id}", enabled=True)
    assert await ask(api, subaccount) is None
    await change(api, account, f"/subaccounts/{subaccount.id}", enabled=False)
    assert await ask(api, subaccount) == "subaccount_disabled"
    await change(api, account, f"/subaccounts/{subaccount.id}", "DELETE")
    assert await ask(api, subaccount) == "unauthenticated"


async def test_what_another_process_changes_is_known_at_once(api, make_settings, clock, account):
    """No answer is kept: the facts in memory are held against the book each time."""
    subaccount = await api.subaccount(account, monthly_budget="5.00")
    async with serving(make_settings(), clock) as other:
        assert [await ask(api, who) for who in (account, subaccount)] == [None, None]
        await change(other, account, f"/subaccounts/{subaccount.id}", enabled=False)
        assert await ask(api, subaccount) == "subaccount_disabled"
        await change(other, account, f"/subaccounts/{subaccount.id}", enabled=True, monthly_budget="0.50")
        assert await ask(api, subaccount) == "budget_exhausted"
        await change(other, account, f"/subaccounts/{subaccount.id}/rotate_token", "POST", overlap_days=0)
        assert await ask(api, subaccount) == "unauthenticated"
        await change(other, account, "/sender_ids", "PUT", sender_ids=[])
        assert await ask(api, account, sender_id="A") == "sender_not_allowed"
        await change(other, account, status="suspended", reason="fraud")
        assert await ask(api, account) == "account_suspended"
        await change(other, account, "/rotate_token", "POST", overlap_days=0)
        assert await ask(api, account) == "unauthenticated"


# Status and senders


async def test_a_suspended_account_stops_its_subaccounts_too(api, account):
    subaccount = await api.subaccount(account)
    await change(api, account, status="suspended", reason="fraud")
    assert [await ask(api, who) for who in (account, subaccount)] == ["account_suspended"] * 2
    await change(api, account, status="active", reason="cleared")
    assert [await ask(api, who) for who in (account, subaccount)] == [None] * 2


async def test_each_has_its_own_list_of_senders(api, account):
    free, listed, mute = await api.subaccount(account), *[await api.subaccount(account) for _ in range(2)]
    await change(api, account, "/sender_ids", "PUT", sender_ids=["MAIN"])
    await change(api, account, f"/subaccounts/{listed.id}/sender_ids", "PUT", sender_ids=["A", "B"])
    await change(api, account, f"/subaccounts/{mute.id}/sender_ids", "PUT", sender_ids=[])
    allowed = {
        who.id: {sender for sender in ("MAIN", "A", "B", "a", None) if await ask(api, who, sender_id=sender) is None}
        for who in (account, free, listed, mute)
    }
    assert allowed == {
        account.id: {"MAIN", None}, free.id: {"MAIN", "A", "B", "a", None}, listed.id: {"A", "B", None},
        mute.id: {None},
    }  # fmt: skip
    assert await ask(api, mute, sender_id="A") == "sender_not_allowed"


# Budgets


async def test_a_budget_is_a_months_in_the_accounts_zone(api, account):
    subaccount = await api.subaccount(account, monthly_budget="3.00")
    await charge(api, account, "2.00", subaccount=subaccount.id)
    assert await ask(api, subaccount, "1.00") is None
    assert await ask(api, subaccount, "1.000001") == "budget_exhausted"
    assert await ask(api, account, "8.00") is None, "it does not bind the main account"
    await charge(api, account, "1.00", subaccount=subaccount.id)
    assert await ask(api, subaccount, None) == "budget_exhausted"
    api.clock.time = datetime(2026, 12, 1, 4, 59, tzinfo=UTC)
    assert await ask(api, subaccount, None) == "budget_exhausted", "in New York it is still November"
    api.clock.time = datetime(2026, 12, 1, 5, tzinfo=UTC)
    assert await ask(api, subaccount, "3.00") is None
    assert await ask(api, subaccount, "3.000001") == "budget_exhausted"


async def test_a_budget_of_zero_allows_nothing_and_none_allows_all(api, account):
    subaccount = await api.subaccount(account, monthly_budget="0")
    assert await ask(api, subaccount, None) == "budget_exhausted"
    await change(api, account, f"/subaccounts/{subaccount.id}", monthly_budget=None)
    assert await ask(api, subaccount, "10.00") is None


async def test_settled_usage_beyond_the_budget_leaves_nothing_of_it(api, account):
    subaccount = await api.subaccount(account, monthly_budget="3.00")
    await charge(api, account, "4.00", subaccount=subaccount.id, settled=True)
    assert await ask(api, subaccount, None) == "budget_exhausted"


async def test_what_an_expired_hold_keeps_of_a_budget_is_there_again(api, account):
    subaccount = await api.subaccount(account, monthly_budget="3.00")
    body = {"amount": "3.00", "reference": "h", "expires_in": 60, "subaccount": subaccount.id}
    await change(api, account, "/holds", "POST", **body)
    assert await ask(api, subaccount, None) == "budget_exhausted"
    api.clock.advance(seconds=60)
    assert await ask(api, subaccount, "3.00") is None


# The order


async def test_the_first_reason_in_order_is_told(api, account):
    """All is wrong at once; what is mended, from the first on, uncovers the next reason."""
    subaccount = await api.subaccount(account, enabled=False, monthly_budget="5.00", sender_ids=["A"])
    path = f"/subaccounts/{subaccount.id}"
    await charge(api, account, "5.00", subaccount=subaccount.id, settled=True)
    await charge(api, account, "5.00")
    await change(api, account, status="suspended", reason="fraud")
    wrong = {"amount": "1.00", "sender_id": "B"}
    assert await ask(api, Account(subaccount.id, account.token), **wrong) == "unauthenticated"
    assert await ask(api, subaccount, **wrong) == "account_suspended"
    await change(api, account, status="active", reason="cleared")
    assert await ask(api, subaccount, **wrong) == "subaccount_disabled"
    await change(api, account, path, enabled=True)
    assert await ask(api, subaccount, **wrong) == "sender_not_allowed"
    await change(api, account, f"{path}/sender_ids", "PUT", sender_ids=["A", "B"])
    assert await ask(api, subaccount, **wrong) == "budget_exhausted"
    await change(api, account, path, monthly_budget="6.00")
    assert await ask(api, subaccount, **wrong) == "balance_exhausted"
    await api.adjust(account, "1.00")
    assert await ask(api, subaccount, **wrong) is None


async def test_usage_is_refused_for_the_same_reason(api, account):
    disabled = await api.subaccount(account, enabled=False)
    listed = await api.subaccount(account, sender_ids=[])
    thrifty = await api.subaccount(account, monthly_budget="0.50")
    for who, fields in ((disabled, {}), (listed, {"sender_id": "A"}), (thrifty, {}), (account, {"amount": "10.01"})):
        asked = {"amount": "1.00"} | fields
        reason = await ask(api, who, **asked)
        subaccount = {} if who is account else {"subaccount": who.id}
        assert reason is not None
        assert (await charge(api, account, **asked, **subaccount)).json()["code"] == reason


# Who asks, and how


async def test_only_operators_ask(api, account):
    subaccount = await api.subaccount(account)
    body = {"auth_id": account.id, "auth_token": account.token}
    for client in (api.client(account=account), api.client(account=subaccount)):
        answer = await client.post(PATH, json=body)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert (await api.client(key=await api.operator_key("read")).post(PATH, json=body)).status_code == 403
    assert (await api.anyone.post(PATH, json=body)).status_code == 401
    assert await ask(api, account, client=api.client(key=await api.operator_key("usage"))) is None


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"auth_id": None}, "auth_id", "invalid_field"),
        ({"auth_id": ""}, "auth_id", "invalid_field"),
        ({"auth_token": "x" * 201}, "auth_token", "invalid_field"),
        ({"amount": "0"}, "amount", "amount_invalid"),
        ({"amount": "0.0000001"}, "amount", "amount_invalid"),
        ({"amount": 1}, "amount", "amount_invalid"),
        ({"amount": "1000000000.01"}, "amount", "amount_too_large"),
        ({"sender_id": ""}, "sender_id", "invalid_field"),
        ({"settled": True}, "settled", "invalid_field"),
    ],
    ids=str,
)
async def test_bad_input(api, fields, param, code):
    body = {"auth_id": "MA00000000000000000X", "auth_token": "t"} | fields
    answer = await api.operator.post(PATH, json=body)
    assert (answer.status_code, answer.json()["code"], answer.json()["param"]) == (422, code, param)


async def test_many_at_once_are_each_told_their_own(api, account):
    poor = await api.open_account()
    thrifty = await api.subaccount(account, monthly_budget="0")
    expected = [(account, None), (poor, "balance_exhausted"), (thrifty, "budget_exhausted")] * 20
    assert await asyncio.gather(*(ask(api, who) for who, _ in expected)) == [reason for _, reason in expected]
