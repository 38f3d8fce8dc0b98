"""Balance alerts by mail: who has them, and what is not mailed any more (A2, A7, A9)."""

from datetime import timedelta

import pytest
from sqlalchemy import text

import ledger
from tests.store.alerting import Customer

OWNER = "ada@customer.example"
SECOND = "grace@customer.example"


@pytest.fixture
async def customer(mailroom, owner) -> Customer:
    """The owner, with 120 dollars to spend."""
    async with owner.store.transaction() as session:
        await ledger.open_account(session, owner.account_id)
    made = Customer(owner.store, owner.account_id, await mailroom.now())
    await made.credit(120)
    await made.hand_on()
    return made


async def alerts(customer):
    """The ids of all alerts, the oldest first, written by the relay as it runs now."""
    await customer.hand_on()
    async with customer.store.transaction() as session:
        return list(
            await session.scalars(text("SELECT id FROM notice WHERE kind = 'balance_alert' ORDER BY created_at, id"))
        )


async def test_the_mail_says_what_happened_what_it_means_and_what_to_do(mailroom, post_office, customer):
    await post_office.open()
    await customer.put(emails=[SECOND])
    await customer.recommend(19)
    await customer.spend(32.5875)
    (notice,) = await alerts(customer)
    async with mailroom.staffed(post_office.mailer()):
        assert await mailroom.deliver(notice) == "sent"
    assert [mail["to"] for mail in post_office.mails] == [OWNER, SECOND]
    for mail in post_office.mails:
        assert mail["subject"] == "Your balance is below $100.00"
        said = " ".join(mail["text"].split())
        for words in ("$87.4125", "about 4 days", "calls and messages go on", "add money to your balance", "PST"):
            assert words in said
        assert "unsubscribe" not in (mail["text"] + mail["html"]).lower()
    assert await mailroom.stored(notice) == ("sent", None, {OWNER: "sent", SECOND: "sent"})


async def test_with_the_mail_server_down_for_a_day_nothing_is_mailed(mailroom, post_office, customer):
    await customer.spend(60)
    (notice,) = await alerts(customer)
    async with mailroom.staffed(post_office.mailer()):
        assert await mailroom.deliver(notice) == "superseded"
    assert await mailroom.stored(notice) == ("superseded", "too_old", {OWNER: "superseded"})
    async with customer.store.transaction() as session:
        (row,) = (await session.execute(text("SELECT * FROM notice_recipient"))).mappings()
    assert row["tries"] > 10
    assert row["last_error"].startswith("SMTPConnect")
    assert OWNER not in row["last_error"]
    await post_office.open()
    async with mailroom.staffed(post_office.mailer()):
        await mailroom.deliver(notice)
    assert post_office.mails == []


async def test_with_the_relay_down_for_a_day_it_is_listed_and_not_mailed(mailroom, post_office, customer):
    await post_office.open()
    await customer.spend(60)
    await mailroom.environment.sleep(timedelta(days=1))
    customer.time = await mailroom.now()
    (notice,) = await alerts(customer)
    async with mailroom.staffed(post_office.mailer()):
        assert await mailroom.deliver(notice) == "superseded"
    assert post_office.mails == []
    assert (await mailroom.stored(notice))[:2] == ("superseded", "too_old")


async def test_the_balance_restored_meanwhile_makes_it_superfluous(mailroom, post_office, customer):
    await post_office.open()
    await customer.spend(60)
    await customer.credit(39.999999)
    (still,) = await alerts(customer)
    async with mailroom.staffed(post_office.mailer()):
        assert await mailroom.deliver(still) == "sent"
    await customer.credit(20)
    await customer.spend(60)
    await customer.credit(60)
    _, over = await alerts(customer)
    async with mailroom.staffed(post_office.mailer()):
        assert await mailroom.deliver(over) == "superseded"
    assert len(post_office.mails) == 1
    assert await mailroom.stored(over) == ("superseded", "balance_restored", {OWNER: "superseded"})


async def test_armed_again_and_fallen_again_while_the_mail_server_is_down_one_mail_goes(
    mailroom, post_office, customer
):
    await customer.spend(60)
    await customer.credit(60)
    await customer.spend(70)
    first, second = await alerts(customer)
    await post_office.open()
    async with mailroom.staffed(post_office.mailer()):
        assert await mailroom.deliver(first) == "superseded"
        assert await mailroom.deliver(second) == "sent"
    (mail,) = post_office.mails
    assert "$50.00" in mail["text"]
    assert await mailroom.stored(first) == ("superseded", "balance_restored", {OWNER: "superseded"})


async def test_another_alert_that_falls_later_takes_none_away(mailroom, post_office, customer):
    await post_office.open()
    await customer.spend(60)
    await customer.spend(52)
    hundred, ten = await alerts(customer)
    async with mailroom.staffed(post_office.mailer()):
        assert await mailroom.deliver(hundred) == "sent"
        assert await mailroom.deliver(ten) == "sent"
    assert [mail["subject"] for mail in post_office.mails] == [
        "Your balance is below $100.00",
        "Your balance is below $10.00",
    ]


async def test_an_alert_that_went_right_to_nothing_says_that_service_has_stopped(mailroom, post_office, customer):
    await post_office.open()
    await customer.spend(120)
    hundred, _ = await alerts(customer)
    async with mailroom.staffed(post_office.mailer()):
        assert await mailroom.deliver(hundred) == "sent"
    (mail,) = post_office.mails
    assert "calls and messages are refused until money is added" in " ".join(mail["text"].split())
