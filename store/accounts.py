"""Accounts and the digests of their Auth Tokens."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

import ledger
from models.account import Account, AccountToken
from rules.problems import Problem
from rules.tokens import ENTROPY_BYTES, MAX_VALID, digest, encode
from store import auto_news, events, record_events
from store.ids import new_auth_id
from store.paging import Page, fetch


async def open_account(
    session: AsyncSession, *, fields: Mapping[str, Any], pepper: str, now: datetime
) -> tuple[Account, str]:
    """Make an account with its balance row and first Auth Token, which is returned and kept nowhere.

    ``fields`` are columns of Account. Raises Problem ``external_id_taken``.
    """
    account = Account(id=new_auth_id("MA", now), created_at=now, **fields)
    await _write(session, account)
    await ledger.open_account(session, account.id)
    data = {"status": account.status, "external_id": account.external_id}
    await events.add(session, type="account.created", account_id=account.id, data=data, now=now)
    return account, await _add_token(session, account.id, pepper=pepper, now=now)


async def change(session: AsyncSession, account: Account, fields: Mapping[str, Any], *, now: datetime) -> None:
    """Set ``fields`` of a locked account; a status that changed tells auto-recharge. Raises ``external_id_taken``."""
    news = record_events.changed(account, fields.items())
    for name, value in fields.items():
        setattr(account, name, value)
    await _write(session, account)
    await record_events.of_account(session, account, fields=news, now=now)
    if "status" in news:
        await auto_news.status_changed(session, account.id, now=now)


async def find(session: AsyncSession, account_id: str) -> Account | None:
    """The account with this Auth ID."""
    return await session.get(Account, account_id)


async def lock(session: AsyncSession, account_id: str) -> Account:
    """The account, locked in the ledger and read anew: its one lock, under which its status does not change.

    Raises ledger.AccountNotOpenError for an unknown account.
    """
    await ledger.lock(session, [account_id])
    return await session.get_one(Account, account_id, populate_existing=True)


async def page(
    session: AsyncSession, page: Page, *, status: str | None = None, external_id: str | None = None
) -> tuple[list[Account], bool]:
    """Accounts, newest first; of one status or external_id where given."""
    query = select(Account)
    if status is not None:
        query = query.where(col(Account.status) == status)
    if external_id is not None:
        query = query.where(col(Account.external_id) == external_id)
    return await fetch(session, query, model=Account, id_column=Account.id, page=page)


async def valid_digests(session: AsyncSession, account_id: str, *, now: datetime) -> Sequence[str]:
    """Digests of the tokens that are valid now; none for an unknown account."""
    expires = col(AccountToken.expires_at)
    rows = await session.scalars(
        select(col(AccountToken.digest)).where(
            col(AccountToken.account_id) == account_id, or_(expires.is_(None), expires > now)
        )
    )
    return rows.all()


async def rotate_token(
    session: AsyncSession, account_id: str, *, overlap: timedelta, pepper: str, now: datetime
) -> tuple[str, datetime | None]:
    """Give a locked account a new Auth Token and return it with the moment until which the one before stays valid.

    At most two tokens are valid: older ones die at once, and with no ``overlap`` all of them (None is returned).
    """
    tokens = await session.scalars(
        select(AccountToken)
        .where(col(AccountToken.account_id) == account_id)
        .order_by(col(AccountToken.expires_at).desc().nulls_first(), col(AccountToken.created_at).desc())
    )
    previous_until: datetime | None = None
    for place, token in enumerate(tokens.all()):
        expired = token.expires_at is not None and token.expires_at <= now
        if expired or not overlap or place >= MAX_VALID - 1:
            await session.delete(token)
            continue
        previous_until = token.expires_at = min(token.expires_at or now + overlap, now + overlap)
    await session.flush()
    return await _add_token(session, account_id, pepper=pepper, now=now), previous_until


async def _add_token(session: AsyncSession, account_id: str, *, pepper: str, now: datetime) -> str:
    token = encode(secrets.token_bytes(ENTROPY_BYTES))
    session.add(AccountToken(account_id=account_id, digest=digest(token, pepper=pepper), created_at=now))
    await session.flush()
    return token


async def _write(session: AsyncSession, account: Account) -> None:
    try:
        session.add(account)
        await session.flush()
    except IntegrityError as error:
        if "account_external_id_key" not in str(error.orig):
            raise
        raise Problem("external_id_taken", "Another account has this external_id.", param="external_id") from error
