"""The account's wide balance row: what it says, and how it is locked."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ARRAY, Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

_OPEN = text("SELECT ledger_open(:account)")
_LOCK = text(
    "SELECT account_id, spendable, pending, provisional, held, at_risk, refund_due, seq FROM ledger_lock(:accounts)"
).bindparams(bindparam("accounts", type_=ARRAY(Text)))
_READ = text(
    "SELECT account_id, spendable, pending, provisional, held, at_risk, refund_due, seq"
    " FROM ledger_balance WHERE account_id = :account"
)


#: What the database's functions raise where there is no balance row.
NO_SUCH_ACCOUNT = "LG001"


class AccountNotOpenError(LookupError):
    """The account has no balance row: `open_account` was not called for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Balances:
    """What an account has, in micros, in the words of requirements.md; `code_*` are sides of the book as stored."""

    account_id: str
    spendable: int
    pending: int
    code_provisional: int
    """As booked: never above zero."""
    code_held: int
    at_risk: int
    """Withdrawn by a dispute and undecided; already out of posted."""
    refund_due: int
    seq: int
    """How many transfers the account has."""

    @property
    def available(self) -> int:
        """What may be spent now: the only balance that decides about usage."""
        return self.spendable

    @property
    def arriving(self) -> int:
        """Money of recharges that are not final yet, whole."""
        return self.pending

    @property
    def provisional(self) -> int:
        """The part of arriving that may already be spent (E12); never below zero."""
        return -self.code_provisional

    @property
    def held(self) -> int:
        """Reserved by holds and by refunds under way."""
        return self.code_held + self.refund_due

    @property
    def posted(self) -> int:
        """The sum of final entries: available - provisional + held."""
        return self.spendable + self.code_provisional + self.code_held + self.refund_due

    @property
    def total(self) -> int:
        """T: what auto-recharge looks at, so that money on its way counts."""
        return self.available + self.arriving - self.provisional


async def open_account(session: AsyncSession, account_id: str) -> None:
    """Make the balance row of a new account, all zero. A second call changes nothing."""
    await session.execute(_OPEN, {"account": account_id})


async def lock(session: AsyncSession, account_ids: Sequence[str]) -> dict[str, Balances]:
    """Lock accounts, in id order, until the caller's transaction ends. Raises AccountNotOpenError if one is unknown."""
    rows = await session.execute(_LOCK, {"accounts": list(account_ids)})
    found = {row[0]: from_columns(*row) for row in rows}
    if missing := set(account_ids) - set(found):
        raise AccountNotOpenError(", ".join(sorted(missing)))
    return found


async def balances(session: AsyncSession, account_id: str) -> Balances | None:
    """Read an account's balances without locking; None if it is not open."""
    row = (await session.execute(_READ, {"account": account_id})).one_or_none()
    return None if row is None else from_columns(*row)


def from_columns(
    account_id: str, spendable: int, pending: int, provisional: int, held: int, at_risk: int, refund_due: int, seq: int
) -> Balances:
    """The balances in the order in which the ledger's functions return them."""
    return Balances(
        account_id=account_id,
        spendable=spendable,
        pending=pending,
        code_provisional=provisional,
        code_held=held,
        at_risk=at_risk,
        refund_due=refund_due,
        seq=seq,
    )
