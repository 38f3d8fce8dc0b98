"""A delivery from its event to its end: tries, signatures, rotation, 410, and sending again."""

import asyncio
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlmodel import col
from standardwebhooks import Webhook as Standard
from standardwebhooks import WebhookVerificationError

from models.event import Event
from models.notice import Notice
from rules.webhooks import WAITS
from store import webhook_deliveries, webhook_endpoints
from store.notice_facts import status_of_subject
from tests.replay.recording import scrubbed
from tests.webhooks.conftest import NOW, SEALS
from tests.webhooks.receiver import answer, hang_up, never_answer, receiving

HISTORIES = Path(__file__).parents[1] / "replay" / "histories"


async def record(post, workflow_id, story):
    """Keep the history for tests/replay, when it is asked for."""
    if os.environ.get("PREPAY_RECORD_HISTORIES"):
        history = await post.client.get_workflow_handle(workflow_id).fetch_history()
        path = HISTORIES / "webhook" / f"{story}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(scrubbed(history.to_json()))


async def test_an_event_arrives_signed(post):
    async with receiving() as receiver, post.staffed():
        endpoint_id, secret = await post.endpoint(receiver)
        event_id = await post.event()
        (workflow_id,) = await post.hand_over()
        assert await post.result(workflow_id) == "delivered"
        (request,) = receiver.requests
        told = Standard(secret).verify(request.body, request.headers)
        assert told == {
            "id": event_id,
            "type": "account.activated",
            "timestamp": "2026-11-24T15:00:00Z",
            "account": None,
            "livemode": False,
            "data": {"status": "active", "reason": None},
        }
        assert request.headers["webhook-id"] == event_id
        assert (request.path, request.headers["host"]) == ("/hooks", f"127.0.0.1:{receiver.port}")
        with pytest.raises(WebhookVerificationError):
            Standard(secret).verify(request.body.replace(b"active", b"closed"), request.headers)
        row = await post.delivery(event_id, endpoint_id)
        assert (row.state, row.attempts, row.last_status, row.last_error) == ("delivered", 1, 200, None)
        assert row.delivered_at is not None
        assert row.next_try_at is None
        await record(post, workflow_id, "delivered")


async def test_only_endpoints_that_want_it_and_are_enabled_hear_of_an_event(post):
    async with receiving() as receiver:
        every, _ = await post.endpoint(receiver)
        named, _ = await post.endpoint(receiver, on=("account.activated", "recharge.failed"))
        await post.endpoint(receiver, on=("recharge.failed",))
        disabled, _ = await post.endpoint(receiver)
        deleted, _ = await post.endpoint(receiver)
        async with post.store.transaction() as session:
            await webhook_endpoints.disable(
                session, await webhook_endpoints.locked(session, disabled), reason="operator"
            )
            await webhook_endpoints.delete(session, await webhook_endpoints.locked(session, deleted), now=NOW)
        event_id = await post.event()
        async with post.store.transaction() as session:
            rows = await webhook_deliveries.of_events(session, [event_id])
        assert {row.endpoint_id for row in rows} == {every, named}


async def test_the_schedule_is_that_of_standard_webhooks_and_then_it_has_failed(post):
    async with receiving() as receiver, post.staffed():
        receiver.always = 500
        endpoint_id, secret = await post.endpoint(receiver)
        event_id = await post.event()
        (workflow_id,) = await post.hand_over()
        assert await post.result(workflow_id) == "failed"
        assert len(receiver.requests) == 10
        assert {request.body for request in receiver.requests} == {receiver.requests[0].body}
        assert set(receiver.ids) == {event_id}
        Standard(secret).verify(receiver.requests[-1].body, receiver.requests[-1].headers)
        row = await post.delivery(event_id, endpoint_id)
        assert (row.state, row.attempts, row.last_status, row.last_error) == ("failed", 10, 500, "status")
        assert row.next_try_at is None
        due = timedelta()
        for wait, tried in zip(WAITS, await post.tries(workflow_id), strict=True):
            due += wait
            assert due <= tried <= due + timedelta(minutes=2)
        assert sum(WAITS, timedelta()) == timedelta(hours=75, minutes=35, seconds=5)
        await record(post, workflow_id, "failed")


async def test_it_is_tried_again_after_whatever_went_wrong(post):
    async with receiving() as receiver, post.staffed(timeout_seconds=0.5):
        moved = answer(301, Location="http://127.0.0.1:1/")
        receiver.behaviours = [never_answer, 500, moved, hang_up, 200]
        endpoint_id, _ = await post.endpoint(receiver)
        event_id = await post.event()
        (workflow_id,) = await post.hand_over()
        assert await post.result(workflow_id) == "delivered"
        row = await post.delivery(event_id, endpoint_id)
        assert (row.state, row.attempts, row.last_error) == ("delivered", 5, None)
        assert receiver.ids == [event_id] * 5


async def test_410_disables_the_endpoint_and_the_others_are_told(post):
    async with receiving() as gone, receiving() as other, post.staffed():
        gone.always = 410
        endpoint_id, _ = await post.endpoint(gone)
        other_id, _ = await post.endpoint(other, on=("webhook_endpoint.disabled",))
        event_id = await post.event()
        (workflow_id,) = await post.hand_over()
        assert await post.result(workflow_id) == "failed"
        await record(post, workflow_id, "gone")
        row = await post.delivery(event_id, endpoint_id)
        assert (row.state, row.attempts, row.last_status, row.last_error) == ("failed", 1, 410, "gone")
        endpoint = await post.find_endpoint(endpoint_id)
        assert (endpoint.status, endpoint.disabled_reason) == ("disabled", "gone")
        async with post.store.transaction() as session:
            (notice,) = (await session.scalars(select(Notice))).all()
            about = {"kind": notice.kind, "facts": notice.facts, "account_id": None}
            assert await status_of_subject(session, **about) == "disabled"
        assert (notice.kind, notice.audience) == ("webhook_endpoint_gone", "operators")
        assert notice.facts == {"webhook_endpoint": endpoint_id, "host": "127.0.0.1"}
        await post.event()
        (told,) = await post.hand_over()
        assert await post.result(told) == "delivered"
        assert told.endswith(other_id)
        assert len(gone.requests) == 1

        async with post.store.transaction() as session:
            await webhook_endpoints.change(
                session, await webhook_endpoints.locked(session, endpoint_id), {"status": "enabled"}
            )
            assert await status_of_subject(session, **about) == "enabled"
        gone.always = 200
        await post.event()
        (again,) = await post.hand_over()
        assert await post.result(again) == "delivered"


async def test_what_is_under_way_when_an_endpoint_is_disabled_is_not_sent(post):
    async with receiving() as receiver, post.staffed():
        endpoint_id, _ = await post.endpoint(receiver)
        event_id = await post.event()
        async with post.store.transaction() as session:
            await webhook_endpoints.delete(session, await webhook_endpoints.locked(session, endpoint_id), now=NOW)
        (workflow_id,) = await post.hand_over()
        assert await post.result(workflow_id) == "failed"
        row = await post.delivery(event_id, endpoint_id)
        assert (row.state, row.attempts, row.last_error) == ("failed", 0, "endpoint_disabled")
        assert receiver.connections == 0


async def rotate(post, endpoint_id, *, overlap):
    async with post.store.transaction() as session:
        row = await webhook_endpoints.locked(session, endpoint_id)
        return await webhook_endpoints.rotate_secret(session, row, overlap=overlap, seals=SEALS, now=datetime.now(UTC))


async def test_a_rotation_signs_with_both_secrets_and_then_with_one(post):
    async with receiving() as receiver, post.staffed():
        endpoint_id, first = await post.endpoint(receiver)
        second = await rotate(post, endpoint_id, overlap=timedelta(hours=1))
        await post.event()
        (workflow_id,) = await post.hand_over()
        assert await post.result(workflow_id) == "delivered"
        request = receiver.requests[-1]
        assert len(request.headers["webhook-signature"].split(" ")) == 2
        for secret in (first, second):
            Standard(secret).verify(request.body, request.headers)

        third = await rotate(post, endpoint_id, overlap=timedelta())
        await post.event()
        (workflow_id,) = await post.hand_over()
        assert await post.result(workflow_id) == "delivered"
        request = receiver.requests[-1]
        Standard(third).verify(request.body, request.headers)
        for secret in (first, second):
            with pytest.raises(WebhookVerificationError):
                Standard(secret).verify(request.body, request.headers)


async def test_an_overlap_ends(post):
    async with receiving() as receiver:
        endpoint_id, first = await post.endpoint(receiver)
        second = await rotate(post, endpoint_id, overlap=timedelta(hours=1))
        endpoint = await post.find_endpoint(endpoint_id)
        soon, later = datetime.now(UTC) + timedelta(minutes=59), datetime.now(UTC) + timedelta(minutes=61)
        assert webhook_endpoints.valid_secrets(endpoint, seals=SEALS, now=soon) == [second, first]
        assert webhook_endpoints.valid_secrets(endpoint, seals=SEALS, now=later) == [second]


async def test_a_secret_of_another_sealing_key_fails_and_says_so(post):
    async with receiving() as receiver, post.staffed():
        endpoint_id, _ = await post.endpoint(receiver)
        async with post.store.transaction() as session:
            row = await webhook_endpoints.locked(session, endpoint_id)
            row.secret_sealed = SEALS.seal("whsec_AAAA", "whk_another", "webhook_secret")
        event_id = await post.event()
        (workflow_id,) = await post.hand_over()
        assert await post.result(workflow_id) == "failed"
        assert (await post.delivery(event_id, endpoint_id)).last_error == "secret_unreadable"
        assert receiver.connections == 0


async def test_a_delivery_is_sent_once_though_it_is_handed_over_twice(post):
    async with receiving() as receiver, post.staffed():
        await post.endpoint(receiver)
        event_id = await post.event()
        (workflow_id,) = await post.hand_over(twice=True)
        assert await post.result(workflow_id) == "delivered"
        assert receiver.ids == [event_id]
        await post.resend(event_id)
        await post.hand_over(twice=True)
        assert await post.result(workflow_id) in {"delivered", "over"}
        assert receiver.ids == [event_id] * 2
        await post.hand_over(all_anew=True)  # as by a relay that died before it could mark the rows
        assert await post.result(workflow_id) == "over"
        assert receiver.ids == [event_id] * 2


async def test_a_resend_after_the_end_is_a_run_of_its_own_with_the_same_id_and_content(post):
    async with receiving() as receiver, post.staffed():
        receiver.always = 410
        endpoint_id, _ = await post.endpoint(receiver)
        event_id = await post.event()
        (workflow_id,) = await post.hand_over()
        assert await post.result(workflow_id) == "failed"
        assert await post.resend(event_id) == []  # the endpoint is disabled
        async with post.store.transaction() as session:
            await webhook_endpoints.change(
                session, await webhook_endpoints.locked(session, endpoint_id), {"status": "enabled"}
            )
        receiver.always = 200
        assert await post.resend(event_id) == [endpoint_id]
        assert (await post.delivery(event_id, endpoint_id)).state == "pending"
        assert await post.hand_over() == [workflow_id]
        assert await post.result(workflow_id) == "delivered"
        assert [request.body for request in receiver.requests] == [receiver.requests[0].body] * 2
        row = await post.delivery(event_id, endpoint_id)
        assert (row.state, row.round, row.attempts) == ("delivered", 2, 2)


async def test_a_resend_to_an_endpoint_made_later_reaches_it(post):
    async with receiving() as receiver, post.staffed():
        event_id = await post.event()
        assert await post.hand_over() == []
        endpoint_id, _ = await post.endpoint(receiver)
        assert await post.resend(event_id) == [endpoint_id]
        (workflow_id,) = await post.hand_over()
        assert await post.result(workflow_id) == "delivered"
        assert receiver.ids == [event_id]


async def test_a_resend_while_it_waits_begins_anew_at_once(post):
    async with receiving() as receiver, post.staffed():
        receiver.always = 500
        endpoint_id, _ = await post.endpoint(receiver)
        event_id = await post.event()
        (workflow_id,) = await post.hand_over()
        for _ in range(200):  # until its answer is kept: from here on it waits for its second try
            if (await post.delivery(event_id, endpoint_id)).attempts:
                break
            await asyncio.sleep(0.05)
        receiver.always = 200
        await post.resend(event_id, endpoint_id)
        await post.hand_over()
        # No time is skipped: the waiting try would come five seconds later at the earliest.
        async with asyncio.timeout(4):
            assert await post.client.get_workflow_handle(workflow_id, result_type=str).result() == "delivered"
        row = await post.delivery(event_id, endpoint_id)
        assert (row.state, row.round, row.attempts) == ("delivered", 2, 2)
        await record(post, workflow_id, "sent_again")


async def test_an_event_is_written_with_what_it_tells_or_not_at_all(post):
    from rules.events import EventError

    for kind, data in (
        ("account.exploded", {"status": "active"}),
        ("account.activated", {}),
        ("account.activated", {"status": "active", "email": "ada@customer.example"}),
    ):
        with pytest.raises(EventError):
            await post.event(kind, **(data or {"status": None}))
    async with post.store.transaction() as session:
        assert (await session.scalars(select(col(Event.id)))).all() == []
