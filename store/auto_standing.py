"""How auto-recharge stands, to be shown: its state, the reason, and what they follow from."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from models.account import Account
from models.auto_recharge import AutoRecharge
from rules import auto_recharge as rule
from rules import auto_recharge_words as words
from rules.auto_recharge import State
from rules.money import Money
from store import auto_reading, auto_recharge


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Read without a lock: what it was at that moment."""

    row: AutoRecharge | None
    """None: never chosen."""
    state: State
    why: str
    total: Money
    """T: what the minimum is compared with."""
    recharge_id: str | None
    """The automatic recharge that is open."""
    method_id: str | None
    """What is charged first now."""
    limited: bool
    """Whether T is at or below the minimum and a limit stands in the way."""


async def standing(session: AsyncSession, account: Account, *, now: datetime) -> Standing:
    """How the account's auto-recharge stands. Raises ledger.AccountNotOpenError."""
    found = await auto_recharge.get(session, account.id)
    row = found or AutoRecharge(account_id=account.id, enabled=False, minimum_micros=0, amount_cents=0)
    total, minimum = Money((await auto_reading.total(session, account.id)).micros), Money(row.minimum_micros)
    in_flight = await auto_reading.open_recharge(session, account.id)
    limited = row.limited_until is not None and now < row.limited_until and total <= minimum
    state = rule.state(
        enabled=row.enabled,
        paused=row.paused_at is not None,
        in_flight=in_flight is not None,
        next_attempt_at=row.next_attempt_at,
        limited=limited,
    )
    why = words.why(
        state, chosen=found is not None, latest=row.why, account_status=account.status, total=total, minimum=minimum,
        amount=Money.from_cents(row.amount_cents),
    )  # fmt: skip
    return Standing(
        row=found,
        state=state,
        why=why,
        total=total,
        recharge_id=in_flight.id if in_flight is not None else None,
        method_id=await auto_recharge.primary(session, row),
        limited=limited,
    )
