"""What subaccounts spend: the main account's money, when enabled, within their lists and budgets (F2-F5, F7)."""

import asyncio
import importlib
from datetime import UTC, datetime

import pytest

from tests.api.client import Account, serving


@pytest.fixture
def database(shared_database):
    """Every test opens accounts of its own."""
    return shared_database


@pytest.fixture
async def account(api):
    """An account in New York with 100.00 to spend."""
    account = await api.open_account(timezone="America/New_York")
    assert (await api.adjust(account, "100.00")).status_code == 201
    return account


async def charge(client, account, reference, amount="1.00", **fields):
    answer = await client.post(
        f"/v1/accounts/{account.id}/usage", json={"amount": amount, "reference": reference} | fields
    )
    return answer.status_code, answer.json().get("code")


async def change(api, account, subaccount, **fields):
    answer = await api.operator.patch(f"/v1/accounts/{account.id}/subaccounts/{subaccount.id}", json=fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def shown(api, account, subaccount):
    return (await api.operator.get(f"/v1/accounts/{account.id}/subaccounts/{subaccount.id}")).json()


async def spent(api, account, subaccount):
    found = await shown(api, account, subaccount)
    return found["budget_spent"], found["budget_month"]


async def available(api, account):
    return (await api.operator.get(f"/v1/accounts/{account.id}/balance")).json()["available"]


POSTED = (201, None)


async def test_usage_is_the_main_accounts_to_pay(api, account):
    first, second = await api.subaccount(account), await api.subaccount(account)
    client = api.client(account=first)
    answer = await client.post(f"/v1/accounts/{account.id}/usage", json={"amount": "1.25", "reference": "call-1"})
    assert (answer.status_code, answer.json()["subaccount"], answer.json()["account"]) == (201, first.id, account.id)
    assert await charge(api.operator, account, "call-2", subaccount=second.id) == POSTED
    assert await charge(api.client(account=account), account, "call-3", subaccount=second.id) == POSTED
    assert await available(api, account) == "96.75"
    # One space of references: the same reference of another subaccount is other content.
    assert await charge(api.client(account=second), account, "call-1", "1.25") == (422, "reference_reused")


async def test_a_subaccount_spends_for_itself_alone(api, account):
    first, second = await api.subaccount(account), await api.subaccount(account)
    client = api.client(account=first)
    assert await charge(client, account, "own", subaccount=first.id) == POSTED
    assert (await charge(client, account, "another's", subaccount=second.id))[0] in {403, 404}
    assert await charge(client, account, "settled", settled=True) == (403, "forbidden")
    assert await charge(client, Account(first.id, ""), "its own path") == (404, "not_found")
    assert await charge(client, await api.open_account(), "another account") == (404, "not_found")
    assert await available(api, account) == "99.00"


async def test_one_is_unusable_unless_enabled(api, account):
    subaccount = await api.subaccount(account, enabled=False)
    client = api.client(account=subaccount)
    refused = (403, "subaccount_disabled")
    assert await charge(client, account, "1") == refused
    assert await charge(api.operator, account, "1", subaccount=subaccount.id) == refused
    await change(api, account, subaccount, enabled=True)
    assert await charge(client, account, "1") == POSTED
    await change(api, account, subaccount, enabled=False)
    assert await charge(client, account, "1") == POSTED, "what is stored is answered before the status is asked"
    assert await charge(client, account, "2") == refused
    assert await charge(client, account, "1", "2.00") == (422, "reference_reused")
    await change(api, account, subaccount, enabled=True)
    assert await charge(client, account, "2") == POSTED
    assert await available(api, account) == "98.00"


@pytest.mark.parametrize("end", ["disabled", "deleted"])
async def test_what_had_happened_before_the_end_is_taken_for_thirty_days(api, account, end):
    subaccount = await api.subaccount(account, monthly_budget="0", sender_ids=[])
    if end == "disabled":
        await change(api, account, subaccount, enabled=False)
        api.clock.advance(days=10)
        await change(api, account, subaccount, enabled=False)  # again: the days are counted from the first time
        api.clock.advance(days=-10)
    else:
        url = f"/v1/accounts/{account.id}/subaccounts/{subaccount.id}"
        assert (await api.operator.delete(url)).status_code == 200
    late = {"subaccount": subaccount.id, "settled": True, "sender_id": "X"}
    refusal = (403, "subaccount_disabled") if end == "disabled" else (409, "subaccount_deleted")
    assert await charge(api.operator, account, "new", subaccount=subaccount.id) == refusal
    assert await charge(api.operator, account, "late", "150.00", **late) == POSTED
    api.clock.advance(days=29, hours=23)
    assert await charge(api.operator, account, "later", **late) == POSTED
    api.clock.advance(hours=1)
    assert await charge(api.operator, account, "too late", **late) == (403, "settled_too_late")
    assert await charge(api.operator, account, "later", **late) == POSTED, "stored"
    assert await available(api, account) == "-51.00"


async def test_enabled_again_it_is_taken_as_ever(api, account):
    subaccount = await api.subaccount(account, enabled=False)
    api.clock.advance(days=31)
    late = {"subaccount": subaccount.id, "settled": True}
    assert await charge(api.operator, account, "1", **late) == (403, "settled_too_late")
    await change(api, account, subaccount, enabled=True)
    assert await charge(api.operator, account, "1", **late) == POSTED
    await change(api, account, subaccount, enabled=False)
    assert await charge(api.operator, account, "2", **late) == POSTED


async def test_a_deleted_one_spends_nothing(api, account):
    subaccount = await api.subaccount(account)
    client = api.client(account=subaccount)
    assert (await api.operator.delete(f"/v1/accounts/{account.id}/subaccounts/{subaccount.id}")).status_code == 200
    assert await charge(client, account, "1") == (401, "unauthenticated")
    assert await charge(api.operator, account, "1", subaccount=subaccount.id) == (409, "subaccount_deleted")
    assert await available(api, account) == "100.00"


async def test_a_list_of_senders_binds_its_owner_alone(api, account):
    listed, free = await api.subaccount(account, sender_ids=["A", "B"]), await api.subaccount(account)
    refused = (403, "sender_not_allowed")
    client = api.client(account=listed)
    assert await charge(client, account, "1", sender_id="A") == POSTED
    assert await charge(client, account, "2", sender_id="a") == refused
    assert await charge(client, account, "2", sender_id="C") == refused
    assert await charge(client, account, "3") == POSTED, "usage that names no sender passes"
    assert await charge(api.client(account=free), account, "4", sender_id="C") == POSTED
    assert await charge(api.client(account=account), account, "5", sender_id="C") == POSTED
    await api.operator.put(f"/v1/accounts/{account.id}/sender_ids", json={"sender_ids": []})
    assert await charge(api.client(account=account), account, "6", sender_id="C") == refused
    assert await charge(api.client(account=free), account, "6", sender_id="C") == POSTED
    url = f"/v1/accounts/{account.id}/subaccounts/{listed.id}/sender_ids"
    for senders, outcome in ((["C"], POSTED), ([], refused), (None, POSTED)):
        assert (await api.operator.put(url, json={"sender_ids": senders})).status_code == 200
        assert await charge(client, account, f"{senders}", sender_id="C") == outcome
    assert await charge(client, account, "none", sender_id=None) == POSTED


async def test_a_budget_is_what_a_month_may_cost(api, account):
    subaccount = await api.subaccount(account, monthly_budget="2.50")
    client = api.client(account=subaccount)
    refused = (402, "budget_exhausted")
    assert await charge(client, account, "1") == POSTED
    assert await charge(client, account, "2", "1.500001") == refused
    assert await charge(client, account, "2", "1.50") == POSTED
    assert await spent(api, account, subaccount) == ("2.50", "2026-11-01")
    assert await charge(client, account, "3", "0.000001") == refused
    assert await charge(client, account, "2", "1.50") == POSTED, "stored"
    assert await charge(api.operator, account, "3", subaccount=subaccount.id, settled=True) == POSTED
    assert await spent(api, account, subaccount) == ("3.50", "2026-11-01")
    await change(api, account, subaccount, monthly_budget="3.51")
    assert await charge(client, account, "4", "0.01") == POSTED
    await change(api, account, subaccount, monthly_budget="1.00")
    assert await spent(api, account, subaccount) == ("3.51", "2026-11-01")
    assert await charge(client, account, "5", "0.01") == refused
    await change(api, account, subaccount, monthly_budget=None)
    assert await spent(api, account, subaccount) == (None, None)
    assert await charge(client, account, "5", "10.00") == POSTED
    assert await available(api, account) == "86.49"


@pytest.mark.parametrize("window", [1, 2, 100_000])
async def test_a_new_budget_counts_what_the_month_has_spent(api, account, monkeypatch, window):
    monkeypatch.setattr(importlib.import_module("ledger.budgets"), "_WINDOW", window)
    subaccount, other = await api.subaccount(account), await api.subaccount(account)
    client = api.client(account=subaccount)
    api.clock.time = datetime(2026, 12, 1, 4, 59, tzinfo=UTC)  # in New York still November
    assert await charge(client, account, "november", "8.00") == POSTED
    holds, body = f"/v1/accounts/{account.id}/holds", {"amount": "3.00", "reference": "hold", "expires_in": 86400}
    held = (await client.post(holds, json=body)).json()
    api.clock.time = datetime(2026, 12, 1, 5, 1, tzinfo=UTC)
    assert await charge(client, account, "december", "2.00") == POSTED
    captured = await api.operator.post(f"{holds}/{held['id']}/capture", json={"amount": "1.00"})
    assert captured.status_code == 200  # it counts, and what it freed, in the month in which it was held
    assert await charge(api.client(account=other), account, "another's", "4.00") == POSTED
    assert await charge(api.client(account=account), account, "the account's own", "4.00") == POSTED
    await change(api, account, subaccount, monthly_budget="2.50")
    assert await spent(api, account, subaccount) == ("2.00", "2026-12-01")
    assert await charge(client, account, "more", "0.50") == POSTED
    assert await charge(client, account, "too much", "0.01") == (402, "budget_exhausted")


async def test_a_month_begins_in_the_accounts_time_zone(api, account):
    subaccount = await api.subaccount(account, monthly_budget="1.00")
    client = api.client(account=subaccount)
    api.clock.time = datetime(2026, 12, 1, 4, 59, tzinfo=UTC)  # 23:59 in New York, where the clocks have been set back
    assert await charge(client, account, "1") == POSTED
    assert await charge(client, account, "2") == (402, "budget_exhausted")
    assert await spent(api, account, subaccount) == ("1.00", "2026-11-01")
    api.clock.time = datetime(2026, 12, 1, 5, 0, tzinfo=UTC)
    assert await spent(api, account, subaccount) == ("0.00", "2026-12-01")
    assert await charge(client, account, "2") == POSTED
    assert await spent(api, account, subaccount) == ("1.00", "2026-12-01")
    assert await charge(client, account, "3") == (402, "budget_exhausted")


async def test_an_account_that_moves_west_is_not_given_a_month_twice(api):
    account = await api.open_account(timezone="Pacific/Kiritimati")
    await api.adjust(account, "10.00")
    subaccount = await api.subaccount(account, monthly_budget="1.00")
    client = api.client(account=subaccount)
    api.clock.time = datetime(2026, 11, 30, 11, tzinfo=UTC)  # there December
    assert await charge(client, account, "1") == POSTED
    await api.operator.patch(f"/v1/accounts/{account.id}", json={"timezone": "America/New_York"})
    assert await charge(client, account, "2") == (402, "budget_exhausted")
    assert await spent(api, account, subaccount) == ("1.00", "2026-11-01")


async def test_a_budget_of_zero_refuses_everything(api, account):
    subaccount = await api.subaccount(account, monthly_budget="0")
    client = api.client(account=subaccount)
    assert await charge(client, account, "1", "0.000001") == (402, "budget_exhausted")
    body = {"amount": "0.000001", "reference": "hold", "expires_in": 60}
    held = await client.post(f"/v1/accounts/{account.id}/holds", json=body)
    assert (held.status_code, held.json()["code"]) == (402, "budget_exhausted")
    assert await available(api, account) == "100.00"


async def test_a_budget_set_while_a_hold_is_open_counts_it_until_it_is_released(api, account):
    subaccount = await api.subaccount(account)
    body = {"amount": "4.00", "reference": "hold", "expires_in": 600, "subaccount": subaccount.id}
    holds = f"/v1/accounts/{account.id}/holds"
    held = (await api.operator.post(holds, json=body)).json()
    await change(api, account, subaccount, monthly_budget="5.00")
    assert await spent(api, account, subaccount) == ("4.00", "2026-11-01")
    captured = await api.operator.post(f"{holds}/{held['id']}/capture", json={"amount": "1.00"})
    assert captured.status_code == 200, captured.text
    assert await spent(api, account, subaccount) == ("1.00", "2026-11-01")
    await change(api, account, subaccount, monthly_budget=None)
    await change(api, account, subaccount, monthly_budget="5.00")
    assert await spent(api, account, subaccount) == ("1.00", "2026-11-01"), "the journal tells the same"


async def test_many_at_once_never_pass_a_budget(api, account):
    subaccount, free = await api.subaccount(account, monthly_budget="1.00"), await api.subaccount(account)
    answers = await asyncio.gather(
        *(charge(api.client(account=subaccount), account, f"budgeted {n}", "0.10") for n in range(24)),
        *(charge(api.client(account=free), account, f"free {n}", "0.10") for n in range(24)),
    )
    assert sorted(answers[:24]) == [POSTED] * 10 + [(402, "budget_exhausted")] * 14
    assert answers[24:] == [POSTED] * 24
    assert await spent(api, account, subaccount) == ("1.00", "2026-11-01")
    assert await available(api, account) == "96.60"


async def test_a_budget_set_during_charges_counts_each_of_them_once(api, account):
    subaccount = await api.subaccount(account)
    client = api.client(account=subaccount)
    for turn in range(4):
        running = [asyncio.create_task(charge(client, account, f"{turn} {n}", "0.01")) for n in range(16)]
        assert await running[turn] == POSTED
        await change(api, account, subaccount, monthly_budget="90.00")
        assert set(await asyncio.gather(*running)) == {POSTED}
        assert (await spent(api, account, subaccount))[0] == f"{0.16 * (turn + 1):.2f}"
        await change(api, account, subaccount, monthly_budget=None)


async def test_a_change_during_charges_holds_from_its_answer_on(api, account):
    """Charges run all the time; when the answer to a change is there, none that begins later is judged by the old."""
    subaccount = await api.subaccount(account)
    client = api.client(account=subaccount)
    for turn in range(5):
        running = [asyncio.create_task(charge(client, account, f"{turn} early {n}", "0.01")) for n in range(8)]
        await change(api, account, subaccount, enabled=False)
        later = await asyncio.gather(*(charge(client, account, f"{turn} late {n}", "0.01") for n in range(8)))
        assert later == [(403, "subaccount_disabled")] * 8
        assert set(await asyncio.gather(*running)) <= {POSTED, (403, "subaccount_disabled")}
        await change(api, account, subaccount, enabled=True, monthly_budget=None)
        assert await charge(client, account, f"{turn} enabled", "0.01") == POSTED
        await change(api, account, subaccount, monthly_budget="0")
        assert await charge(client, account, f"{turn} no budget", "0.01") == (402, "budget_exhausted")
        await change(api, account, subaccount, monthly_budget=None)


async def test_what_one_process_changes_holds_in_the_others(api, account, make_settings):
    subaccount = await api.subaccount(account)
    async with serving(make_settings(), api.clock) as other:
        client = other.client(account=subaccount)
        assert await charge(client, account, "known", sender_id="A") == POSTED
        for number, (fields, outcome) in enumerate(
            [
                ({"enabled": False}, (403, "subaccount_disabled")),
                ({"enabled": True}, POSTED),
                ({"sender_ids": []}, (403, "sender_not_allowed")),
                ({"sender_ids": None}, POSTED),
                ({"monthly_budget": "0"}, (402, "budget_exhausted")),
                ({"monthly_budget": None}, POSTED),
            ]
        ):
            await change(api, account, subaccount, **fields)
            assert await charge(client, account, f"{number}", sender_id="A") == outcome


@pytest.mark.parametrize("act", ["rotated", "deleted"])
async def test_a_revoked_token_is_refused_within_a_second_by_every_process(api, account, make_settings, act):
    subaccount = await api.subaccount(account)
    url = f"/v1/accounts/{account.id}/subaccounts/{subaccount.id}"
    async with serving(make_settings(), api.clock) as other:
        clients = [process.client(account=subaccount) for process in (api, other)]
        for number, client in enumerate(clients):
            assert await charge(client, account, f"known {number}") == POSTED
        if act == "rotated":
            answer = await api.operator.post(f"{url}/rotate_token", json={"overlap_days": 0})
        else:
            answer = await api.operator.delete(url)
        assert answer.status_code == 200
        await asyncio.sleep(1)  # what is promised
        for client in clients:
            assert await charge(client, account, "revoked") == (401, "unauthenticated")
            assert await charge(client, account, "known 0") == (401, "unauthenticated")
