"""Mail over SMTP. One mail for each recipient, under a Message-ID that stays the same when it is sent again."""

import re
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from typing import Literal

import aiosmtplib

from gateways.letters import Letter

# One address and nothing else: no list, no header of its own.
_ADDRESS = re.compile(r"[^\s@,;<>]+@[^\s@,;<>]+")
Encryption = Literal["none", "starttls", "tls"]
#: Answers of 5xx that speak of this server or our login, not of the recipient or the mail.
_OUR_TROUBLE = frozenset({500, 501, 502, 503, 504, 530, 534, 535, 538})


class MailRefusedError(ValueError):
    """The mail server will never take this mail for this recipient. ``code`` is its answer (5xx), 0 without one."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class MailUnavailableError(ConnectionError):
    """The mail was perhaps not sent: no server, a lost connection, a time-out, an answer of 4xx.

    The message is free of addresses: it names the kind of error and the server's code.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """The relay that takes our mails, and how long one conversation may take."""

    host: str
    port: int
    username: str | None = None
    password: str | None = None
    encryption: Encryption = "none"
    timeout_seconds: int = 20


class Mailer:
    """Sends letters as ``sender``, an address with or without a display name (``Example <billing@example.com>``).

    Raises ValueError for a sender that is no address.
    """

    def __init__(self, server: MailServer, *, sender: str) -> None:
        self._server = server
        self._sender = sender
        name, self.address = parseaddr(sender)
        self._host = self.address.rpartition("@")[2]
        if not _ADDRESS.fullmatch(self.address):
            raise ValueError(f"{sender!r} is no mail address")
        self.name = name or self._host

    def message_id(self, notice_id: str) -> str:
        """The Message-ID of every copy of a notice."""
        return f"<{notice_id}@{self._host}>"

    async def send(self, letter: Letter, *, to: str, notice_id: str, at: datetime) -> None:
        """Hand one mail to the relay.

        Raises MailRefusedError when it can never be sent to ``to``, MailUnavailableError when another try may do.
        """
        if not _ADDRESS.fullmatch(to):
            raise MailRefusedError(0, "that is no mail address")
        mail = self._write(letter, to=to, notice_id=notice_id, at=at)
        try:
            await aiosmtplib.send(
                mail,
                sender=self.address,
                recipients=[to],
                hostname=self._server.host,
                port=self._server.port,
                username=self._server.username,
                password=self._server.password,
                use_tls=self._server.encryption == "tls",
                start_tls=self._server.encryption == "starttls",
                timeout=self._server.timeout_seconds,
                local_hostname=self._host,
            )
        except (aiosmtplib.SMTPException, OSError) as error:
            raise _judged(error, to=to) from error

    def _write(self, letter: Letter, *, to: str, notice_id: str, at: datetime) -> EmailMessage:
        mail = EmailMessage(policy=SMTP)
        mail["Message-ID"] = self.message_id(notice_id)
        mail["Date"] = format_datetime(at)
        mail["From"] = self._sender
        mail["To"] = to
        mail["Subject"] = letter.subject
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
        mail["X-Auto-Response-Suppress"] = "All"  # the same for Exchange
        mail.set_content(letter.text)
        mail.add_alternative(letter.html, subtype="html")
        return mail


def _judged(error: Exception, *, to: str) -> MailRefusedError | MailUnavailableError:
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        error = error.recipients[0]
    if isinstance(error, aiosmtplib.SMTPNotSupported) and not to.isascii():
        return MailRefusedError(0, "the relay cannot send to such an address")
    code = error.code if isinstance(error, aiosmtplib.SMTPResponseException) else 0
    about_mail = isinstance(error, aiosmtplib.SMTPRecipientRefused | aiosmtplib.SMTPDataError)
    if about_mail and code // 100 == 5 and code not in _OUR_TROUBLE:
        return MailRefusedError(code, "the mail server refuses this recipient or mail")
    return MailUnavailableError(f"{type(error).__name__} {code}" if code else type(error).__name__)
