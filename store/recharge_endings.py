"""The end of a recharge in the records: its money, its last word, and why it came to that."""

from dataclasses import asdict
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from models.base import JSON
from models.recharge import Recharge
from rules.declines import explain
from rules.outcomes import Outcome, State
from store import attempts, recharges, timeline


async def conclude(
    session: AsyncSession, row: Recharge, outcome: Outcome, *, status: str, reason: str | None, now: datetime
) -> bool:
    """End a locked recharge once, as ``status``; False where it had ended before. A success is its attempt's as well.

    ``reason`` is the code of what ended it where no attempt says why.
    """
    if outcome.state is State.SUCCEEDED:
        await attempts.record(session, row, outcome, now=now)
    failure = await _failure(session, row, outcome, status=status, reason=reason)
    if not await recharges.end(session, row, status=status, charge=outcome.charge, failure=failure, now=now):
        return False
    await timeline.tell(
        session, account_id=row.account_id, recharge_id=row.id, key="end", what=status,
        detail=failure["message"] if failure else None, now=now,
    )  # fmt: skip
    return True


async def _failure(
    session: AsyncSession, row: Recharge, outcome: Outcome, *, status: str, reason: str | None
) -> JSON | None:
    if status != "failed":
        return asdict(explain(code=reason)) if reason and status == "canceled" else None
    newest = await attempts.newest(session, row)
    if newest is not None and newest.failure is not None:
        return newest.failure
    return asdict(explain(code=reason or outcome.failure_code))
