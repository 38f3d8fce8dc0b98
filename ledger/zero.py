"""When an account's available reached zero, and when it rose above it again, as the crossings say."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import SmallInteger, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from rules.thresholds import Threshold

_ZERO = bindparam("zero", Threshold.ZERO.value, type_=SmallInteger)
_NEWEST = text(
    "SELECT seq, crossed_at, rising FROM ledger_crossing WHERE account_id = :account AND kind = :zero"
    " ORDER BY seq DESC LIMIT 1"
).bindparams(_ZERO)
_RISEN = text(
    "SELECT crossed_at FROM ledger_crossing"
    " WHERE account_id = :account AND kind = :zero AND rising AND seq > :seq ORDER BY seq LIMIT 1"
).bindparams(_ZERO)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhaustion:
    """Available reached zero by the operation that begins with transfer ``seq``, and has not risen above it since."""

    seq: int
    since: datetime


async def exhaustion(session: AsyncSession, account_id: str) -> Exhaustion | None:
    """How the account came to have nothing left; None while it has something, or never had anything."""
    found = (await session.execute(_NEWEST, {"account": account_id})).one_or_none()
    return None if found is None or found.rising else Exhaustion(seq=found.seq, since=found.crossed_at)


async def risen_after(session: AsyncSession, account_id: str, seq: int) -> datetime | None:
    """When available first rose above zero after transfer ``seq``; None if it has not."""
    return await session.scalar(_RISEN, {"account": account_id, "seq": seq})
