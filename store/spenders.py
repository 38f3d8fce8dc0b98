"""The facts that decide who may spend, kept in memory and checked by the book.

An account's epoch moves with every change to them. A charge carries the epoch by which it was judged; when the book
answers that it is stale, the facts are forgotten and read anew. So nothing is ever decided by an old fact, and a
charge of a known account needs no read of its own.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from ledger.driver import Line
from ledger.gathering import Gathering
from rules.spending import Spender, SubaccountTerms

MOST_KEPT = 100_000
COMMAND_SECONDS = 5
_FACTS = """
SELECT b.account_id, b.epoch, a.status, a.status_changed_at, a.timezone, a.sender_ids,
    s.id, s.enabled, s.disabled_at, s.deleted_at, s.sender_ids, u.account_id IS NOT NULL,
    CASE WHEN w.subaccount IS NULL THEN
        ARRAY(SELECT t.digest FROM account_token t WHERE t.account_id = w.account ORDER BY t.digest)
    ELSE
        ARRAY(SELECT t.digest FROM subaccount_token t WHERE t.account_id = w.account AND t.subaccount_id = w.subaccount
            ORDER BY t.digest)
    END,
    CASE WHEN w.subaccount IS NULL THEN
        ARRAY(SELECT t.expires_at FROM account_token t WHERE t.account_id = w.account ORDER BY t.digest)
    ELSE
        ARRAY(SELECT t.expires_at FROM subaccount_token t
            WHERE t.account_id = w.account AND t.subaccount_id = w.subaccount ORDER BY t.digest)
    END
FROM unnest({accounts}::text[], {subaccounts}::text[]) WITH ORDINALITY AS w (account, subaccount, n)
JOIN account a ON a.id = w.account
JOIN ledger_balance b ON b.account_id = w.account
LEFT JOIN subaccount s ON s.account_id = w.account AND s.id = w.subaccount
LEFT JOIN ledger_budget u ON u.account_id = w.account AND u.subaccount_id = w.subaccount
WHERE w.subaccount IS NULL OR s.id IS NOT NULL
ORDER BY w.n
"""
_OF_MANY = _FACTS.format(accounts="$1", subaccounts="$2")
_OF_ONE = text(_FACTS.format(accounts="ARRAY[:account]", subaccounts="ARRAY[:subaccount]"))
_MAIN = "SELECT id, account_id FROM subaccount WHERE id = ANY ($1)"

Key = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class Known:
    """A spender, and the digests of its own tokens with the moment each ends."""

    spender: Spender
    tokens: tuple[tuple[str, datetime | None], ...]
    read_at: float
    """Of the monotonic clock."""

    def digests(self, now: datetime) -> list[str]:
        """Digests of the tokens that are valid at ``now``."""
        return [digest for digest, expires_at in self.tokens if expires_at is None or expires_at > now]


async def read(session: AsyncSession, account_id: str, subaccount_id: str | None = None) -> Spender | None:
    """The facts as the caller's transaction sees them; None if there is no such account or subaccount."""
    row = (await session.execute(_OF_ONE, {"account": account_id, "subaccount": subaccount_id})).one_or_none()
    return None if row is None else _known(row, read_at=time.monotonic()).spender


class Spenders:
    """The facts of many, by (account, subaccount or None). Build one per process and close it at the end."""

    def __init__(self, url: str) -> None:
        self._facts_line = Line(url, command_seconds=COMMAND_SECONDS)
        self._many_line = Line(url, command_seconds=COMMAND_SECONDS)
        self._mains_line = Line(url, command_seconds=COMMAND_SECONDS)
        self._kept: dict[Key, Known] = {}
        self._mains: dict[str, str] = {}
        self._reads: Gathering[Key, Known | None] = Gathering(lambda keys: self._read(self._facts_line, keys))
        self._many_reads: Gathering[Sequence[Key], list[Known | None]] = Gathering(self._read_many, most=1)
        self._main_reads: Gathering[str, str | None] = Gathering(self._read_mains)

    async def known(
        self, account_id: str, subaccount_id: str | None = None, *, fresh_seconds: float | None = None
    ) -> Known | None:
        """What is known of a spender; None if there is none. Not older than ``fresh_seconds`` where nothing is posted.

        Raises the driver's errors, or OverloadedError.
        """
        key = (account_id, subaccount_id)
        found = self._kept.get(key)
        if found is not None and (fresh_seconds is None or time.monotonic() - found.read_at < fresh_seconds):
            return found
        return await self._reads.ask(key)

    async def many(self, keys: Iterable[Key]) -> dict[Key, Known]:
        """The same for many at once; those that do not exist are left out."""
        wanted = set(keys)
        found = {key: known for key in wanted if (known := self._kept.get(key)) is not None}
        missing = list(wanted - found.keys())
        if missing:
            read = await self._many_reads.ask(missing)
            found |= {key: known for key, known in zip(missing, read, strict=True) if known is not None}
        return found

    async def main_of(self, subaccount_id: str) -> str | None:
        """The main account of a subaccount, which never changes."""
        found = self._mains.get(subaccount_id)
        return found if found is not None else await self._main_reads.ask(subaccount_id)

    def forget(self, account_id: str, subaccount_id: str | None = None) -> None:
        """Read the facts anew when they are asked for next: the book has said that they are stale."""
        self._kept.pop((account_id, subaccount_id), None)

    async def close(self) -> None:
        """Close the connections."""
        for gathering in (self._reads, self._many_reads, self._main_reads):
            await gathering.close()
        for line in (self._facts_line, self._many_line, self._mains_line):
            await line.close()

    async def _read_many(self, wanted: Sequence[Sequence[Key]]) -> list[list[Known | None]]:
        return [await self._read(self._many_line, keys) for keys in wanted]

    async def _read(self, line: Line, keys: Sequence[Key]) -> list[Known | None]:
        read_at = time.monotonic()
        accounts, subaccounts = [key[0] for key in keys], [key[1] for key in keys]
        rows = await line.fetch(_OF_MANY, accounts, subaccounts)
        every = [_known(row, read_at=read_at) for row in rows]
        found = {(known.spender.account_id, known.spender.subaccount_id): known for known in every}
        self._keep(self._kept, found)
        return [found.get(key) for key in keys]

    async def _read_mains(self, subaccount_ids: Sequence[str]) -> list[str | None]:
        found: dict[str, str] = dict(await self._mains_line.fetch(_MAIN, subaccount_ids))
        self._keep(self._mains, found)
        return [found.get(subaccount_id) for subaccount_id in subaccount_ids]

    @staticmethod
    def _keep(kept: dict[Any, Any], found: dict[Any, Any]) -> None:
        kept |= found
        while len(kept) > MOST_KEPT:
            del kept[next(iter(kept))]


def _known(row: Any, *, read_at: float) -> Known:
    (account_id, epoch, status, status_changed_at, timezone, senders, *of_subaccount, digests, expiries) = row
    subaccount_id, enabled, disabled_at, deleted_at, subaccount_senders, has_budget = of_subaccount
    terms = None
    if subaccount_id is not None:
        terms = SubaccountTerms(
            enabled=enabled,
            disabled_at=disabled_at,
            deleted_at=deleted_at,
            sender_ids=None if subaccount_senders is None else frozenset(subaccount_senders),
            has_budget=has_budget,
        )
    spender = Spender(
        account_id=account_id,
        epoch=epoch,
        status=status,
        status_changed_at=status_changed_at,
        timezone=timezone,
        sender_ids=None if senders is None else frozenset(senders),
        subaccount_id=subaccount_id,
        subaccount=terms,
    )
    return Known(spender, tuple(zip(digests, expiries, strict=True)), read_at)
