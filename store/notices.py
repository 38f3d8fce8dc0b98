"""Notices at rest: what is to be told, to whom, and what became of each copy."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_nothing
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from models.account import Account
from models.balance_alerts import BalanceAlerts
from models.base import table_of
from models.notice import Notice, NoticeRecipient
from rules.notice_kinds import KINDS, Audience
from rules.notices import NoticeFactsError, complete, ended
from store import events, notice_facts, outbox
from store.ids import new_id
from store.paging import Page, fetch

_REGISTERED = select(col(Account.email)).where(col(Account.id) == bindparam("account")).scalar_subquery()
_ADDED = (
    select(col(BalanceAlerts.emails)).where(col(BalanceAlerts.account_id) == bindparam("account")).scalar_subquery()
)
_ADD = insert_or_nothing(table_of(Notice)).on_conflict_do_nothing().returning(_REGISTERED, _ADDED)
_ADDRESS = insert_or_nothing(table_of(NoticeRecipient)).on_conflict_do_nothing()


async def add(
    session: AsyncSession,
    *,
    account_id: str | None,
    kind: str,
    cause: str,
    facts: Mapping[str, object],
    now: datetime,
    audience: Audience | None = None,
    happened_at: datetime | None = None,
) -> str | None:
    """Write a notice of ``kind`` (rules/notice_kinds.py), its recipients and its hand-off in the caller's transaction.

    ``cause`` tells one happening from another: a second notice of the same account, kind and cause is not written, and
    None is returned. ``facts`` name the record that it is about (``{"recharge": id}``, ``{"bank_account": id}``,
    ``{"mandate": id}`` or ``{"event": id}``); the rest is read from that record as it stands now, in this transaction,
    so change the record first. A fact that is given wins over the one read. ``happened_at``: a notice that is written
    later than what it tells is as old as that.

    Raises NoticeFactsError when a fact that the kind needs is not known.
    """
    wanted = KINDS[kind]
    if audience not in {None, wanted.audience}:
        raise NoticeFactsError(f"{kind} is for {wanted.audience}")
    read = await notice_facts.known(session, account_id=account_id, given=facts)
    notice_id = new_id("ntc", now)
    row = {
        "id": notice_id,
        "account_id": account_id,
        "audience": wanted.audience,
        "kind": kind,
        "cause": cause,
        "facts": {name: _plain(value) for name, value in complete(kind, read).items()},
        "state": "pending",
        "created_at": happened_at or now,
    }
    written = (await session.execute(_ADD, row | {"account": account_id})).one_or_none()
    if written is None:
        return None
    if wanted.audience == "owner":
        registered, added = written
        for email in _addresses(registered, added or () if wanted.widely else ()):
            await address(session, notice_id, email=email, now=now)
    told = {"notice": notice_id, "kind": kind, "audience": wanted.audience, "cause": cause}
    await events.add(session, type="notice.created", account_id=account_id, data=told, now=now)
    await outbox.add(
        session,
        kind="notice",
        workflow_id=f"notice/{notice_id}",
        arguments={"notice_id": notice_id, "kind": kind, "account_id": account_id},
        now=now,
        account_id=account_id,
    )
    return notice_id


async def get(session: AsyncSession, notice_id: str) -> Notice:
    """The notice as it stands. Raises NoResultFound when there is none."""
    return (await session.scalars(select(Notice).where(col(Notice.id) == notice_id))).one()


async def recipients(session: AsyncSession, notice_ids: Sequence[str]) -> Sequence[NoticeRecipient]:
    """Every recipient of these notices, by address."""
    rows = await session.scalars(
        select(NoticeRecipient)
        .where(col(NoticeRecipient.notice_id).in_(notice_ids))
        .order_by(col(NoticeRecipient.notice_id), col(NoticeRecipient.email))
    )
    return rows.all()


async def address(session: AsyncSession, notice_id: str, *, email: str, now: datetime) -> None:
    """Add ``email`` to the recipients, unless it is one already."""
    await session.execute(_ADDRESS, {"notice_id": notice_id, "email": email, "state": "pending", "created_at": now})


async def answered(
    session: AsyncSession, notice_id: str, *, email: str, state: str, now: datetime, error: str | None = None
) -> None:
    """Keep what became of a try for ``email``: ``sent``, ``failed``, or ``pending`` when it is to be tried again.

    A word that was final stands. ``error`` says why it was not sent, without addresses.
    """
    await session.execute(
        update(NoticeRecipient)
        .where(
            col(NoticeRecipient.notice_id) == notice_id,
            col(NoticeRecipient.email) == email,
            col(NoticeRecipient.state) == "pending",
        )
        .values(
            state=state,
            sent_at=now if state == "sent" else None,
            tries=col(NoticeRecipient.tries) + 1,
            last_tried_at=now,
            last_error=error,
        )
    )


async def close(session: AsyncSession, notice_id: str, *, unsent: str, reason: str | None, now: datetime) -> Notice:
    """End a notice: what is still pending is ``unsent`` (``superseded`` or ``failed``) for ``reason``.

    A notice that reached somebody is ``sent``; one that has ended stays as it is.
    """
    notice = (await session.scalars(select(Notice).where(col(Notice.id) == notice_id).with_for_update())).one()
    if notice.state != "pending":
        return notice
    await session.execute(
        update(NoticeRecipient)
        .where(col(NoticeRecipient.notice_id) == notice_id, col(NoticeRecipient.state) == "pending")
        .values(state=unsent)
    )
    states = [row.state for row in await recipients(session, [notice_id])]
    notice.state = "superseded" if unsent == "superseded" and "sent" not in states else ended(states) or unsent
    notice.superseded_reason = reason if notice.state == "superseded" else None
    session.add(notice)
    await session.flush()
    told = KINDS[notice.kind].unsent
    if told and notice.state != "sent":
        facts = {name: notice.facts[name] for name in KINDS[told].needs & notice.facts.keys()} | {"notice": notice.id}
        await add(session, account_id=notice.account_id, kind=told, cause=notice.id, facts=facts, now=now)
    return notice


async def page(
    session: AsyncSession,
    page: Page,
    *,
    account_id: str,
    audience: Audience | None = None,
    kind: str | None = None,
    state: str | None = None,
) -> tuple[list[Notice], bool]:
    """An account's notices, newest first; of one audience, kind or state where given."""
    query = select(Notice).where(col(Notice.account_id) == account_id)
    for column, wanted in ((Notice.audience, audience), (Notice.kind, kind), (Notice.state, state)):
        if wanted is not None:
            query = query.where(col(column) == wanted)
    return await fetch(session, query, model=Notice, id_column=Notice.id, page=page)


def _addresses(registered: str | None, added: Sequence[str]) -> list[str]:
    """The registered address, then those added for balance alerts: none twice, whatever its case."""
    found = [email for email in (registered, *added) if email is not None]
    return list({email.casefold(): email for email in reversed(found)}.values())[::-1]


def _plain(value: object) -> object:
    """Dates and times as ISO text: facts are JSON."""
    return value.isoformat() if isinstance(value, date | datetime) else value
