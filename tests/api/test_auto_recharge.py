"""GET and PUT /v1/accounts/{id}/auto_recharge: D1 to D7 at the door."""

from datetime import date, timedelta

import pytest
from sqlalchemy import text

import ledger
from rules.bank_verification import Status
from rules.thresholds import Threshold
from store import auto_recharge, auto_story, balance_alerts
from store.balance_alerts import Due
from tests.api.on_file import DOLLAR, payer

BOTH = {"minimum": "20.00", "amount": "50.00"}


@pytest.fixture
async def owner(api):
    """Whose card is on file."""
    owner = await payer(api)
    owner.first = await owner.card()
    return owner


async def pause(owner, *, reason="card_declined"):
    async with owner.api.context.database.transaction() as session:
        await ledger.lock(session, [owner.account.id])
        row = await auto_recharge.get(session, owner.account.id)
        await auto_story.pause(
            session, row, reason=reason, why="Declined for good.", recharge_id=None, now=owner.api.clock.now()
        )
        await auto_recharge.rearm(session, row)
    assert (await owner.shown())["state"] == "paused"


async def test_off_until_chosen(owner):
    shown = await owner.shown()
    assert shown == {
        "livemode": False,
        "account": owner.account.id,
        "currency": "usd",
        "enabled": False,
        "minimum": None,
        "amount": None,
        "payment_method": None,
        "effective_payment_method": owner.first,
        "backup_payment_method": None,
        "limits": {"daily": None, "weekly": None, "monthly": None},
        "used": {"daily": "0.00", "weekly": "0.00", "monthly": "0.00"},
        "state": "off",
        "why": "Off until a minimum and an amount are chosen.",
        "total": "0.00",
        "recharge": None,
        "next_attempt_at": None,
        "limited_by": None,
        "limited_until": None,
        "paused_at": None,
        "paused_reason": None,
        "recommended": {
            "minimum": None,
            "amount": None,
            "why": "No recommendation yet: average daily usage is worked out every night, from the first full day on.",
        },
        "decisions": [],
    }
    await owner.end(await owner.recharge(25), "succeeded")
    assert (await owner.shown())["state"] == "off"
    assert await owner.wakes() == 0


async def test_buying_credit_never_changes_the_settings(owner):
    before = await owner.set(**BOTH, payment_method=owner.first, limits={"daily": "100.00"})
    await owner.end(await owner.recharge(40), "succeeded")
    after = await owner.shown()
    names = ("enabled", "minimum", "amount", "payment_method", "backup_payment_method", "limits")
    assert {name: after[name] for name in names} == {name: before[name] for name in names}
    assert after["used"] == {"daily": "40.00", "weekly": "40.00", "monthly": "40.00"}


async def test_the_owner_chooses_and_sees_what_they_chose(api, owner):
    backup = await owner.bank()
    body = {
        "enabled": True,
        "minimum": "20.005",
        "amount": "50",
        "payment_method": owner.first,
        "backup_payment_method": backup,
        "limits": {"daily": "100.00", "monthly": "1000.00"},
    }
    answer = await api.client(account=owner.account).put(owner.path, json=body)
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    assert shown == await owner.shown()
    assert (shown["minimum"], shown["amount"], shown["state"]) == ("20.005", "50.00", "watching")
    assert (shown["payment_method"], shown["backup_payment_method"]) == (owner.first, backup)
    assert shown["limits"] == {"daily": "100.00", "weekly": None, "monthly": "1000.00"}
    assert "$50.00 is recharged when" in shown["why"]
    assert [decision["what"] for decision in shown["decisions"]] == ["enabled"]
    assert await owner.watched() == ["20.005"]
    assert await owner.events() == ["updated"]


async def test_a_balance_at_the_minimum_wakes_at_once_and_one_above_it_does_not(api, owner):
    await api.adjust(owner.account, "20.00")
    await owner.set(**BOTH)
    assert await owner.wakes() == 1
    await api.adjust(owner.account, "0.000001")
    await owner.set(**BOTH)
    assert await owner.wakes() == 0


async def test_raising_the_minimum_over_the_balance_wakes(api, owner):
    await api.adjust(owner.account, "30.00")
    await owner.set(**BOTH)
    assert await owner.wakes() == 0
    await owner.set(minimum="30.00", amount="50.00")
    assert await owner.wakes() == 1


async def test_switched_off_alone_keeps_the_rest(api, owner):
    assert (await owner.set(enabled=False))["state"] == "off"
    assert (await owner.shown())["decisions"] == []
    await owner.set(**BOTH, limits={"weekly": "60.00"})
    await owner.wakes()
    shown = await owner.set(enabled=False)
    assert (shown["enabled"], shown["state"], shown["minimum"], shown["limits"]["weekly"]) == (
        False, "off", "20.00", "60.00",
    )  # fmt: skip
    assert "Switched off" in shown["why"]
    assert await owner.watched() == []
    assert await owner.wakes() == 0
    await owner.set(**BOTH)
    assert await owner.wakes() == 1
    assert await owner.events() == ["updated", "updated", "updated"]


async def test_the_same_settings_again_are_no_change(owner):
    await owner.set(**BOTH)
    shown = await owner.set(**BOTH)
    assert len(shown["decisions"]) == 1
    assert await owner.events() == ["updated"]


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"minimum": "20.00"}, "invalid_field", "amount"),
        ({"amount": "50.00"}, "invalid_field", "minimum"),
        ({"enabled": True}, "invalid_field", "minimum"),
        ({}, "invalid_field", "minimum"),
        ({"enabled": False, "minimum": "20.00"}, "invalid_field", "amount"),
        (BOTH | {"minimum": None}, "invalid_field", "minimum"),
        (BOTH | {"enabled": None}, "invalid_field", "enabled"),
        (BOTH | {"enabled": "yes"}, "invalid_field", "enabled"),
        (BOTH | {"amount": "24.99"}, "amount_too_small", "amount"),
        (BOTH | {"amount": "10000.01"}, "amount_too_large", "amount"),
        (BOTH | {"amount": "25.001"}, "amount_invalid", "amount"),
        (BOTH | {"amount": 50}, "amount_invalid", "amount"),
        (BOTH | {"minimum": "-1.00"}, "amount_invalid", "minimum"),
        (BOTH | {"minimum": "10000.01"}, "amount_too_large", "minimum"),
        (BOTH | {"limits": {"daily": "49.99"}}, "amount_too_small", "limits.daily"),
        (BOTH | {"limits": {"weekly": "49.99"}}, "amount_too_small", "limits.weekly"),
        (BOTH | {"limits": {"monthly": "49.99"}}, "amount_too_small", "limits.monthly"),
        (BOTH | {"limits": {"daily": "0"}}, "amount_invalid", "limits.daily"),
        (BOTH | {"limits": {"daily": "50.001"}}, "amount_invalid", "limits.daily"),
        (BOTH | {"limits": {"yearly": "50.00"}}, "invalid_field", "limits.yearly"),
        (BOTH | {"limits": None}, "invalid_field", "limits"),
        (BOTH | {"payment_method": "4242"}, "invalid_field", "payment_method"),
        (BOTH | {"payment_method": "card_0"}, "not_found", "payment_method"),
        (BOTH | {"backup_payment_method": "bank_0"}, "not_found", "backup_payment_method"),
        (BOTH | {"state": "off"}, "invalid_field", "state"),
    ],
    ids=str,
)
async def test_bad_settings_are_named_and_change_nothing(owner, body, code, param):
    before = await owner.set(**BOTH | {"minimum": "21.00"})
    await owner.wakes()
    answer = await owner.set(status=404 if code == "not_found" else 422, **body)
    assert (answer["code"], answer["param"]) == (code, param), answer
    assert await owner.shown() == before
    assert await owner.wakes() == 0


async def test_the_bounds_themselves_are_taken(owner):
    shown = await owner.set(minimum="0", amount="25.00", limits={"daily": "25.00"})
    assert (shown["minimum"], shown["amount"], shown["limits"]["daily"]) == ("0.00", "25.00", "25.00")
    assert (await owner.set(minimum="10000.00", amount="10000.00"))["amount"] == "10000.00"


async def test_without_a_card_a_method_has_to_be_named(api):
    owner = await payer(api)
    answer = await owner.set(status=409, **BOTH)
    assert (answer["code"], answer["param"], answer["reason"]) == (
        "payment_method_not_usable", "payment_method", "no_default_card",
    )  # fmt: skip
    assert (await owner.shown())["state"] == "off"


async def test_a_method_of_another_account_is_not_found(api, owner):
    stranger = await payer(api)
    foreign = await stranger.card()
    for param in ("payment_method", "backup_payment_method"):
        answer = await owner.set(status=404, **BOTH | {param: foreign})
        assert (answer["code"], answer["param"]) == ("not_found", param)


async def test_removed_and_unverified_methods_are_refused(owner):
    removed = await owner.card()
    await owner.remove_card(removed)
    unverified = await owner.bank(status=Status.PENDING)
    for method, reason in ((removed, "method_removed"), (unverified, "method_not_verified")):
        for param in ("payment_method", "backup_payment_method"):
            answer = await owner.set(status=409, **BOTH | {param: method})
            assert (answer["code"], answer["param"], answer["reason"]) == ("payment_method_not_usable", param, reason)


async def test_an_unusable_method_does_not_keep_anybody_from_switching_off(owner):
    second = await owner.card()
    await owner.set(**BOTH, payment_method=second)
    await owner.remove_card(second)
    shown = await owner.set(enabled=False, **BOTH, payment_method=second)
    assert (shown["enabled"], shown["payment_method"]) == (False, second)


async def test_a_blocked_bank_account_is_refused(owner):
    blocked = await owner.bank()
    await owner.move_bank(blocked, Status.BLOCKED)
    assert (await owner.set(status=409, **BOTH, payment_method=blocked))["reason"] == "method_blocked"


async def test_the_back_up_is_another_method_than_the_first(owner):
    for named in ({}, {"payment_method": owner.first}):
        answer = await owner.set(status=422, **BOTH, **named, backup_payment_method=owner.first)
        assert (answer["code"], answer["param"]) == ("backup_is_primary", "backup_payment_method")
    second = await owner.card()
    assert (await owner.set(**BOTH, backup_payment_method=second))["backup_payment_method"] == second


async def test_a_mandate_bounds_the_amount(owner):
    bank = await owner.bank(largest_cents=40_00)
    for param in ("payment_method", "backup_payment_method"):
        answer = await owner.set(status=422, **BOTH | {"amount": "40.01", param: bank})
        assert (answer["code"], answer["param"], answer["maximum"]) == ("amount_too_large", "amount", "40.00")
        await owner.set(**BOTH | {"amount": "40.00", param: bank})


async def test_the_default_card_is_followed(owner):
    await owner.set(**BOTH)
    second = await owner.card()
    assert (await owner.shown())["effective_payment_method"] == owner.first
    await owner.api.operator.post(f"/v1/accounts/{owner.account.id}/cards/{second}/default")
    shown = await owner.shown()
    assert (shown["payment_method"], shown["effective_payment_method"]) == (None, second)


async def test_a_subaccount_changes_and_sees_nothing(api, owner):
    await owner.set(**BOTH)
    client = api.client(account=await api.subaccount(owner.account))
    assert (await client.get(owner.path)).status_code == 403
    assert (await client.put(owner.path, json={"enabled": False})).status_code == 403
    assert (await owner.shown())["enabled"] is True


async def test_an_operators_change_is_in_the_audit_log(api, owner):
    await owner.set(**BOTH)
    await api.client(account=owner.account).put(owner.path, json=BOTH)
    entries = (await api.operator.get("/v1/audit")).json()["data"]
    (entry,) = [entry for entry in entries if entry["action"] == "account.auto_recharge_set"]
    assert entry["details"] == {"fields": ["amount", "minimum"], "enabled": True}


async def test_a_closed_account_takes_no_settings(api, owner):
    async with api.context.database.transaction() as session:
        await session.execute(text("UPDATE account SET status = 'closed'"))
    assert (await owner.set(status=409, **BOTH))["code"] == "account_closed"


async def test_a_suspended_account_is_not_woken_until_the_suspension_is_lifted(api, owner):
    path = f"/v1/accounts/{owner.account.id}"
    await api.operator.patch(path, json={"status": "suspended", "reason": "a dispute"})
    shown = await owner.set(**BOTH)
    assert shown["why"] == "The account is suspended: nothing is recharged until it is active."
    assert await owner.wakes() == 0
    await api.operator.patch(path, json={"status": "active", "reason": "settled"})
    assert await owner.wakes() == 1


async def test_the_recommendation_stands_beside_the_settings(api, owner):
    due = Due(account_id=owner.account.id, created_at=api.clock.now(), timezone="UTC", today=date(2026, 11, 24))
    async with api.context.database.transaction() as session:
        await balance_alerts.recommend(session, due, micros=19 * DOLLAR, now=api.clock.now())
    shown = (await owner.shown())["recommended"]
    assert (shown["minimum"], shown["amount"]) == ("19.00", "25.00")
    assert "day of usage" in shown["why"]
    await owner.set(**BOTH, payment_method=await owner.bank())
    shown = (await owner.shown())["recommended"]  # Tuesday: Thursday is a holiday, the answer comes on Tuesday
    assert (shown["minimum"], shown["amount"]) == ("133.00", "133.00")
    assert "7 calendar days" in shown["why"]


async def test_the_first_settings_tell_their_use_and_why(api, owner):
    await api.adjust(owner.account, "5.00")
    waiting = await owner.recharge(30)
    shown = await owner.set(**BOTH, limits={"daily": "60.00"})
    assert (shown["total"], shown["used"]["daily"], shown["state"]) == ("35.00", "30.00", "watching")
    assert await owner.wakes() == 0
    await owner.end(waiting, "failed")
    shown = await owner.shown()
    assert (shown["total"], shown["used"]["daily"]) == ("5.00", "0.00")
    assert await owner.wakes() == 1


async def test_a_scheduled_recharge_counts_against_no_limit(owner):
    await owner.recharge(30, kind="scheduled", method="bank_1")
    assert (await owner.shown())["used"]["monthly"] == "0.00"


async def test_use_is_counted_by_the_windows_of_the_accounts_zone(api):
    owner = await payer(api, timezone="America/New_York")
    await owner.card()
    api.clock.time = api.clock.time.replace(hour=4, minute=30)  # Monday 23:30 in New York
    await owner.end(await owner.recharge(25), "succeeded")
    api.clock.advance(hours=1)
    assert (await owner.shown())["used"] == {"daily": "0.00", "weekly": "25.00", "monthly": "25.00"}
    api.clock.advance(days=6)
    assert (await owner.shown())["used"] == {"daily": "0.00", "weekly": "0.00", "monthly": "25.00"}
    api.clock.advance(days=1, hours=2)
    assert (await owner.shown())["used"]["monthly"] == "0.00"


async def test_a_pause_is_lifted_by_the_owners_put_of_the_same_settings(owner):
    await owner.set(**BOTH)
    await owner.wakes()
    await pause(owner)
    shown = await owner.shown()
    assert (shown["paused_reason"], shown["why"]) == ("card_declined", "Declined for good.")
    assert await owner.watched() == []
    shown = await owner.set(**BOTH)
    assert (shown["state"], shown["paused_at"], shown["paused_reason"]) == ("watching", None, None)
    assert [decision["what"] for decision in shown["decisions"]] == ["resumed", "paused", "enabled"]
    assert await owner.wakes() == 1
    assert await owner.watched() == ["20.00"]
    assert await owner.events() == ["updated", "paused", "resumed"]


async def test_what_lifts_a_pause(api, owner):
    backup = await owner.bank()
    unused = await owner.card()
    await owner.set(**BOTH, payment_method=owner.first, backup_payment_method=backup)

    async def succeeded(kind):
        method = "bank_1" if kind == "scheduled" else "card_1"
        await owner.end(await owner.recharge(25, kind=kind, method=method), "succeeded")

    async def new_default():
        await api.operator.post(f"/v1/accounts/{owner.account.id}/cards/{unused}/default")

    await owner.move_bank(backup, Status.BLOCKED)
    for lifts, act in (
        (False, lambda: owner.renew(unused)),
        (True, lambda: owner.renew(owner.first)),
        (True, lambda: owner.move_bank(backup, Status.VERIFIED)),
        (True, new_default),
        (False, new_default),  # it is the default already
        (False, lambda: succeeded("scheduled")),
        (True, lambda: succeeded("manual")),
    ):
        await owner.wakes()
        await pause(owner)
        await act()
        shown = await owner.shown()
        assert (shown["state"] != "paused") is lifts
        if lifts:
            assert shown["decisions"][0]["what"] == "resumed"
        else:
            assert await owner.wakes() == 0


async def test_a_limit_stands_in_the_way_until_its_window_the_balance_or_the_owner_changes_that(api, owner):
    async def limited(until):
        async with api.context.database.transaction() as session:
            await ledger.lock(session, [owner.account.id])
            row = await auto_recharge.get(session, owner.account.id)
            return await auto_story.limited(session, row, by="daily", until=until, why="Used up.", now=api.clock.now())

    limits = {"daily": "60.00"}
    await owner.set(**BOTH, limits=limits)
    until = api.clock.now() + timedelta(hours=5)
    assert await limited(until)
    assert not await limited(until), "once for each window"
    shown = await owner.shown()
    assert (shown["state"], shown["limited_by"], shown["why"]) == ("limited", "daily", "Used up.")
    assert shown["limited_until"] == until.isoformat().replace("+00:00", "Z")
    await api.adjust(owner.account, "20.01")
    assert ((await owner.shown())["state"], (await owner.shown())["limited_by"]) == ("watching", None)
    await api.adjust(owner.account, "-0.01", kind="correction")
    assert (await owner.shown())["state"] == "limited"
    await owner.wakes()
    raised = await owner.set(**BOTH, limits={"daily": "110.00"})
    assert (raised["state"], raised["limited_until"], await owner.wakes()) == ("watching", None, 1)
    assert not await limited(until), "of this window the owner was told already"
    api.clock.advance(hours=6)
    assert (await owner.shown())["state"] == "watching"
    assert await limited(until + timedelta(days=1))
    assert await owner.events() == ["updated", "limited", "updated", "limited"]
    kinds = [row["kind"] for row in (await api.operator.get(f"/v1/accounts/{owner.account.id}/notices")).json()["data"]]
    assert kinds.count("auto_recharge_limited") == 2


async def test_a_failed_manual_recharge_lifts_nothing(owner):
    await owner.set(**BOTH)
    started = await owner.recharge(25)
    await pause(owner)
    await owner.wakes()
    await owner.end(started, "failed")
    assert (await owner.shown())["state"] == "paused"
    assert await owner.wakes() == 0


async def test_steps_are_watched_while_a_card_waits_for_its_next_try_alone(api, owner):
    await api.adjust(owner.account, "20.00")
    await owner.set(minimum="20.00", amount="50.00")
    bank = await owner.bank()

    async def wait(recharge_id, until):
        async with api.context.database.transaction() as session:
            await ledger.lock(session, [owner.account.id])
            row = await auto_recharge.get(session, owner.account.id)
            await auto_story.waits(
                session, row, until=until, why="Declined.", recharge_id=recharge_id, now=api.clock.now()
            )
            await auto_recharge.rearm(session, row)

    for method, steps in ((owner.first, ["15.00", "10.00", "5.00", "0.00"]), (bank, [])):
        recharge = await owner.recharge(50, kind="auto", method=method)
        assert (await owner.shown())["state"] == "charging"
        assert await owner.watched(Threshold.STEP) == []
        until = api.clock.now()
        await wait(recharge, until)
        shown = await owner.shown()
        assert (shown["state"], shown["recharge"]) == ("retrying", recharge)
        assert await owner.watched(Threshold.STEP) == steps
        await wait(recharge, None)
        assert await owner.watched(Threshold.STEP) == []
        await wait(recharge, until)
        await owner.end(recharge, "failed")
        assert await owner.watched(Threshold.STEP) == []
        assert (await owner.shown())["next_attempt_at"] is None
