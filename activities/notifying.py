"""A notice mailed to its recipients, one by one, at least once, under one Message-ID (requirement A9).

The time is that of the try itself, on the Temporal server's clock: a try may come hours after the workflow's own now.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from jinja2 import TemplateError
from temporalio import activity
from temporalio.exceptions import ApplicationError

from gateways.letters import Letter, Reader, Story, compose
from gateways.mail import Mailer, MailRefusedError, MailUnavailableError
from models.notice import Notice
from rules.notices import ended, superseded
from rules.pay_links import pay_token
from store import accounts, notice_facts, notices
from store.database import Database

UNREADABLE = "NoticeUnreadable"
log = structlog.get_logger()


@dataclass(frozen=True)
class NoticeRef:
    """Which notice; kind and account are for those who read the history."""

    notice_id: str
    kind: str
    account_id: str | None


@dataclass(frozen=True)
class Delivery:
    """How a notice stands, and how many of its recipients have it."""

    state: str
    sent: int = 0
    recipients: int = 0


class Notifying:
    """The hand that mails. ``link_key`` makes the customers' payment links below ``public_url``."""

    def __init__(
        self, *, database: Database, mailer: Mailer, operator_email: str, link_key: str, public_url: str
    ) -> None:
        self._database = database
        self._mailer = mailer
        self._operator_email = operator_email
        self._link_key = link_key
        self._public_url = public_url.rstrip("/")

    @activity.defn(name="deliver_notice")
    async def deliver(self, ref: NoticeRef) -> Delivery:
        """Mail the notice to whoever does not have it yet, unless its reason is over.

        Raises ApplicationError ``MailUnavailable`` while somebody's copy should be tried again.
        """
        now = activity.info().started_time
        over, notice, pending = await self._open(ref.notice_id, now)
        if over is not None or notice.state != "pending":
            return await self.close_notice(ref)
        letter = await self._letter(notice)
        for email in pending:
            await self._send(letter, notice_id=notice.id, email=email, now=now)
        async with self._database.transaction() as session:
            states = [row.state for row in await notices.recipients(session, [notice.id])]
        if ended(states) is None:
            raise ApplicationError("The mail server did not take every copy", type="MailUnavailable")
        return await self._close(notice.id, unsent="failed", reason=None, now=now)

    @activity.defn
    async def close_notice(self, ref: NoticeRef) -> Delivery:
        """End the notice undelivered: superseded when it is too old or its reason is over, else failed."""
        now = activity.info().started_time
        over, _, _ = await self._open(ref.notice_id, now)
        return await self._close(ref.notice_id, unsent="superseded" if over else "failed", reason=over, now=now)

    async def _open(self, notice_id: str, now: datetime) -> tuple[str | None, Notice, Sequence[str]]:
        """Why it is not to be mailed any more, the notice, and the addresses that do not have it."""
        async with self._database.transaction() as session:
            notice = await notices.get(session, notice_id)
            if notice.audience == "operators" and notice.state == "pending":
                await notices.address(session, notice_id, email=self._operator_email, now=now)
            status = await notice_facts.status_of_subject(
                session, account_id=notice.account_id, kind=notice.kind, facts=notice.facts
            )
            rows = await notices.recipients(session, [notice_id])
        over = superseded(notice.kind, made_at=notice.created_at, status=status, now=now)
        return over, notice, [row.email for row in rows if row.state == "pending"]

    async def _letter(self, notice: Notice) -> Letter:
        async with self._database.transaction() as session:
            account = await accounts.find(session, notice.account_id) if notice.account_id else None
        pay_url = ""
        if notice.kind == "action_needed" and notice.account_id:
            token = pay_token(self._link_key, account_id=notice.account_id, recharge_id=notice.facts["recharge"])
            pay_url = f"{self._public_url}/pay/{token}"
        reader = (
            Reader(account_id=account.id, account_name=account.name, timezone=account.timezone) if account else Reader()
        )
        story = Story(notice_id=notice.id, kind=notice.kind, facts=notice.facts, pay_url=pay_url)
        try:
            return compose(story, reader=reader, company=self._mailer.name, contact=self._mailer.address)
        except (TemplateError, ValueError, TypeError, KeyError) as error:
            log.exception("notice_unreadable", notice=notice.id, kind=notice.kind)
            message = f"{notice.kind} cannot be written: {type(error).__name__}"
            raise ApplicationError(message, type=UNREADABLE, non_retryable=True) from None

    async def _send(self, letter: Letter, *, notice_id: str, email: str, now: datetime) -> None:
        """One copy, its state kept at once; one that cannot be sent now stays pending and keeps nobody waiting."""
        try:
            await self._mailer.send(letter, to=email, notice_id=notice_id, at=now)
            state = "sent"
        except MailRefusedError as error:
            log.warning("mail_refused", notice=notice_id, code=error.code)
            state = "failed"
        except MailUnavailableError as error:
            log.warning("mail_unavailable", notice=notice_id, reason=str(error))
            return
        async with self._database.transaction() as session:
            await notices.answered(session, notice_id, email=email, state=state, now=now)

    async def _close(self, notice_id: str, *, unsent: str, reason: str | None, now: datetime) -> Delivery:
        async with self._database.transaction() as session:
            notice = await notices.close(session, notice_id, unsent=unsent, reason=reason, now=now)
            states = [row.state for row in await notices.recipients(session, [notice_id])]
        return Delivery(state=notice.state, sent=states.count("sent"), recipients=len(states))
