"""`verify`: prove the book from the journal alone (requirement H5).

Each check is one statement, so it sees one snapshot and may run while others post. That all codes of all accounts sum
to zero needs no check: a transfer is one row with one amount and two sides, so no subset of rows can be out of balance.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from ledger.checks import CHECKS

#: Findings reported per check; a broken book is not read line by line.
MOST = 100
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something in the book that cannot be."""

    check: str
    account_id: str | None
    detail: str


async def verify(
    session: AsyncSession, progress: Progress | None = None, *, checks: Mapping[str, str] = CHECKS
) -> list[Finding]:
    """Run every check and return what they found: nothing, for a sound book.

    `checks` are those of the book by itself, unless more is to be proved with it (`store.proof`). `progress` is called
    before each check and at the end with (name of the check, checks done, checks in all).
    """
    await session.execute(text("SET LOCAL statement_timeout = 0"))
    await session.execute(text("SET LOCAL work_mem = '64MB'"))
    findings: list[Finding] = []
    for done, (name, query) in enumerate(checks.items()):
        if progress is not None:
            progress(name, done, len(checks))
        rows = await session.execute(text(query), {"most": MOST})
        findings += [Finding(name, account_id, detail) for account_id, detail in rows]
    if progress is not None:
        progress("done", len(checks), len(checks))
    return findings
