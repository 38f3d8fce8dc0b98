"""Subaccounts, and their Auth Tokens as digests beside sealed copies (requirements F1-F5, F7).

Whatever decides about spending is changed under the account's lock in the ledger, which the caller holds:
``for_change`` and ``accounts.lock`` take it.
"""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy import delete as delete_rows
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

import ledger
from ledger import MonthSpent
from models.account import Account
from models.subaccount import Status, Subaccount, SubaccountToken
from rules.months import month_of, start_of
from rules.problems import Problem
from rules.tokens import ENTROPY_BYTES, MAX_VALID, digest, encode
from store import accounts, record_events
from store.ids import new_auth_id
from store.paging import Page, fetch
from store.seals import Seal, SealBrokenError


async def create(
    session: AsyncSession, account_id: str, *, fields: Mapping[str, Any], pepper: str, seals: Seal, now: datetime
) -> tuple[Subaccount, str]:
    """Make a subaccount of a locked account, with its first Auth Token, which is returned. ``fields`` are columns."""
    row = Subaccount(account_id=account_id, id=new_auth_id("SA", now), created_at=now, **fields)
    row.disabled_at = None if row.enabled else now
    session.add(row)
    await session.flush()
    await record_events.of_subaccount(session, row, "created", now=now)
    return row, await _add_token(session, row, pepper=pepper, seals=seals, now=now)


async def find(session: AsyncSession, account_id: str, subaccount_id: str) -> Subaccount | None:
    """The account's subaccount, read anew; a deleted one too."""
    return await session.get(Subaccount, (account_id, subaccount_id), populate_existing=True)


async def find_by_auth_id(session: AsyncSession, auth_id: str) -> Subaccount | None:
    """The subaccount with this Auth ID, whosever it is; a deleted one too."""
    return await session.scalar(select(Subaccount).where(col(Subaccount.id) == auth_id))


async def locked(session: AsyncSession, account_id: str, subaccount_id: str) -> tuple[Account, Subaccount]:
    """Lock the account and give it with its subaccount, both read anew; a deleted one too.

    Raises Problem ``not_found`` or ``account_closed``.
    """
    account = await accounts.lock(session, account_id)
    row = await find(session, account_id, subaccount_id)
    if row is None:
        raise Problem("not_found", "The account has no such subaccount.")
    if account.status == "closed":
        raise Problem("account_closed", "The account is closed.")
    return account, row


async def for_change(session: AsyncSession, account_id: str, subaccount_id: str) -> tuple[Account, Subaccount]:
    """The same for a subaccount that is to be changed. Raises Problem ``subaccount_deleted`` too."""
    account, row = await locked(session, account_id, subaccount_id)
    if row.deleted_at is not None:
        raise _deleted()
    return account, row


async def page(
    session: AsyncSession, account_id: str, page: Page, *, status: Status | None = None
) -> tuple[list[Subaccount], bool]:
    """The account's subaccounts, newest first; of one status, or else those that are not deleted."""
    return await fetch(session, _of(account_id, status), model=Subaccount, id_column=Subaccount.id, page=page)


async def at_offset(session: AsyncSession, account_id: str, *, limit: int, offset: int) -> Sequence[Subaccount]:
    """Those that are not deleted, newest first, ``limit`` of them after the first ``offset``."""
    query = _of(account_id, None).order_by(col(Subaccount.id).desc()).limit(limit).offset(offset)
    return (await session.scalars(query)).all()


async def count(session: AsyncSession, account_id: str) -> int:
    """How many of the account's subaccounts are not deleted."""
    query = select(func.count()).where(col(Subaccount.account_id) == account_id, col(Subaccount.deleted_at).is_(None))
    return (await session.scalars(query)).one()


async def change(session: AsyncSession, row: Subaccount, fields: Mapping[str, Any], *, now: datetime) -> None:
    """Set columns of a subaccount of a locked account."""
    news = record_events.changed(row, fields.items())
    for name, value in fields.items():
        setattr(row, name, value)
    row.disabled_at = None if row.enabled else row.disabled_at or now
    row.modified_at = now
    await session.flush()
    if news:
        await record_events.of_subaccount(session, row, "updated", fields=news, now=now)


async def count_month(session: AsyncSession, account: Account, subaccount_id: str, *, now: datetime) -> MonthSpent:
    """What a subaccount has spent this month: to be counted for a new budget before the account is locked."""
    month = month_of(now, account.timezone)
    starts = start_of(month, account.timezone)
    return await ledger.count_month(
        session, account_id=account.id, subaccount_id=subaccount_id, month=month, month_starts=starts
    )


async def set_budget(
    session: AsyncSession,
    account: Account,
    row: Subaccount,
    *,
    limit_micros: int | None,
    now: datetime,
    counted: MonthSpent | None = None,
) -> None:
    """Set, or with None remove, the monthly budget of a subaccount of a locked account."""
    month = month_of(now, account.timezone)
    await ledger.set_budget(
        session,
        account_id=account.id,
        subaccount_id=row.id,
        limit_micros=limit_micros,
        month=month,
        month_starts=start_of(month, account.timezone),
        counted=counted,
    )
    await record_events.of_subaccount(session, row, "updated", fields=["monthly_budget"], now=now)


async def delete(session: AsyncSession, row: Subaccount, *, now: datetime) -> None:
    """Delete a subaccount of a locked account: its credentials die at once, its record and its history are kept."""
    row.enabled, row.disabled_at, row.deleted_at = False, row.disabled_at or now, now
    await session.flush()
    await record_events.of_subaccount(session, row, "deleted", now=now)
    await session.execute(
        delete_rows(SubaccountToken).where(
            col(SubaccountToken.account_id) == row.account_id, col(SubaccountToken.subaccount_id) == row.id
        )
    )


async def valid_digests(session: AsyncSession, row: Subaccount, *, now: datetime) -> Sequence[str]:
    """Digests of the subaccount's tokens that are valid now."""
    return [token.digest for token in await _tokens(session, row) if token.expires_at is None or token.expires_at > now]


async def rotate_token(
    session: AsyncSession, row: Subaccount, *, overlap: timedelta, pepper: str, seals: Seal, now: datetime
) -> tuple[str, datetime | None]:
    """Give a subaccount of a locked account a new Auth Token, and the moment until which the one before stays valid.

    At most two tokens are valid: older ones die at once, and with no ``overlap`` all of them (None is returned).
    """
    previous_until: datetime | None = None
    for place, token in enumerate(await _tokens(session, row)):
        expired = token.expires_at is not None and token.expires_at <= now
        if expired or not overlap or place >= MAX_VALID - 1:
            await session.delete(token)
            continue
        previous_until = token.expires_at = min(token.expires_at or now + overlap, now + overlap)
    await session.flush()
    return await _add_token(session, row, pepper=pepper, seals=seals, now=now), previous_until


async def open_token(session: AsyncSession, row: Subaccount, *, seals: Seal) -> str:
    """The newest Auth Token, from its sealed copy. Whoever opens it writes that into the audit log.

    Raises Problem ``subaccount_deleted``, or ``credentials_unreadable`` when it was sealed under another key.
    """
    tokens = await _tokens(session, row)
    if not tokens:
        raise _deleted()
    try:
        return seals.open(tokens[0].sealed, *_bound_to(row))
    except SealBrokenError as error:
        raise Problem("credentials_unreadable", "The token was sealed under another sealing key.") from error


async def _tokens(session: AsyncSession, row: Subaccount) -> Sequence[SubaccountToken]:
    """The tokens, the newest first: it alone has no end."""
    found = await session.scalars(
        select(SubaccountToken)
        .where(col(SubaccountToken.account_id) == row.account_id, col(SubaccountToken.subaccount_id) == row.id)
        .order_by(col(SubaccountToken.expires_at).desc().nulls_first(), col(SubaccountToken.created_at).desc())
    )
    return found.all()


async def _add_token(session: AsyncSession, row: Subaccount, *, pepper: str, seals: Seal, now: datetime) -> str:
    token = encode(secrets.token_bytes(ENTROPY_BYTES))
    session.add(
        SubaccountToken(
            account_id=row.account_id,
            subaccount_id=row.id,
            digest=digest(token, pepper=pepper),
            sealed=seals.seal(token, *_bound_to(row)),
            created_at=now,
        )
    )
    await session.flush()
    return token


def _deleted() -> Problem:
    return Problem("subaccount_deleted", "The subaccount is deleted.")


def _bound_to(row: Subaccount) -> tuple[str, str, str]:
    """What a seal is bound to: in another subaccount's record it does not open."""
    return row.account_id, row.id, "auth_token"


def _of(account_id: str, status: Status | None) -> Select[Subaccount]:
    deleted, enabled = col(Subaccount.deleted_at), col(Subaccount.enabled)
    query = select(Subaccount).where(col(Subaccount.account_id) == account_id)
    match status:
        case None:
            return query.where(deleted.is_(None))
        case "deleted":
            return query.where(deleted.is_not(None))
        case "enabled":
            return query.where(enabled)
        case "disabled":
            return query.where(deleted.is_(None), ~enabled)
