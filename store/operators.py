"""Operators' keys: named, hashed, scoped, two of a name valid at a time (requirement I6)."""

import secrets
from datetime import datetime

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from models.operator import OperatorKey
from rules.access import Scope
from rules.tokens import ENTROPY_BYTES, MAX_VALID, digest, encode_operator, matches
from store.ids import new_id
from store.paging import Page, fetch


async def create_operator_key(
    session: AsyncSession, *, name: str, scope: Scope, pepper: str, now: datetime, expires_at: datetime | None = None
) -> tuple[OperatorKey, str]:
    """Make a key and return it with its secret, which is kept nowhere.

    When two keys of that name are valid already, the oldest is revoked at once, as an account's oldest token is.
    """
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"operator_key {name}"))))
    valid = await session.scalars(
        select(OperatorKey).where(col(OperatorKey.name) == name, *_valid_at(now)).order_by(col(OperatorKey.id).desc())
    )
    for surplus in valid.all()[MAX_VALID - 1 :]:
        surplus.revoked_at = now
    secret = encode_operator(secrets.token_bytes(ENTROPY_BYTES))
    key = OperatorKey(
        id=new_id("opk", now),
        name=name,
        digest=digest(secret, pepper=pepper),
        scope=scope,
        expires_at=expires_at,
        created_at=now,
    )
    session.add(key)
    await session.flush()
    return key, secret


async def find_by_secret(session: AsyncSession, secret: str, *, pepper: str, now: datetime) -> OperatorKey | None:
    """The valid key with this secret."""
    key = await session.scalar(
        select(OperatorKey).where(col(OperatorKey.digest) == digest(secret, pepper=pepper), *_valid_at(now))
    )
    return key if key is not None and matches(secret, [key.digest], pepper=pepper) else None


async def revoke(session: AsyncSession, key_id: str, *, now: datetime) -> OperatorKey | None:
    """Revoke a key at once; None if there is none. Revoked already, it keeps its first time."""
    key = await session.get(OperatorKey, key_id, with_for_update=True)
    if key is not None and key.revoked_at is None:
        key.revoked_at = now
        await session.flush()
    return key


async def page(session: AsyncSession, page: Page) -> tuple[list[OperatorKey], bool]:
    """Keys, newest first, revoked and expired ones too."""
    return await fetch(session, select(OperatorKey), model=OperatorKey, id_column=OperatorKey.id, page=page)


def _valid_at(now: datetime) -> tuple[ColumnElement[bool], ...]:
    expires = col(OperatorKey.expires_at)
    return col(OperatorKey.revoked_at).is_(None), or_(expires.is_(None), expires > now)
