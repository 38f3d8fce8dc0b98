"""B2: the retention clock as days pass: real workflow, ledger, crossings and database; only time is skipped."""

import asyncio
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, text
from sqlmodel import col
from temporalio.api.enums.v1 import EventType
from temporalio.api.sdk.v1 import WorkflowMetadata

from models.event import Event
from models.notice import Notice, NoticeRecipient
from models.retention import RetentionClock
from rules import wording
from store import accounts, retention
from workflows import attributes

DAY = timedelta(days=1)


def handle(house):
    return house.temporal.get_workflow_handle(f"retention/{house.account.id}")


async def ended(house) -> str:
    return await house.finished(f"retention/{house.account.id}")


async def fund(house, amount, **fields):
    await house.sync()
    answer = await house.api.adjust(house.account, amount, **fields)
    assert answer.status_code == 201, answer.text


async def spend(house, amount, reference, **fields):
    await house.sync()
    body = {"amount": amount, "reference": reference} | fields
    answer = await house.api.operator.post(f"/v1/accounts/{house.account.id}/usage", json=body)
    assert answer.status_code == 201, answer.text


async def exhaust(house):
    """Down to zero, and everybody has heard of it."""
    await fund(house, "5.00")
    await spend(house, "5.00", "the last call")
    await house.hand_on_crossings()
    return await running(house)


async def clocks(house):
    async with house.database.transaction() as session:
        found = await session.scalars(
            select(RetentionClock)
            .where(col(RetentionClock.account_id) == house.account.id)
            .order_by(col(RetentionClock.seq))
        )
        return list(found.all())


async def running(house):
    (clock,) = [one for one in await clocks(house) if one.ended_at is None]
    return clock


async def outcomes(house):
    return [one.outcome for one in await clocks(house)]


async def told(house, *kinds):
    """Notices of these kinds, oldest first."""
    async with house.database.transaction() as session:
        found = await session.scalars(
            select(Notice).where(col(Notice.kind).in_(kinds)).order_by(col(Notice.created_at), col(Notice.kind))
        )
        return list(found.all())


async def kinds_told(house):
    wanted = ("balance_exhausted", "retention_ending", "retention_ended", "retention_ended_for_operators")
    return [one.kind for one in await told(house, *wanted)]


async def events(house, prefix="account.retention_"):
    async with house.database.transaction() as session:
        found = await session.scalars(
            select(Event).where(col(Event.type).startswith(prefix)).order_by(col(Event.created_at), col(Event.id))
        )
        return list(found.all())


async def types(house, prefix="account.retention_"):
    return [one.type.removeprefix(prefix) for one in await events(house, prefix)]


async def looked(house, *, at_least):
    """Wait until the workflow has asked so often how the clock stands, and waits for time or news."""

    async def read(_):
        history = await handle(house).fetch_history()
        done = [one for one in history.events if one.event_type == EventType.EVENT_TYPE_TIMER_STARTED]
        return len(done)

    await house.until("prepay_outbox", "nothing", lambda timers: timers >= at_least, read)


async def until_told(house, kind, times=1):
    async def read(_):
        return len(await told(house, kind))

    await house.until("prepay_outbox", "nothing", lambda count: count >= times, read)


async def test_thirty_days_from_zero_to_the_end(house):
    async with house.working():
        clock = await exhaust(house)
        assert clock.ends_at - clock.started_at == 30 * DAY
        shown = await house.get("balance")
        assert (shown["available"], shown["status"]) == ("0.00", "exhausted")
        assert datetime.fromisoformat(shown["retention_ends_at"]) == clock.ends_at
        assert await ended(house) == "ended"
        await house.sync()
        (clock,) = await clocks(house)
        assert (clock.outcome, clock.told) == ("ended", [1, 7])
        assert timedelta(0) <= clock.ended_at - clock.ends_at < timedelta(minutes=1)
        assert clock.ends_at - clock.started_at == 30 * DAY

        assert await kinds_told(house) == [
            "balance_exhausted", "retention_ending", "retention_ending",
            "retention_ended", "retention_ended_for_operators",
        ]  # fmt: skip
        start, week, day, end, _ = await told(
            house, "balance_exhausted", "retention_ending", "retention_ended", "retention_ended_for_operators"
        )
        for notice, before in ((start, 30), (week, 7), (day, 1), (end, 0)):
            late = notice.created_at - (clock.ends_at - before * DAY)
            assert timedelta(0) <= late < timedelta(minutes=1), notice.kind
        assert (week.facts["days_left"], day.facts["days_left"]) == (7, 1)
        assert await types(house) == ["started", "ending", "ending", "ended"]
        assert [one.data.get("days_left") for one in await events(house)] == [None, 7, 1, None]
        assert {one.account_id for one in await events(house)} == {house.account.id}

        shown = await house.get("balance")
        assert (shown["retention_ends_at"], shown["status"]) == (None, "exhausted")
        async with house.database.transaction() as session:
            assert (await accounts.find(session, house.account.id)).status == "active", "nothing is deleted or closed"
        await house.record("retention/ended_after_thirty_days", f"retention/{house.account.id}")


async def test_the_owners_notices_go_to_the_added_addresses_too_and_the_operators_to_none_of_them(house):
    body = {"thresholds": [], "emails": ["cfo@customer.example"]}
    answer = await house.owner.put(f"/v1/accounts/{house.account.id}/balance_alerts", json=body)
    assert answer.status_code == 200, answer.text
    async with house.working():
        await exhaust(house)
        await ended(house)
    async with house.database.transaction() as session:
        rows = await session.execute(
            select(col(Notice.kind), col(NoticeRecipient.email)).join(
                NoticeRecipient, col(NoticeRecipient.notice_id) == col(Notice.id)
            )
        )
        found = {(kind, email) for kind, email in rows if kind != "balance_alert"}
    kinds = ("balance_exhausted", "retention_ending", "retention_ended")
    emails = ("ada@customer.example", "cfo@customer.example")
    assert found == {(kind, email) for kind in kinds for email in emails}


@pytest.mark.parametrize("day", [0.5, 25, 29.5])
async def test_money_ends_it_on_any_day(house, day):
    async with house.working():
        await exhaust(house)
        await house.pass_days(day)
        await fund(house, "0.01")
        shown = await house.get("balance")
        assert (shown["retention_ends_at"], shown["status"]) == (None, "active"), "at once, before anybody heard"
        await house.hand_on_crossings()
        heard_at = house.time
        assert await ended(house) == "canceled"
        closed_at = (await handle(house).describe()).close_time
        assert closed_at - heard_at < timedelta(hours=1), "at the signal, not at the next date"
        assert await outcomes(house) == ["canceled"]
        reminded = sum(day > before for before in (23, 29))
        assert await kinds_told(house) == ["balance_exhausted", *["retention_ending"] * reminded]
        assert await types(house) == ["started", *["ending"] * reminded, "canceled"]
        assert (await events(house))[-1].data["reason"] == "canceled"
        if day == 25:
            await house.record("retention/canceled_after_a_reminder", f"retention/{house.account.id}")


async def test_a_card_recharge_is_such_money(house):
    async with house.working():
        await exhaust(house)
        card = await house.add_card()
        answer = await house.owner.post(
            f"/v1/accounts/{house.account.id}/recharges",
            json={"amount": "25.00", "payment_method": card["id"]},
            headers={"Idempotency-Key": "recharge"},
        )
        assert (answer.status_code, answer.json()["status"]) == (201, "succeeded"), answer.text
        await house.hand_on_crossings()
        assert await ended(house) == "canceled"


async def test_money_that_leaves_it_below_zero_or_on_its_way_ends_nothing(house):
    async with house.working():
        await fund(house, "5.00")
        await spend(house, "25.00", "long call", settled=True)
        await house.hand_on_crossings()
        await fund(house, "20.00")
        await house.hand_on_crossings()
        assert (await house.get("balance"))["available"] == "0.00"
        assert await outcomes(house) == [None]
        assert await ended(house) == "ended"


async def test_down_again_after_money_is_a_clock_of_its_own(house):
    async with house.working():
        first = await exhaust(house)
        await house.pass_days(10)
        await fund(house, "1.00")
        await house.hand_on_crossings()
        assert await ended(house) == "canceled"
        await house.pass_days(1)
        await spend(house, "1.00", "one more")
        await house.hand_on_crossings()
        second = await running(house)
        assert second.seq > first.seq
        assert second.started_at - first.started_at >= 11 * DAY
        assert await ended(house) == "ended"
        assert await outcomes(house) == ["canceled", "ended"]
        assert (await kinds_told(house)).count("balance_exhausted") == 2


async def test_up_and_down_before_anybody_hears_is_the_second_clock_alone(house):
    """Crossings that waited while the relay was down for a day: what was over meanwhile starts no clock."""
    async with house.working():
        await fund(house, "5.00")
        await spend(house, "5.00", "first")
        await house.pass_days(0.5)
        await fund(house, "5.00")
        await spend(house, "5.00", "second")
        await house.pass_days(0.5)
        await house.hand_on_crossings()
        (clock,) = await clocks(house)
        assert timedelta(0) < house.time - clock.started_at < 0.6 * DAY, "since it is so, not since it is known"
        assert await types(house, "balance.") == ["restored", "exhausted", "restored", "exhausted"]
        assert await types(house) == ["started"]
        assert await kinds_told(house) == ["balance_exhausted"] * 2, "one for each crossing; the first is superseded"
        assert await ended(house) == "ended"


async def test_restored_before_anybody_hears_starts_nothing(house):
    async with house.working():
        await fund(house, "5.00")
        await spend(house, "5.00", "first")
        await fund(house, "5.00")
        await house.hand_on_crossings()
        assert await clocks(house) == []
        assert await types(house) == []


async def test_a_lost_signal_is_made_good_at_the_next_look(house):
    async with house.working():
        await exhaust(house)
        await looked(house, at_least=1)
        await fund(house, "5.00")
        assert await ended(house) == "canceled", "no crossing was handed on, no signal sent: the look reads the ledger"
        assert await kinds_told(house) == ["balance_exhausted"], "and nobody is reminded of what is over"
        (clock,) = await clocks(house)
        assert clock.ended_at - clock.started_at < DAY, "it ended when the money came"
        await house.hand_on_crossings()
        assert await types(house) == ["started", "canceled"], "the crossing that comes late tells nothing twice"
        await house.record("retention/canceled_without_a_signal", f"retention/{house.account.id}")


async def test_the_worker_is_restarted_in_each_wait(house):
    async with house.working(cache=0):
        clock = await exhaust(house)
        await looked(house, at_least=1)
    async with house.working(cache=0):
        await house.pass_days(24)
        await until_told(house, "retention_ending")
        await looked(house, at_least=2)
    async with house.working(cache=0):
        await house.pass_days(5.5)
        await until_told(house, "retention_ending", times=2)
        await looked(house, at_least=3)
    async with house.working(cache=0):
        assert await ended(house) == "ended"
    assert (await kinds_told(house)).count("retention_ending") == 2
    assert (await clocks(house))[0].ends_at == clock.ends_at
    await house.record("retention/restarted_in_each_wait", f"retention/{house.account.id}")


async def test_a_look_forty_days_late_still_leaves_a_day_to_act(house):
    async with house.working():
        await exhaust(house)
        await looked(house, at_least=1)
        async with house.database.transaction() as session:
            back = "started_at = started_at - interval '40 days', ends_at = ends_at - interval '40 days'"
            await session.execute(text(f"UPDATE retention_clock SET {back}"))
        before = (await clocks(house))[0]
        await handle(house).signal("look")
        assert await ended(house) == "ended"
    assert (await kinds_told(house)).count("retention_ending") == 1, "the newest alone"
    (warning,) = await told(house, "retention_ending")
    (after,) = await clocks(house)
    assert warning.facts["days_left"] == 1
    assert after.ends_at > before.ends_at
    assert after.ended_at - warning.created_at >= DAY


async def test_a_closed_account_has_no_clock_and_a_suspended_one_keeps_it(house):
    async with house.working():
        await exhaust(house)
        path = f"/v1/accounts/{house.account.id}"
        answer = await house.api.operator.patch(path, json={"status": "suspended", "reason": "unpaid"})
        assert answer.status_code == 200, answer.text
        await house.pass_days(24)
        await until_told(house, "retention_ending")
        async with house.database.transaction() as session:
            await session.execute(text("UPDATE account SET status = 'closed'"))
        await handle(house).signal("look")
        assert await ended(house) == "closed"
        assert await outcomes(house) == ["closed"]
        assert (await events(house))[-1].data["reason"] == "closed"
        assert "retention_ended" not in await kinds_told(house)


async def test_closing_takes_the_rest_and_starts_no_clock(house):
    async with house.working():
        await fund(house, "5.00")
        async with house.database.transaction() as session:
            await session.execute(text("UPDATE account SET status = 'closed'"))
        await spend(house, "5.00", "what the call came to", settled=True)
        await house.hand_on_crossings()
        assert await clocks(house) == []
        assert await kinds_told(house) == []
        assert "exhausted" in await types(house, "balance.")


async def test_looks_at_once_remind_once(house):
    async with house.working():
        clock = await exhaust(house)
        now = clock.ends_at - 7 * DAY

        async def look():
            async with house.database.transaction() as session:
                await retention.look(session, house.account.id, now=now)

        await asyncio.gather(*(look() for _ in range(6)))
        assert (await kinds_told(house)).count("retention_ending") == 1
        assert (await types(house)).count("ending") == 1


async def test_the_temporal_ui_tells_it(house):
    async with house.working():
        clock = await exhaust(house)
        await looked(house, at_least=1)
        shown = await handle(house).describe()
        until = wording.moment(clock.ends_at, "UTC")
        metadata = await handle(house).query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
        assert f"is kept until **{until}**" in metadata.current_details
        assert "Money that lifts the balance above zero ends this." in metadata.current_details
        found = shown.typed_search_attributes
        assert found.get(attributes.ACCOUNT) == house.account.id
        assert (found.get(attributes.KIND), found.get(attributes.STATE)) == ("retention", "running")
        assert found.get(attributes.EXPECTED_ON).date() == clock.ends_at.date()
        await ended(house)
        history = await handle(house).fetch_history()
        convert = house.temporal.data_converter.payload_converter.from_payload
        timers = [
            convert(one.user_metadata.summary, str)
            for one in history.events
            if one.event_type == EventType.EVENT_TYPE_TIMER_STARTED
        ]
        assert timers == [
            "Reminder, 7 days before the end",
            "Reminder, 1 day before the end",
            "The end: tell owner, operators and platform",
        ]
        shown = await handle(house).describe()
        assert shown.typed_search_attributes.get(attributes.STATE) == "ended"
