"""A notice from the outbox to the mailbox: real Postgres, SMTP and Temporal, with time skipped."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text

from gateways.mail import Mailer, MailUnavailableError
from rules.pay_links import pay_token
from store import notices

OWNER = "ada@customer.example"
SECOND = "grace@customer.example"
OPERATORS = "operators@calls.example"


@pytest.fixture
async def settled(mailroom, owner) -> str:
    """A notice of a settled recharge, just written."""
    return await mailroom.write("recharge_settled", recharge=await owner.recharge(status="succeeded"))


async def add_recipient(mailroom, notice_id):
    async with mailroom.owner.store.transaction() as session:
        await notices.address(session, notice_id, email=SECOND, now=await mailroom.now())


async def everything_told_to_temporal(handle) -> bytes:
    return b"".join(event.SerializeToString() for event in (await handle.fetch_history()).events)


async def test_a_mail_says_what_happened(mailroom, post_office, settled):
    await post_office.open()
    async with mailroom.staffed(post_office.mailer()):
        assert await mailroom.deliver(settled) == "sent"
    (mail,) = post_office.mails
    assert (mail["to"], mail["from"]) == (OWNER, "pay@calls.example")
    assert mail["subject"] == "$25.00 was added to your balance"
    for body in (mail["text"], mail["html"]):
        assert "Visa card ending in 4242" in body
    headers = mail["headers"]
    assert headers["Message-ID"] == f"<{settled}@calls.example>"
    assert headers["From"] == "Example Calls <pay@calls.example>"
    assert headers["To"] == OWNER
    assert headers["Auto-Submitted"] == "auto-generated"
    assert "Date" in headers
    assert await mailroom.stored(settled) == ("sent", None, {OWNER: "sent"})


async def test_the_history_holds_nothing_personal(mailroom, post_office, settled):
    await post_office.open()
    async with mailroom.staffed(post_office.mailer()):
        handle = await mailroom.start(settled)
        await mailroom.result(handle)
        history = await everything_told_to_temporal(handle)
    assert settled.encode() in history
    for personal in (OWNER, "Ada", "4242", "visa"):
        assert personal.encode() not in history


async def test_an_outage_of_the_mail_server_is_waited_out(mailroom, post_office, settled):
    tried = asyncio.Event()

    class Watched(Mailer):
        async def send(self, *args, **kwargs):
            try:
                await super().send(*args, **kwargs)
            except MailUnavailableError:
                tried.set()
                raise

    async with mailroom.staffed(post_office.mailer(Watched)):
        handle = await mailroom.start(settled)
        await tried.wait()
        assert (await mailroom.stored(settled))[0] == "pending"
        await post_office.open()
        assert await mailroom.result(handle) == "sent"
    assert len(post_office.mails) == 1


async def test_after_six_hours_it_is_superseded(mailroom, post_office, settled):
    before = await mailroom.now()
    async with mailroom.staffed(post_office.mailer()):
        assert await mailroom.deliver(settled) == "superseded"
    assert timedelta(hours=6) < await mailroom.now() - before < timedelta(hours=6, minutes=31)
    assert await mailroom.stored(settled) == ("superseded", "too_old", {OWNER: "superseded"})


async def test_a_notice_that_comes_too_late_is_not_mailed(mailroom, post_office, owner):
    await post_office.open()
    recharge = await owner.recharge(status="succeeded")
    in_time = await mailroom.write("recharge_settled", cause="1", recharge=recharge, age=timedelta(hours=5, minutes=59))
    too_late = await mailroom.write("recharge_settled", cause="2", recharge=recharge, age=timedelta(hours=6, minutes=1))
    async with mailroom.staffed(post_office.mailer()):
        assert await mailroom.deliver(in_time) == "sent"
        assert await mailroom.deliver(too_late) == "superseded"
    (mail,) = post_office.mails
    assert in_time in mail["headers"]["Message-ID"]


@pytest.mark.parametrize("status", ["processing", "succeeded", "failed", "canceled"])
async def test_no_action_is_asked_for_once_the_payment_went_on(mailroom, post_office, owner, status):
    await post_office.open()
    recharge = await owner.recharge(status="requires_action", action_expires_at=await mailroom.now())
    notice = await mailroom.write("action_needed", recharge=recharge)
    async with owner.store.transaction() as session:
        await session.execute(
            text("UPDATE recharge SET status = :status, finished_at = :at WHERE id = :id"),
            {"status": status, "id": recharge, "at": None if status == "processing" else await mailroom.now()},
        )
    async with mailroom.staffed(post_office.mailer()):
        assert await mailroom.deliver(notice) == "superseded"
    assert post_office.mails == []
    assert await mailroom.stored(notice) == ("superseded", f"recharge_{status}", {OWNER: "superseded"})


@pytest.mark.parametrize("kind", ["bank_deposit_sent", "bank_reminder"])
@pytest.mark.parametrize("status", ["verification_pending", "verified", "removed"])
async def test_nobody_is_reminded_of_a_bank_account_that_does_not_wait(mailroom, post_office, owner, kind, status):
    await post_office.open()
    notice = await mailroom.write(kind, bank_account=owner.bank_id)
    async with owner.store.transaction() as session:
        await session.execute(text("UPDATE bank_account SET status = :status"), {"status": status})
    waits = status == "verification_pending"
    async with mailroom.staffed(post_office.mailer()):
        assert await mailroom.deliver(notice) == ("sent" if waits else "superseded")
    assert len(post_office.mails) == waits


async def test_the_link_in_the_mail_is_that_of_the_payment(mailroom, post_office, owner):
    await post_office.open()
    recharge = await owner.recharge(status="requires_action", action_expires_at=await mailroom.now())
    notice = await mailroom.write("action_needed", recharge=recharge)
    async with mailroom.staffed(post_office.mailer()):
        handle = await mailroom.start(notice)
        assert await mailroom.result(handle) == "sent"
        history = await everything_told_to_temporal(handle)
    token = pay_token("key", account_id=owner.account_id, recharge_id=recharge)
    (mail,) = post_office.mails
    for body in (mail["text"], mail["html"]):
        assert f"https://pay.calls.example/pay/{token}" in body
    assert recharge.encode() not in history
    assert token.encode() not in history


async def test_handed_over_twice_it_is_mailed_once(mailroom, post_office, settled):
    await post_office.open()
    async with mailroom.staffed(post_office.mailer()):
        await mailroom.deliver(settled)
        await mailroom.deliver(settled)
    assert len(post_office.mails) == 1


async def test_a_worker_that_dies_between_mail_and_record_sends_the_same_mail_again(mailroom, post_office, settled):
    await post_office.open()
    await add_recipient(mailroom, settled)

    class Dies(Mailer):
        alive = False

        async def send(self, *args, **kwargs):
            await super().send(*args, **kwargs)
            if not self.alive:
                self.alive = True
                raise RuntimeError("killed")

    async with mailroom.staffed(post_office.mailer(Dies)):
        assert await mailroom.deliver(settled) == "sent"
    mails = post_office.mails
    assert [mail["to"] for mail in mails] == [OWNER, OWNER, SECOND]
    assert {mail["headers"]["Message-ID"] for mail in mails} == {f"<{settled}@calls.example>"}
    assert await mailroom.stored(settled) == ("sent", None, {OWNER: "sent", SECOND: "sent"})


async def test_a_recipient_refused_for_good_does_not_keep_the_mail_from_another(mailroom, post_office, settled):
    await post_office.open()
    await add_recipient(mailroom, settled)
    post_office.answers[OWNER] = ["550 5.1.1 no such user"]
    async with mailroom.staffed(post_office.mailer()):
        assert await mailroom.deliver(settled) == "sent"
    assert [mail["to"] for mail in post_office.mails] == [SECOND]
    assert await mailroom.stored(settled) == ("sent", None, {OWNER: "failed", SECOND: "sent"})


async def test_a_recipient_put_off_is_tried_again_alone(mailroom, post_office, settled):
    await post_office.open()
    await add_recipient(mailroom, settled)
    post_office.answers[OWNER] = ["451 4.7.1 greylisted", "452 4.2.2 mailbox full"]
    async with mailroom.staffed(post_office.mailer()):
        assert await mailroom.deliver(settled) == "sent"
    assert [mail["to"] for mail in post_office.mails] == [SECOND, OWNER]
    assert await mailroom.stored(settled) == ("sent", None, {OWNER: "sent", SECOND: "sent"})


async def test_a_notice_that_one_recipient_has_is_sent_though_another_never_could_be(mailroom, post_office, settled):
    await post_office.open()
    await add_recipient(mailroom, settled)
    post_office.answers[OWNER] = ["451 4.7.1 try later"] * 1000
    async with mailroom.staffed(post_office.mailer()):
        assert await mailroom.deliver(settled) == "sent"
    assert await mailroom.stored(settled) == ("sent", None, {OWNER: "superseded", SECOND: "sent"})


async def test_a_notice_that_everybody_refuses_has_failed(mailroom, post_office, settled):
    await post_office.open()
    post_office.answers[OWNER] = ["550 5.1.1 no such user"]
    async with mailroom.staffed(post_office.mailer()):
        assert await mailroom.deliver(settled) == "failed"
    assert await mailroom.stored(settled) == ("failed", None, {OWNER: "failed"})


async def test_operators_are_told_at_their_address(mailroom, post_office, owner):
    await post_office.open()
    recharge = await owner.recharge(method="bank", expected_on=(await mailroom.now()).date())
    notice = await mailroom.write("recharge_overdue", recharge=recharge)
    async with mailroom.staffed(post_office.mailer()):
        assert await mailroom.deliver(notice) == "sent"
    (mail,) = post_office.mails
    assert mail["to"] == OPERATORS
    assert recharge in mail["text"]
    assert await mailroom.stored(notice) == ("sent", None, {OPERATORS: "sent"})


async def test_an_authorisation_whose_copy_cannot_be_mailed_is_told_to_operators(mailroom, post_office, owner):
    await post_office.open()
    post_office.answers[OWNER] = ["550 5.1.1 no such user"]
    mandate = await owner.mandate()
    notice = await mailroom.write("mandate_copy", mandate=mandate)
    async with mailroom.staffed(post_office.mailer()):
        assert await mailroom.deliver(notice) == "failed"
        async with owner.store.transaction() as session:
            (told,) = await session.scalars(text("SELECT id FROM notice WHERE kind = 'mandate_copy_unsent'"))
        assert await mailroom.deliver(told) == "sent"
    (mail,) = post_office.mails
    assert mail["to"] == OPERATORS
    assert mandate in mail["text"]
    assert notice in mail["text"]


async def test_a_changed_payment_schedule_that_cannot_be_mailed_is_told_to_operators(mailroom, post_office, owner):
    """It is owed to the customer seven days ahead (E13): somebody has to tell it in another way."""
    await post_office.open()
    post_office.answers[OWNER] = ["550 5.1.1 no such user"]
    notice = await mailroom.write(
        "payment_schedule_changed", bank_account=owner.bank_id, amount_cents=80_00, day_of_month="20",
        before_amount_cents=50_00, before_day_of_month="15", effective_at="2026-12-01T17:00:00+00:00",
    )  # fmt: skip
    async with mailroom.staffed(post_office.mailer()):
        assert await mailroom.deliver(notice) == "failed"
        async with owner.store.transaction() as session:
            (told,) = await session.scalars(text("SELECT id FROM notice WHERE audience = 'operators'"))
        assert await mailroom.deliver(told) == "sent"
    (mail,) = post_office.mails
    assert mail["to"] == OPERATORS
    assert "$80.00 on day 20" in mail["text"]
    assert notice in mail["text"]


async def test_a_notice_that_cannot_be_written_fails_at_once(mailroom, post_office, owner, settled):
    await post_office.open()
    before = await mailroom.now()
    async with owner.store.transaction() as session:
        await session.execute(text("""UPDATE notice SET facts = facts || '{"amount_cents": "many"}'"""))
    async with mailroom.staffed(post_office.mailer()):
        assert await mailroom.deliver(settled) == "failed"
    assert await mailroom.now() - before < timedelta(hours=1)
    assert await mailroom.stored(settled) == ("failed", None, {OWNER: "failed"})


async def test_a_fault_that_lasts_does_not_end_the_notice(mailroom, post_office, settled):
    await post_office.open()
    steps = []

    class Broken(Mailer):
        async def send(self, *args, at, **kwargs):
            steps.append(at)
            if at == steps[0]:  # in each try of the first step, which is over when its ten minutes are
                raise RuntimeError("broken")
            await super().send(*args, at=at, **kwargs)

    async with mailroom.staffed(post_office.mailer(Broken)):
        assert await mailroom.deliver(settled) == "sent"
    assert steps.count(steps[0]) > 1
    assert len(post_office.mails) == 1
