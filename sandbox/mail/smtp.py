"""The SMTP side: every mail for anybody is accepted, none is delivered."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from aiosmtpd.smtp import SMTP, Envelope, Session

from sandbox.mail.messages import Mailbox
from sandbox.ports import HOST


class _Sink:
    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 # aiosmtpd's name
        """Keep the mail, then answer: what was acknowledged is on disk."""
        del server, session
        identity = self._mailbox.store(
            sender=envelope.mail_from or "", recipients=envelope.rcpt_tos, raw=envelope.original_content or b""
        )
        return f"250 OK kept as {identity}"


@asynccontextmanager
async def smtp_server(mailbox: Mailbox, port: int) -> AsyncGenerator[None]:
    """Listen on the port of loopback."""
    sink = _Sink(mailbox)
    # A hostname of its own: the default asks the resolver, which may take seconds.
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(sink, hostname="localhost", ident="Prepay mail sink", enable_SMTPUTF8=True), HOST, port
    )
    async with server:
        yield
