"""A notice mailed to its recipients, one by one, at least once, under one Message-ID (requirement A9)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from jinja2 import TemplateError
from temporalio import activity

from gateways.letters import Letter, Reader, Story, compose
from gateways.mail import Mailer, MailRefusedError, MailUnavailableError
from models.notice import Notice
from rules.notices import ended, superseded
from rules.pay_links import pay_token
from store import accounts, notice_facts, notices
from store.database import Database

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Try:
    """Which notice, and the workflow's time."""

    notice_id: str
    now: datetime


@dataclass(frozen=True)
class Delivery:
    """How a notice stands (``pending``: try again later), and how many of its recipients have it."""

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
    async def deliver(self, this: Try) -> Delivery:
        """Mail the notice to whoever does not have it yet, unless its reason is over or it is too old.

        A mail server that is down is an answer, ``pending``: the workflow decides how long that is waited for.
        """
        over, notice, pending = await self._open(this)
        if over is not None or notice.state != "pending":
            return await self._close(this, unsent="superseded", reason=over)
        letter = await self._letter(notice)
        if letter is None:
            return await self._close(this, unsent="failed")
        for email in pending:
            await self._send(letter, this, email)
        async with self._database.transaction() as session:
            states = [row.state for row in await notices.recipients(session, [notice.id])]
        if ended(states) is None:
            return Delivery(state="pending", sent=states.count("sent"), recipients=len(states))
        return await self._close(this, unsent="failed")

    async def _open(self, this: Try) -> tuple[str | None, Notice, Sequence[str]]:
        """Why it is not to be mailed any more, the notice, and the addresses that do not have it."""
        async with self._database.transaction() as session:
            notice = await notices.get(session, this.notice_id)
            if notice.audience == "operators" and notice.state == "pending":
                await notices.address(session, notice.id, email=self._operator_email, now=this.now)
            status = await notice_facts.status_of_subject(
                session, account_id=notice.account_id, kind=notice.kind, facts=notice.facts
            )
            rows = await notices.recipients(session, [notice.id])
        over = superseded(notice.kind, made_at=notice.created_at, status=status, now=this.now)
        return over, notice, [row.email for row in rows if row.state == "pending"]

    async def _letter(self, notice: Notice) -> Letter | None:
        """The notice in words; None when its facts do not fit its template, which no other try would mend."""
        async with self._database.transaction() as session:
            account = await accounts.find(session, notice.account_id) if notice.account_id else None
        reader = (
            Reader(account_id=account.id, account_name=account.name, timezone=account.timezone) if account else Reader()
        )
        story = Story(notice_id=notice.id, kind=notice.kind, facts=notice.facts, pay_url=self._pay_url(notice))
        try:
            return compose(story, reader=reader, company=self._mailer.name, contact=self._mailer.address)
        except (TemplateError, ValueError, TypeError, KeyError):
            log.exception("notice_unreadable", notice=notice.id, kind=notice.kind)
            return None

    def _pay_url(self, notice: Notice) -> str:
        if notice.kind != "action_needed" or notice.account_id is None:
            return ""
        token = pay_token(self._link_key, account_id=notice.account_id, recharge_id=notice.facts["recharge"])
        return f"{self._public_url}/pay/{token}"

    async def _send(self, letter: Letter, this: Try, email: str) -> None:
        """One copy, its state kept at once; one that cannot be sent now stays pending and keeps nobody waiting."""
        state, error = "sent", None
        try:
            await self._mailer.send(letter, to=email, notice_id=this.notice_id, at=this.now)
        except MailRefusedError as refused:
            log.warning("mail_refused", notice=this.notice_id, code=refused.code)
            state, error = "failed", f"refused ({refused.code})" if refused.code else str(refused)
        except MailUnavailableError as unavailable:
            log.warning("mail_unavailable", notice=this.notice_id, reason=str(unavailable))
            state, error = "pending", str(unavailable)
        async with self._database.transaction() as session:
            await notices.answered(session, this.notice_id, email=email, state=state, now=this.now, error=error)

    async def _close(self, this: Try, *, unsent: str, reason: str | None = None) -> Delivery:
        async with self._database.transaction() as session:
            notice = await notices.close(session, this.notice_id, unsent=unsent, reason=reason, now=this.now)
            states = [row.state for row in await notices.recipients(session, [notice.id])]
        return Delivery(state=notice.state, sent=states.count("sent"), recipients=len(states))
