"""The book's side of a recharge: its end in one transaction, and the word to operators when an answer is overdue."""

from dataclasses import asdict, dataclass

from temporalio import activity

from activities.charging import RechargeRef
from models.base import JSON
from models.recharge import Recharge
from rules.declines import explain
from rules.outcomes import Outcome
from store import attempts, notices, recharges, timeline
from store.database import AsyncSession, Database


@dataclass(frozen=True)
class Ending:
    """How the recharge ends: the processor's last word, and the code of what ended it where no attempt says why."""

    recharge: RechargeRef
    outcome: Outcome
    status: str
    reason: str | None = None


class Settling:
    """The hands that book what the processor decided."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    @activity.defn
    async def finish(self, ending: Ending) -> str:
        """End the recharge in one transaction: money settled or voided, timeline, notice. Gives its final status."""
        ref = ending.recharge
        async with self._database.transaction() as session:
            row = await recharges.locked(session, account_id=ref.account_id, recharge_id=ref.recharge_id)
            failure = await _failure(session, row, ending)
            ended = await recharges.end(
                session, row, status=ending.status, charge=ending.outcome.charge, failure=failure, now=ref.now
            )
            if not ended:
                return row.status
            await timeline.tell(
                session, account_id=row.account_id, recharge_id=row.id, key="end", what=ending.status,
                detail=failure["message"] if failure else None, now=ref.now,
            )  # fmt: skip
            await notices.add(
                session, account_id=row.account_id, kind=_NOTICES[ending.status], cause=row.id,
                facts={"recharge": row.id}, now=ref.now,
            )  # fmt: skip
        return row.status

    @activity.defn
    async def report_overdue(self, ref: RechargeRef) -> None:
        """Tell operators, once a day, that the processor has not answered by the expected day (E10)."""
        day = ref.now.date().isoformat()
        async with self._database.transaction() as session:
            row = await recharges.locked(session, account_id=ref.account_id, recharge_id=ref.recharge_id)
            await timeline.tell(
                session, account_id=row.account_id, recharge_id=row.id, key=f"overdue/{day}", what="overdue",
                detail="The processor has not answered yet; we ask it again every day", now=ref.now,
            )  # fmt: skip
            await notices.add(
                session, account_id=row.account_id, kind="recharge_overdue", cause=f"{row.id}/{day}",
                audience="operators", facts={"recharge": row.id}, now=ref.now,
            )  # fmt: skip


async def _failure(session: AsyncSession, row: Recharge, ending: Ending) -> JSON | None:
    if ending.status != "failed":
        return asdict(explain(code=ending.reason)) if ending.reason and ending.status == "canceled" else None
    newest = await attempts.newest(session, row)
    if newest is not None and newest.failure is not None:
        return newest.failure
    return asdict(explain(code=ending.reason or ending.outcome.failure_code))


_NOTICES = {"succeeded": "recharge_settled", "failed": "recharge_failed", "canceled": "recharge_canceled"}
