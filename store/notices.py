"""Notices at rest: what is to be told, to whom, and what became of each copy."""

from collections.abc import Mapping
from datetime import date, datetime

from sqlalchemy import insert, literal, select
from sqlalchemy.dialects.postgresql import insert as insert_or_nothing
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from models.account import Account
from models.notice import Notice, NoticeRecipient
from rules.notices import KINDS, Audience, NoticeFactsError, complete
from store import notice_facts, outbox
from store.ids import new_id


async def add(
    session: AsyncSession,
    *,
    account_id: str | None,
    kind: str,
    cause: str,
    facts: Mapping[str, object],
    now: datetime,
    audience: Audience | None = None,
) -> str | None:
    """Write a notice of ``kind`` (see rules/notices.py), its recipients and its hand-off in the caller's transaction.

    ``cause`` tells one happening from another: a second notice of the same account, kind and cause is not written, and
    None is returned. ``facts`` name the record that it is about (``{"recharge": id}``, ``{"bank_account": id}``,
    ``{"mandate": id}`` or ``{"event": id}``); the rest is read from that record as it stands now, in this transaction,
    so change the record first. A fact that is given wins over the one read.

    Raises NoticeFactsError when a fact that the kind needs is not known.
    """
    wanted = KINDS[kind]
    if audience not in {None, wanted.audience}:
        raise NoticeFactsError(f"{kind} is for {wanted.audience}")
    read = await notice_facts.known(session, account_id=account_id, given=facts)
    notice_id = await session.scalar(
        insert_or_nothing(Notice)
        .values(
            id=new_id("ntc", now),
            account_id=account_id,
            audience=wanted.audience,
            kind=kind,
            cause=cause,
            facts={name: _plain(value) for name, value in complete(kind, read).items()},
            state="pending",
            created_at=now,
        )
        .on_conflict_do_nothing()
        .returning(col(Notice.id))
    )
    if notice_id is None:
        return None
    if wanted.audience == "owner":
        await session.execute(
            insert(NoticeRecipient).from_select(
                ["notice_id", "email", "state", "created_at"],
                select(literal(notice_id), col(Account.email), literal("pending"), literal(now)).where(
                    col(Account.id) == account_id
                ),
            )
        )
    await outbox.add(
        session,
        kind="notice",
        workflow_id=f"notice/{notice_id}",
        arguments={"notice_id": notice_id},
        now=now,
        account_id=account_id,
    )
    return notice_id


def _plain(value: object) -> object:
    """Dates and times as ISO text: facts are JSON."""
    return value.isoformat() if isinstance(value, date | datetime) else value
