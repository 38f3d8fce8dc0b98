"""The mail sink: what is sent is kept, as JSON and as pages, between runs; nothing in a mail is run."""

import sys
from dataclasses import dataclass
from email.message import EmailMessage

import aiosmtplib
import httpx2
import pytest

from sandbox.health import http_ok
from sandbox.mail.messages import Mailbox
from sandbox.part import Part, Process, running
from sandbox.ports import free_ports


@dataclass
class Sink:
    smtp: int
    url: str
    process: Process

    async def send(self, subject: str, *, to: str = "kim@example.com", html: str | None = None) -> None:
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = "Prepay <billing@prepay.example>", f"Kim <{to}>", subject
        mail["X-Notice"] = "ntc_1"
        mail.set_content("Hello Kim,\n\n25 $ arrived. ✓\n")
        if html is not None:
            mail.add_alternative(html, subtype="html")
        await aiosmtplib.send(mail, hostname="127.0.0.1", port=self.smtp)


@pytest.fixture
async def sink(tmp_path):
    smtp, inbox = free_ports(2)
    command = ("--smtp-port", str(smtp), "--inbox-port", str(inbox), "--data-dir", str(tmp_path / "mail"))
    part = Part(
        name="mail",
        command=(sys.executable, "-m", "sandbox.mail", *command),
        healthy=lambda: http_ok(inbox, "/messages"),
    )
    async with running(part, tmp_path) as process:
        yield Sink(smtp, f"http://127.0.0.1:{inbox}", process)


@pytest.fixture
async def browser(sink):
    async with httpx2.AsyncClient(base_url=sink.url) as client:
        yield client


async def test_a_mail_is_listed_as_json(sink, browser):
    await sink.send("Your balance: $25.00 — thank you", html="<p>25 $ arrived</p>")
    (message,) = (await browser.get("/messages")).json()
    assert message["to"] == "kim@example.com"
    assert message["subject"] == "Your balance: $25.00 — thank you"
    assert message["text"] == "Hello Kim,\n\n25 $ arrived. ✓\n"
    assert message["html"] == "<p>25 $ arrived</p>\n"
    assert message["headers"]["X-Notice"] == "ntc_1"
    assert (await browser.get(f"/messages/{message['id']}")).json() == message


async def test_a_mail_without_html_says_so_and_lists_are_newest_first(sink, browser):
    await sink.send("first")
    await sink.send("second")
    messages = (await browser.get("/messages")).json()
    assert [(message["subject"], message["html"]) for message in messages] == [("second", None), ("first", None)]


async def test_delete_empties_it(sink, browser):
    await sink.send("first")
    assert (await browser.delete("/messages")).status_code == 204
    assert (await browser.get("/messages")).json() == []


async def test_mails_survive_a_kill_and_a_half_written_one_does_not(sink, browser, tmp_path):
    await sink.send("kept")
    (tmp_path / "mail" / "1.new").write_bytes(b"half")
    sink.process._running().kill()
    await sink.process.wait()
    await sink.process.start()
    assert [message["subject"] for message in (await browser.get("/messages")).json()] == ["kept"]
    assert not (tmp_path / "mail" / "1.new").exists()


async def test_the_pages_show_mails_and_escape_them(sink, browser):
    await sink.send("<script>alert(1)</script>", html="<script>alert(2)</script><p>hello</p>")
    (message,) = (await browser.get("/messages")).json()
    for path in ("/", f"/mails/{message['id']}"):
        page = await browser.get(path)
        assert "&lt;script&gt;alert(1)" in page.text
        assert "<script>" not in page.text
    body = await browser.get(f"/mails/{message['id']}/html")
    assert "<p>hello</p>" in body.text
    policy = body.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "allow-scripts" not in policy


async def test_the_inbox_shows_the_first_words_that_are_read(sink, browser):
    html = "<head><title>T</title><style>p{}</style></head><body><!-- c --><p>10 &lt; 25 &amp; more</p></body>"
    await sink.send("Styled", html=html)
    page = (await browser.get("/")).text
    assert '<span class="start soft">10 &lt; 25 &amp; more</span>' in page
    await browser.delete("/messages")
    await sink.send("Plain")
    assert '<span class="start soft">Hello Kim, 25 $ arrived. ✓</span>' in (await browser.get("/")).text


def test_a_ruled_line_is_not_read(tmp_path):
    mailbox = Mailbox(tmp_path)
    mail = EmailMessage()
    mail.set_content("Prepay\n\nYour balance\n=====\n\n-- \n1 - 2 = -1\n")
    identity = mailbox.store(sender="a@example.com", recipients=["b@example.com"], raw=mail.as_bytes())
    assert mailbox.get(identity).start == "Prepay Your balance 1 - 2 = -1"


async def test_an_unknown_mail_is_not_found(browser):
    for path in ("/messages/x", "/mails/..%2f..%2fetc", f"/mails/{'0' * 20}-0000", "/mails/x/raw"):
        assert (await browser.get(path)).status_code == 404


async def test_a_mail_in_an_unknown_charset_does_not_hide_the_others(sink, browser):
    await sink.send("fine")
    raw = b"Subject: odd\r\nContent-Type: text/plain; charset=klingon\r\n\r\nnuqneH\r\n"
    await aiosmtplib.send(raw, sender="a@b.example", recipients=["c@d.example"], hostname="127.0.0.1", port=sink.smtp)
    odd, _ = (await browser.get("/messages")).json()
    assert odd["text"] == "nuqneH\n"
    assert (await browser.get("/")).status_code == 200
