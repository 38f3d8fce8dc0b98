"""The mails at rest: one file of the wire's bytes each, with the envelope before it."""

import itertools
import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import unescape
from pathlib import Path
from typing import Any, cast

#: Of HTML: what nobody reads.
_UNREAD = re.compile(r"<(head|style|script|title)\b.*?</\1>|<!--.*?-->|<[^>]*>", re.IGNORECASE | re.DOTALL)
#: Of plain text: a line that is drawn.
_RULER = re.compile(r"^[^\w\n]{3,}$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Message:
    """A mail as it was received.

    Args:
        id: Sorts by time of receipt.
        received_at: UTC.
        sender: The envelope's sender.
        recipients: The envelope's recipients; the header `To` may name others.
        raw: The mail itself (RFC 5322).
    """

    id: str
    received_at: datetime
    sender: str
    recipients: tuple[str, ...]
    raw: bytes

    @property
    def _parsed(self) -> EmailMessage:
        return message_from_bytes(self.raw, policy=policy.default)

    @property
    def subject(self) -> str:
        """The decoded subject, empty without one."""
        return str(self._parsed["subject"] or "")

    @property
    def headers(self) -> dict[str, str]:
        """Decoded headers in their order; of a repeated one the lines joined."""
        headers: dict[str, str] = {}
        for name, value in self._parsed.items():
            headers[name] = f"{headers[name]}\n{value}" if name in headers else str(value)
        return headers

    def body(self, kind: str) -> str | None:
        """The decoded body of the kind `plain` or `html`, None without one."""
        part = self._parsed.get_body((kind,))
        if part is None:
            return None
        try:
            text = str(part.get_content())
        except LookupError:  # a charset that nobody knows
            text = cast("bytes", part.get_payload(decode=True)).decode("latin-1")
        return text.replace("\r\n", "\n")

    @property
    def start(self) -> str:
        """The first words, as a mail program shows them below the subject."""
        html = self.body("html")
        text = unescape(_UNREAD.sub(" ", html)) if html is not None else _RULER.sub(" ", self.body("plain") or "")
        return " ".join(text.split())

    def as_json(self) -> dict[str, Any]:
        """The shape of `GET /messages`."""
        return {
            "id": self.id,
            "received_at": self.received_at.isoformat().replace("+00:00", "Z"),
            "from": self.sender,
            "to": ", ".join(self.recipients),
            "subject": self.subject,
            "text": self.body("plain"),
            "html": self.body("html"),
            "headers": self.headers,
        }


class Mailbox:
    """A folder of mails."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count()
        folder.mkdir(parents=True, exist_ok=True)
        for half_written in folder.glob("*.new"):
            half_written.unlink()

    def store(self, *, sender: str, recipients: Sequence[str], raw: bytes) -> str:
        """Keep a mail; it is on disk when this returns. Gives its id."""
        now = time.time_ns()
        identity = f"{now:020d}-{next(self._numbers) % 10_000:04d}"
        envelope = {"received_at": now // 1_000, "sender": sender, "recipients": list(recipients)}
        file = self._folder / f"{identity}.mail"
        fresh = file.with_suffix(".new")
        fresh.write_bytes(json.dumps(envelope).encode() + b"\n" + raw)
        fresh.replace(file)
        return identity

    def get(self, identity: str) -> Message | None:
        """The mail with this id, None without one."""
        if not re.fullmatch(r"\d{20}-\d{4}", identity):
            return None
        try:
            first, _, raw = (self._folder / f"{identity}.mail").read_bytes().partition(b"\n")
        except FileNotFoundError:
            return None
        envelope = json.loads(first)
        return Message(
            id=identity,
            received_at=datetime.fromtimestamp(envelope["received_at"] / 1_000_000, UTC),
            sender=envelope["sender"],
            recipients=tuple(envelope["recipients"]),
            raw=raw,
        )

    def all(self) -> list[Message]:
        """Every mail, newest first."""
        names = sorted((file.stem for file in self._folder.glob("*.mail")), reverse=True)
        return [message for name in names if (message := self.get(name)) is not None]

    def clear(self) -> None:
        """Throw every mail away."""
        for file in self._folder.glob("*.mail"):
            file.unlink(missing_ok=True)
