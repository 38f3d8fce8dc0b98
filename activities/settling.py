"""The book's side of a recharge: its end in one transaction, and the word to operators when an answer is overdue."""

from dataclasses import dataclass

from temporalio import activity

from activities.charging import RechargeRef
from rules.outcomes import Outcome
from store import notices, recharge_endings, recharges, timeline
from store.database import Database


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
            ended = await recharge_endings.conclude(
                session, row, ending.outcome, status=ending.status, reason=ending.reason, now=ref.now
            )
            if ended:
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


_NOTICES = {"succeeded": "recharge_settled", "failed": "recharge_failed", "canceled": "recharge_canceled"}
