"""What was crossed (requirement H4): recorded by the database in the posting's transaction, handed on from here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, Integer, Row, SmallInteger, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from ledger.ids import transaction_id
from rules.thresholds import Threshold

_COLUMNS = "account_id, seq, kind, below, rising, subaccount_id, spendable_after, crossed_at, tries"
_MOMENT = DateTime(timezone=True)
_KIND = bindparam("kind", type_=SmallInteger)
_TAKE = text(f"SELECT {_COLUMNS} FROM ledger_take_crossings(:now, :limit)").bindparams(  # noqa: S608 # a constant
    bindparam("now", type_=_MOMENT), bindparam("limit", type_=Integer)
)
_HANDED = text("SELECT ledger_crossing_handed(:account, :seq, :kind, :below, :now)").bindparams(
    _KIND, bindparam("now", type_=_MOMENT)
)
_PUT_OFF = text("SELECT ledger_crossing_put_off(:account, :seq, :kind, :below, :until, :error, :tries)").bindparams(
    _KIND, bindparam("until", type_=_MOMENT), bindparam("tries", type_=Integer)
)
_WAITING = text(
    "SELECT count(*), count(*) FILTER (WHERE tries > 0), min(crossed_at) FROM ledger_crossing WHERE handed_at IS NULL"
)
_OF_ACCOUNT = text(
    f"SELECT {_COLUMNS} FROM ledger_crossing WHERE account_id = :account"  # noqa: S608 # a constant
    " ORDER BY seq, below DESC, kind"
)

_AGAIN = text(
    "SELECT EXISTS (SELECT FROM ledger_crossing WHERE account_id = :account AND seq > :seq AND kind = :kind"
    " AND below = :below AND NOT rising)"
).bindparams(_KIND)


class AlreadyHandedError(Exception):
    """The crossing has had its effect: this transaction must not commit another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """One threshold that one operation crossed; amounts in micros."""

    account_id: str
    seq: int
    """Of the operation's first transfer."""
    kind: Threshold
    below_micros: int
    """The threshold: available was at or above it and is below (``rising``: the other way). A budget's amount."""
    rising: bool
    """Of ZERO alone."""
    subaccount_id: str | None
    """Whose budget was used up."""
    spendable_after: int
    """What was available after the operation."""
    crossed_at: datetime
    """The time of posting."""
    tries: int = 0
    """How often handing it on has failed."""

    @property
    def transaction_id(self) -> str:
        """The `txn_` id of the operation that crossed it."""
        return transaction_id(self.account_id, self.seq)


async def take(session: AsyncSession, *, now: datetime, limit: int) -> list[Crossing]:
    """Crossings that wait, oldest first, locked until the caller's transaction ends; what others hold is skipped.

    Of each account only the first that is due: in one account crossings have their effects in the order in which they
    happened, however many hand them on.
    """
    return [_crossing(row) for row in await session.execute(_TAKE, {"now": now, "limit": limit})]


async def handed(session: AsyncSession, crossings: Sequence[Crossing], *, now: datetime) -> None:
    """Mark crossings as handed on, in the transaction of their effects. Raises AlreadyHandedError."""
    for crossing in crossings:
        if not await session.scalar(_HANDED, {**_key(crossing), "now": now}):
            raise AlreadyHandedError(f"{crossing.transaction_id} at {crossing.below_micros}")


async def put_off(session: AsyncSession, crossing: Crossing, *, error: str, until: datetime) -> None:
    """Try a crossing again later, and let the account's later ones go before it.

    Nothing where another that failed with it at the same time has done so: it was one try.
    """
    await session.execute(_PUT_OFF, {**_key(crossing), "until": until, "error": error, "tries": crossing.tries})


async def waiting(session: AsyncSession) -> tuple[int, int, datetime | None]:
    """How many crossings wait, how many of them were put off, and when the oldest happened."""
    count, late, oldest = (await session.execute(_WAITING)).one()
    return count, late, oldest


async def crossed(session: AsyncSession, account_id: str) -> list[Crossing]:
    """All that an account has crossed, in the order in which it happened."""
    return [_crossing(row) for row in await session.execute(_OF_ACCOUNT, {"account": account_id})]


async def crossed_again(
    session: AsyncSession, account_id: str, kind: Threshold, below_micros: int, *, after_seq: int
) -> bool:
    """Whether available fell below this threshold once more after that transfer: so it had been at it in between."""
    where = {"account": account_id, "seq": after_seq, "kind": kind.value, "below": below_micros}
    return bool(await session.scalar(_AGAIN, where))


def _key(crossing: Crossing) -> dict[str, Any]:
    return {
        "account": crossing.account_id,
        "seq": crossing.seq,
        "kind": crossing.kind.value,
        "below": crossing.below_micros,
    }


def _crossing(row: Row[*tuple[Any, ...]]) -> Crossing:
    account, seq, kind, below, rising, subaccount, after, crossed_at, tries = row
    return Crossing(
        account_id=account,
        seq=seq,
        kind=Threshold(kind),
        below_micros=below,
        rising=rising,
        subaccount_id=subaccount,
        spendable_after=after,
        crossed_at=crossed_at,
        tries=tries,
    )
