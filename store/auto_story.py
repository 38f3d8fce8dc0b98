"""The story of auto-recharge: each decision with its reason in words, and the state that it leaves.

Every function is a step under the account's lock, in the transaction of what it tells.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from models.attempt import ChargeAttempt
from models.auto_recharge import AutoRecharge, AutoRechargeDecision
from models.base import table_of
from rules.auto_recharge import Decided
from rules.money import CURRENCY, Money
from store import events, notices

SHOWN = 20
_STORY = table_of(AutoRechargeDecision)
_NOTE = insert(_STORY).values(
    number=select(func.coalesce(func.max(_STORY.c.number), 0) + 1)
    .where(_STORY.c.account_id == bindparam("whose"))
    .scalar_subquery()
)


async def note(
    session: AsyncSession, row: AutoRecharge, *, what: Decided, why: str, now: datetime, recharge_id: str | None = None
) -> None:
    """Add a decision to the story and make ``why`` what is shown now."""
    row.why = why
    decision = {"account_id": row.account_id, "what": what, "why": why, "recharge_id": recharge_id, "created_at": now}
    await session.execute(_NOTE, decision | {"whose": row.account_id})


async def decisions(
    session: AsyncSession, account_id: str, *, limit: int = SHOWN
) -> Sequence[AutoRechargeDecision]:  # fmt: skip
    """The latest decisions, newest first."""
    rows = await session.scalars(
        select(AutoRechargeDecision)
        .where(col(AutoRechargeDecision.account_id) == account_id)
        .order_by(col(AutoRechargeDecision.number).desc())
        .limit(limit)
    )
    return rows.all()


async def of_settings(session: AsyncSession, row: AutoRecharge, *, was_enabled: bool, now: datetime) -> None:
    """The owner has chosen: switched on, switched off, or changed."""
    amount, minimum = Money.from_cents(row.amount_cents), Money(row.minimum_micros)
    rule = f"${amount} is recharged when the balance, with what is on its way, is at or below ${minimum}."
    if row.enabled:
        await note(session, row, what="changed" if was_enabled else "enabled", why=rule, now=now)
    else:
        await note(session, row, what="disabled", why="Switched off: nothing is recharged by itself.", now=now)
    data = {
        "enabled": row.enabled,
        "minimum": str(minimum),
        "amount": str(amount),
        "currency": CURRENCY,
        "payment_method": row.method_id,
        "backup_payment_method": row.backup_method_id,
    }
    await events.add(session, type="auto_recharge.updated", account_id=row.account_id, data=data, now=now)


async def charged(session: AsyncSession, row: AutoRecharge, *, recharge_id: str, why: str, now: datetime) -> None:
    """An automatic recharge was made, by the settings as they are; no limit stands in the way."""
    row.charged_version, row.next_attempt_at = row.version, None
    row.limited_until = row.limited_by = None
    await note(session, row, what="charged", why=why, now=now, recharge_id=recharge_id)


async def waits(
    session: AsyncSession, row: AutoRecharge, *, until: datetime | None, why: str, recharge_id: str, now: datetime
) -> None:
    """The recharge is tried again at ``until``; None: no longer waiting. Call ``auto_recharge.rearm`` afterwards.

    The owner is told once of each decline, whatever changes the moment of the next try.
    """
    row.next_attempt_at = until
    if until is not None:
        await note(session, row, what="waiting", why=why, now=now, recharge_id=recharge_id)
        declined = await _newest_attempt(session, row.account_id, recharge_id)
        await notices.add(
            session, account_id=row.account_id, kind="auto_recharge_declined", cause=f"{recharge_id}/{declined}",
            facts={"recharge": recharge_id, "next_attempt_at": until}, now=now,
        )  # fmt: skip
    else:
        session.add(row)
        await session.flush()


async def limited(
    session: AsyncSession, row: AutoRecharge, *, by: str, until: datetime, why: str, now: datetime
) -> bool:  # fmt: skip
    """A limit stands in the way until its next window. False when that was told of this window already."""
    if (row.limited_by, row.limited_until) == (by, until):
        return False
    row.limited_by, row.limited_until = by, until
    await note(session, row, what="limited", why=why, now=now)
    if await _tell(session, row, "auto_recharge_limited", cause=f"{by}/{until.isoformat()}", now=now) is None:
        return False
    data = {"limit": by, "until_at": until, "amount": str(Money.from_cents(row.amount_cents)), "currency": CURRENCY}
    await events.add(session, type="auto_recharge.limited", account_id=row.account_id, data=data, now=now)
    return True


async def pause(
    session: AsyncSession, row: AutoRecharge, *, reason: str, why: str, recharge_id: str | None, now: datetime
) -> None:
    """Nothing is recharged by itself until the owner acts (D7). Call ``auto_recharge.rearm`` afterwards."""
    row.paused_at, row.paused_reason, row.next_attempt_at = now, reason, None
    await note(session, row, what="paused", why=why, now=now, recharge_id=recharge_id)
    data = {"reason": reason, "recharge": recharge_id}
    await events.add(session, type="auto_recharge.paused", account_id=row.account_id, data=data, now=now)
    await _tell(session, row, "auto_recharge_paused", cause=now.isoformat(), now=now, recharge=recharge_id)


async def resume(session: AsyncSession, row: AutoRecharge, *, why: str, now: datetime) -> None:
    """The pause is lifted."""
    reason, since = row.paused_reason, row.paused_at
    row.paused_at = row.paused_reason = None
    row.episode_from = now
    await note(session, row, what="resumed", why=why, now=now)
    await events.add(
        session, type="auto_recharge.resumed", account_id=row.account_id, data={"paused_reason": reason}, now=now
    )
    if since is not None:
        await _tell(session, row, "auto_recharge_resumed", cause=since.isoformat(), now=now, why=why)


async def _tell(
    session: AsyncSession, row: AutoRecharge, kind: str, *, cause: str, now: datetime, **facts: str | None
) -> str | None:
    """Write the owner a notice about auto-recharge as it stands now; None where the same cause was told before."""
    known = {"auto_recharge": row.account_id, **facts}
    return await notices.add(session, account_id=row.account_id, kind=kind, cause=cause, facts=known, now=now)


async def _newest_attempt(session: AsyncSession, account_id: str, recharge_id: str) -> int:
    number = await session.scalar(
        select(func.coalesce(func.max(col(ChargeAttempt.number)), 0)).where(
            col(ChargeAttempt.account_id) == account_id, col(ChargeAttempt.recharge_id) == recharge_id
        )
    )
    return number or 0
