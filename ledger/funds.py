"""What an account has to spend right now, read for many callers at once. Nothing is locked and nothing is kept."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from ledger.driver import Line
from ledger.gathering import MOST, Gathering

COMMAND_SECONDS = 5
_READ = """
SELECT b.epoch, b.seq, b.spendable, b.held, u.most, u.month, u.spent
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS w (account, subaccount, n)
LEFT JOIN ledger_balance b ON b.account_id = w.account
LEFT JOIN ledger_budget u ON u.account_id = w.account AND u.subaccount_id = w.subaccount
ORDER BY w.n
"""
Key = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class Funds:
    """What is available and what is left of a subaccount's budget, in micros, at an epoch of the account."""

    epoch: int
    seq: int
    """The account's latest posting."""
    available_micros: int
    held_micros: int
    """By holds, those of which the time is over included until they are freed."""
    budget_micros: int | None
    """A month's; None: there is no budget."""
    budget_month: date | None
    """The month that `budget_spent_micros` counts; a later one has spent nothing yet."""
    budget_spent_micros: int | None

    def within_budget(self, amount_micros: int, month: date) -> bool:
        """Whether the budget allows `amount_micros` in `month`, its first day in the account's time zone."""
        if self.budget_micros is None or self.budget_month is None or self.budget_spent_micros is None:
            return True
        spent = self.budget_spent_micros if month <= self.budget_month else 0
        return spent + amount_micros <= self.budget_micros


class FundsReader:
    """Reads funds, many callers' with one statement. Build one per process and close it at the end."""

    def __init__(self, url: str) -> None:
        self._line = Line(url, command_seconds=COMMAND_SECONDS)
        self._reads: Gathering[Key, Funds] = Gathering(self._read)

    async def read(self, account_id: str, subaccount_id: str | None = None) -> Funds:
        """The funds of an open account. Raises the driver's errors, or OverloadedError."""
        return await self._reads.ask((account_id, subaccount_id))

    async def many(self, keys: Sequence[Key]) -> list[Funds]:
        """The funds of many, in order."""
        found: list[Funds] = []
        for start in range(0, len(keys), MOST):
            found += await asyncio.gather(*(self._reads.ask(key) for key in keys[start : start + MOST]))
        return found

    async def close(self) -> None:
        """Close the connection."""
        await self._reads.close()
        await self._line.close()

    async def _read(self, keys: Sequence[Key]) -> list[Funds]:
        rows = await self._line.fetch(_READ, [key[0] for key in keys], [key[1] for key in keys])
        return [Funds(*row) for row in rows]
