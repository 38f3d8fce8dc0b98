"""SMTP: what is sent again later, what never is, and what is on the wire."""

from datetime import UTC, datetime

import pytest
from aiosmtpd.smtp import SMTP

from gateways.letters import Letter
from gateways.mail import Mailer, MailRefusedError, MailServer, MailUnavailableError

TO = "ada@customer.example"
AT = datetime(2026, 11, 24, 15, 4, 5, tzinfo=UTC)
LETTER = Letter(subject="Grüße: $25.00 ✓", text="Plain\n", html="<p>Rich</p>\n")


async def send(mailer: Mailer, to=TO):
    await mailer.send(LETTER, to=to, notice_id="ntc_1", at=AT)


async def test_both_bodies_and_the_headers_arrive(post_office):
    await post_office.open()
    await send(post_office.mailer())
    (mail,) = post_office.mails
    assert (mail["subject"], mail["text"], mail["html"]) == (LETTER.subject, "Plain\n", "<p>Rich</p>\n")
    assert mail["headers"]["Date"] == "Tue, 24 Nov 2026 15:04:05 +0000"
    assert mail["headers"]["Message-ID"] == "<ntc_1@calls.example>"


@pytest.mark.parametrize("answer", ["550 5.1.1 no such user", "553 5.1.3 bad address", "552 5.2.2 quota"])
async def test_5xx_for_the_recipient_is_for_good(post_office, answer):
    await post_office.open()
    post_office.answers[TO] = [answer]
    with pytest.raises(MailRefusedError) as error:
        await send(post_office.mailer())
    assert error.value.code == int(answer[:3])
    assert TO not in str(error.value)


@pytest.mark.parametrize(
    "answer", ["421 4.3.2 closing", "450 4.2.1 busy", "451 4.7.1 greylisted", "530 5.7.0 log in first"]
)
async def test_4xx_and_our_own_trouble_may_pass(post_office, answer):
    await post_office.open()
    post_office.answers[TO] = [answer]
    with pytest.raises(MailUnavailableError) as error:
        await send(post_office.mailer())
    assert TO not in str(error.value)
    await send(post_office.mailer())
    assert len(post_office.mails) == 1


async def test_no_server_is_no_refusal(post_office):
    with pytest.raises(MailUnavailableError):
        await send(post_office.mailer())


async def test_a_server_without_encryption_gets_no_mail_in_clear(post_office):
    await post_office.open()
    with pytest.raises(MailUnavailableError):
        await send(post_office.mailer(encryption="starttls"))
    assert post_office.mails == []


async def test_a_wrong_password_is_no_refusal_of_the_recipient(post_office):
    await post_office.open()
    with pytest.raises(MailUnavailableError):
        await send(post_office.mailer(username="user", password="wrong"))
    assert post_office.mails == []


@pytest.mark.parametrize("to", ["a@b.example\r\nBcc: c@d.example", "nobody", "", "two@a.example, three@a.example"])
async def test_an_address_that_is_none_is_refused_and_nobody_else_gets_the_mail(post_office, to):
    await post_office.open()
    with pytest.raises(MailRefusedError):
        await send(post_office.mailer(), to=to)
    assert post_office.mails == []


async def test_an_address_in_another_script_arrives(post_office):
    await post_office.open()
    await send(post_office.mailer(), to="jörg@kunde.example")
    assert [mail["to"] for mail in post_office.mails] == ["jörg@kunde.example"]


async def test_an_address_in_another_script_is_refused_where_the_server_cannot_send_to_it(post_office, monkeypatch):
    monkeypatch.setattr(SMTP, "__init__", plain_ascii(SMTP.__init__))
    await post_office.open()
    with pytest.raises(MailRefusedError):
        await send(post_office.mailer(), to="jörg@kunde.example")


def plain_ascii(init):
    def without_utf8(self, *args, **options):
        init(self, *args, **options | {"enable_SMTPUTF8": False})

    return without_utf8


@pytest.mark.parametrize(
    ("sender", "name"), [("Example Calls <pay@calls.example>", "Example Calls"), ("pay@calls.example", "calls.example")]
)
def test_the_sender_names_the_company(sender, name):
    mailer = Mailer(MailServer(host="127.0.0.1", port=1), sender=sender)
    assert (mailer.name, mailer.address) == (name, "pay@calls.example")
    assert mailer.message_id("ntc_1") == "<ntc_1@calls.example>"


@pytest.mark.parametrize("sender", ["", "Example", "Example <pay>", "@calls.example"])
def test_a_sender_without_an_address_is_refused(sender):
    with pytest.raises(ValueError, match="no mail address"):
        Mailer(MailServer(host="127.0.0.1", port=1), sender=sender)
