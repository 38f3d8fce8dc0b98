"""What a crossing does: rows alone, written in the transaction that marks it as handed on, so that it does it once."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from ledger import Crossing
from rules.thresholds import Threshold

#: ``effect(session, crossing, now)``: writes notices, events and hand-offs; never waits for anyone outside.
Effect = Callable[[AsyncSession, Crossing, datetime], Awaitable[None]]

EFFECTS: dict[Threshold, Effect] = {}


class NoEffectError(LookupError):
    """This version knows no effect for the crossing: it waits for one that does."""


async def apply(session: AsyncSession, crossing: Crossing, *, now: datetime) -> None:
    """Write what ``crossing`` leads to. Raises NoEffectError."""
    effect = EFFECTS.get(crossing.kind)
    if effect is None:
        raise NoEffectError(crossing.kind.name)
    await effect(session, crossing, now)
