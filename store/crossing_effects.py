"""What a crossing does: rows alone, written in the transaction that marks it as handed on, so that it does it once."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from ledger import Crossing
from models.account import Account
from rules.money import CURRENCY, Money
from rules.months import month_of
from rules.thresholds import Threshold
from store import auto_news, balance_alerts, events, retention


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossingEffects:
    """Notices, events and hand-offs, by the kind of what was crossed."""

    retention_days: int
    """How long a retention clock runs (B2)."""

    async def apply(self, session: AsyncSession, crossing: Crossing, *, now: datetime) -> None:
        """Write what ``crossing`` leads to; nobody outside is waited for."""
        match crossing.kind:
            case Threshold.ALERT:
                await balance_alerts.crossed(session, crossing, now=now)
            case Threshold.ZERO:
                await retention.crossed(session, crossing, days=self.retention_days, now=now)
            case Threshold.BUDGET:
                await _budget_exhausted(session, crossing, now=now)
            case Threshold.MINIMUM | Threshold.STEP:
                await auto_news.crossed(session, crossing, now=now)


async def _budget_exhausted(session: AsyncSession, crossing: Crossing, *, now: datetime) -> None:
    account = await session.get_one(Account, crossing.account_id)
    data = {
        "subaccount": crossing.subaccount_id,
        "budget": str(Money(crossing.below_micros)),
        "currency": CURRENCY,
        "crossed_at": crossing.crossed_at,
        "transaction": crossing.transaction_id,
        "month": month_of(crossing.crossed_at, account.timezone),
    }
    await events.add(
        session, type="subaccount.budget_exhausted", account_id=crossing.account_id, data=data, now=now
    )  # fmt: skip
