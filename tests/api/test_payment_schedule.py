"""GET, PUT and DELETE /v1/accounts/{id}/payment_schedule: E7, E8 and E13 at the door."""

import pytest
from sqlalchemy import text

from rules.bank_verification import Status
from rules.business_days import eastern
from store import payment_schedules
from tests.api.on_file import payer as open_payer

LARGEST = 10_000_00


@pytest.fixture
async def payer(api):
    made = await open_payer(api)
    await made.card()
    return made


@pytest.fixture
def path(payer):
    return f"/v1/accounts/{payer.account.id}/payment_schedule"


@pytest.fixture
def call(api, payer, path):
    """GET without a body, PUT with one, as the owner."""
    owner = api.client(account=payer.account)

    async def make(body=None, *, status=200):
        answer = await (owner.get(path) if body is None else owner.put(path, json=body))
        assert answer.status_code == status, answer.text
        return answer.json()

    return make


@pytest.fixture
async def bank(payer):
    return await payer.bank()


def body(bank, **fields):
    return {"day_of_month": 15, "amount": "50.00", "bank_account": bank} | fields


async def sweep(api, payer):
    async with api.context.database.transaction() as session:
        return await payment_schedules.debit(session, payer.account.id, largest_cents=LARGEST, now=api.clock.now())


async def told(api, query):
    async with api.context.database.transaction() as session:
        return (await session.execute(text(query))).all()


async def test_without_one_it_says_so(call, payer):
    assert await call() == {
        "livemode": False,
        "account": payer.account.id,
        "enabled": False,
        "day_of_month": None,
        "amount": None,
        "currency": "usd",
        "bank_account": None,
        "next_debit_on": None,
        "next_amount": None,
        "why": "There is no payment schedule.",
        "pending_change": None,
        "in_flight": None,
        "created_at": None,
        "updated_at": None,
    }


async def test_set_it_says_when_the_next_debit_is_made_and_why_then(call, bank):
    shown = await call(body(bank, day_of_month=31))
    assert (shown["enabled"], shown["day_of_month"], shown["amount"]) == (True, 31, "50.00")
    assert (shown["next_debit_on"], shown["next_amount"]) == ("2026-11-30", "50.00")
    assert shown["why"] == (
        "The debit for November 2026 is made on Monday, November 30, 2026, at 09:00 Eastern. That month has no day 31:"
        " its last day counts."
    )
    assert await call() == shown


async def test_chosen_on_that_day_after_nine_it_starts_next_month(call, bank):
    """It is 10:00 Eastern on November 24."""
    assert (await call(body(bank, day_of_month=24)))["next_debit_on"] == "2026-12-24"


async def test_disabled_it_can_be_kept_for_later(call, payer, bank):
    shown = await call(body(bank, enabled=False))
    assert (shown["enabled"], shown["next_debit_on"], shown["next_amount"]) == (False, None, None)
    assert shown["why"] == "The payment schedule is paused: nothing is debited."
    await payer.move_bank(bank, Status.REMOVED)
    assert not (await call(body(bank, enabled=False, amount="60.00")))["enabled"], (
        "a pause needs no usable bank account"
    )


async def test_another_amount_stands_after_seven_days(api, call, bank):
    await call(body(bank, day_of_month=28))
    shown = await call(body(bank, day_of_month=28, amount="80.00"))
    assert (shown["amount"], shown["next_amount"], shown["next_debit_on"]) == ("50.00", "50.00", "2026-11-30")
    pending = shown["pending_change"]
    assert (pending["day_of_month"], pending["amount"]) == (28, "80.00")
    assert pending["effective_at"].startswith("2026-12-01T15:00:00")
    assert "$80.00 on day 28 was asked for" in shown["why"]
    api.clock.advance(days=7)
    later = await call()
    assert (later["amount"], later["pending_change"]) == ("80.00", None)
    assert (later["next_debit_on"], later["next_amount"]) == ("2026-11-30", "50.00"), "late, by the terms before"


async def test_changed_while_this_months_debit_is_in_flight(api, call, payer, bank):
    await call(body(bank, day_of_month=25))
    api.clock.time = eastern(api.clock.time.date().replace(day=25), api.clock.time.time().replace(hour=9, minute=0))
    assert await sweep(api, payer)
    shown = await call(body(bank, day_of_month=28))
    (recharge,) = await told(api, "SELECT id, schedule_month FROM recharge")
    assert (shown["in_flight"], shown["next_debit_on"]) == (recharge.id, "2026-12-28"), "November keeps its debit"
    assert not await sweep(api, payer)
    seen = (await api.operator.get(f"/v1/accounts/{payer.account.id}/recharges/{recharge.id}")).json()
    assert (seen["kind"], seen["amount"], seen["payment_method"]) == ("scheduled", "50.00", bank)
    assert seen["schedule_month"] == "2026-11"
    assert seen["timeline"][0]["detail"] == "$50.00 by bank debit, for November 2026"


async def test_deleted_while_this_months_debit_is_in_flight(api, call, payer, path, bank):
    await call(body(bank, day_of_month=25))
    api.clock.advance(days=1)
    assert await sweep(api, payer)
    (recharge,) = await told(api, "SELECT id FROM recharge")
    owner = api.client(account=payer.account)
    gone = {"livemode": False, "account": payer.account.id, "deleted": True, "in_flight": recharge.id}
    for _ in range(2):
        answer = await owner.delete(path)
        assert (answer.status_code, answer.json()) == (200, gone)
    assert (await call())["why"] == "There is no payment schedule."
    assert (await call(body(bank, day_of_month=28)))["next_debit_on"] == "2026-12-28", "November keeps its debit"
    assert len(await told(api, "SELECT 1 FROM event WHERE type = 'payment_schedule.deleted'")) == 1


async def test_a_month_without_its_debit_is_told(api, call, payer, bank):
    await call(body(bank, day_of_month=25))
    await payer.move_bank(bank, Status.BLOCKED)
    api.clock.advance(days=1)
    assert not await sweep(api, payer)
    shown = await call()
    assert shown["next_debit_on"] == "2026-12-28"
    assert shown["why"].endswith("Nothing was debited for November 2026: the bank account is blocked.")


async def test_what_stands_against_the_next_debit_is_said_before_it_is_due(api, call, payer, bank):
    await call(body(bank))
    assert "As things stand" not in (await call())["why"]
    await payer.move_bank(bank, Status.BLOCKED)
    assert "As things stand nothing would be debited: the bank account is blocked." in (await call())["why"]
    await payer.move_bank(bank, Status.VERIFIED)
    async with api.context.database.transaction() as session:
        await session.execute(text("UPDATE account SET status = 'suspended'"))
    assert "As things stand nothing would be debited: the account is suspended." in (await call())["why"]
    assert "As things stand" not in (await call(body(bank, enabled=False)))["why"], "a pause debits nothing anyway"


async def test_operators_are_in_the_audit_log_and_owners_are_not(api, call, payer, path, bank):
    await call(body(bank))
    await api.operator.put(path, json=body(bank, enabled=False))
    await api.operator.delete(path)
    await api.operator.delete(path)
    acts = await told(
        api, "SELECT action, object_id FROM audit_entry WHERE action LIKE 'payment_schedule%' ORDER BY id"
    )
    assert [tuple(act) for act in acts] == [("payment_schedule.set", bank), ("payment_schedule.deleted", None)]


# What is refused


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"day_of_month": 0}, "invalid_field", "day_of_month"),
        ({"day_of_month": 32}, "invalid_field", "day_of_month"),
        ({"day_of_month": -1}, "invalid_field", "day_of_month"),
        ({"day_of_month": "15"}, "invalid_field", "day_of_month"),
        ({"day_of_month": 15.5}, "invalid_field", "day_of_month"),
        ({"day_of_month": True}, "invalid_field", "day_of_month"),
        ({"day_of_month": None}, "invalid_field", "day_of_month"),
        ({"amount": "24.99"}, "amount_too_small", "amount"),
        ({"amount": "10000.01"}, "amount_too_large", "amount"),
        ({"amount": "25.001"}, "amount_invalid", "amount"),
        ({"amount": "-25.00"}, "amount_invalid", "amount"),
        ({"amount": 50}, "amount_invalid", "amount"),
        ({"bank_account": None}, "invalid_field", "bank_account"),
        ({"bank_account": "card_0000000000000000000000000A"}, "invalid_field", "bank_account"),
        ({"bank_account": "bank_0000000000000000000000000A"}, "not_found", "bank_account"),
        ({"enabled": "yes"}, "invalid_field", "enabled"),
        ({"enabled": None}, "invalid_field", "enabled"),
        ({"currency": "eur"}, "currency_not_supported", "currency"),
        ({"day": 15}, "invalid_field", "day"),
    ],
)
async def test_what_breaks_a_rule_is_named(call, bank, fields, code, param):
    status = 404 if code == "not_found" else 422
    problem = await call(body(bank, **fields), status=status)
    assert (problem["code"], problem["param"]) == (code, param)
    assert (await call())["why"] == "There is no payment schedule."


@pytest.mark.parametrize("missing", ["day_of_month", "amount", "bank_account"])
async def test_all_of_it_is_needed(call, bank, missing):
    """A schedule without a bank account, a day or an amount is none."""
    given = body(bank)
    del given[missing]
    problem = await call(given, status=422)
    assert (problem["code"], problem["param"]) == ("invalid_field", missing)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (Status.PENDING, "method_not_verified"),
        (Status.BLOCKED, "method_blocked"),
        (Status.FAILED, "method_removed"),
        (Status.EXPIRED, "method_removed"),
        (Status.REMOVED, "method_removed"),
    ],
)
async def test_it_is_enabled_for_a_verified_bank_account_only(call, payer, status, reason):
    bank = await payer.bank(status=status)
    problem = await call(body(bank), status=409)
    assert (problem["code"], problem["param"], problem["reason"]) == (
        "payment_method_not_usable", "bank_account", reason,
    )  # fmt: skip


async def test_a_dead_mandate_is_refused(api, call, bank):
    async with api.context.database.transaction() as session:
        await session.execute(text("UPDATE mandate SET status = 'inactive', ended_at = created_at"))
    problem = await call(body(bank), status=409)
    assert (problem["code"], problem["reason"]) == ("payment_method_not_usable", "method_without_mandate")


async def test_anothers_bank_account_is_not_there(api, call):
    other = await open_payer(api)
    await other.card()
    problem = await call(body(await other.bank()), status=404)
    assert (problem["code"], problem["param"]) == ("not_found", "bank_account")


async def test_no_more_than_the_mandate_allows(call, payer):
    bank = await payer.bank(largest_cents=100_00)
    problem = await call(body(bank, amount="100.01"), status=422)
    assert (problem["code"], problem["maximum"]) == ("amount_too_large", "100.00")
    assert (await call(body(bank, amount="100.00")))["enabled"]


async def test_a_subaccount_may_not(api, payer, path, bank):
    client = api.client(account=await api.subaccount(payer.account))
    for answer in (await client.get(path), await client.put(path, json=body(bank)), await client.delete(path)):
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_a_closed_account_may_not(api, call, bank):
    async with api.context.database.transaction() as session:
        await session.execute(text("UPDATE account SET status = 'closed'"))
    assert (await call(body(bank), status=409))["code"] == "account_closed"
