"""What auto-recharge begins from, by one statement: T, what is watched, the settings, the recharge in flight."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Text, and_, bindparam, func, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

import ledger
from models.account import Account
from models.auto_recharge import AutoRecharge
from models.ledger import LedgerBalance, LedgerThreshold
from models.recharge import Recharge
from rules.money import Money
from rules.thresholds import Threshold

OPEN = ("processing", "requires_action")
_ACCOUNT = bindparam("account", type_=Text())
_IN_FLIGHT = and_(col(Recharge.kind) == "auto", col(Recharge.status).in_(OPEN))
_AWAITED = (
    select(func.coalesce(func.sum(col(Recharge.amount_cents)), 0))
    .where(col(Recharge.account_id) == _ACCOUNT, col(Recharge.status) == "requires_action")
    .scalar_subquery()
)
_WATCHED = (
    select(func.jsonb_agg(func.jsonb_build_array(col(LedgerThreshold.kind), col(LedgerThreshold.below)), type_=JSONB))
    .where(
        col(LedgerThreshold.account_id) == _ACCOUNT,
        col(LedgerThreshold.kind).in_((Threshold.MINIMUM.value, Threshold.STEP.value)),
    )
    .scalar_subquery()
)
_STANDS = (col(LedgerBalance.spendable), col(LedgerBalance.pending), col(LedgerBalance.provisional), _AWAITED, _WATCHED)
_LOOK = select(*_STANDS).where(col(LedgerBalance.account_id) == _ACCOUNT)
_READ = (
    select(AutoRecharge, Account, Recharge, *_STANDS)
    .join(Account, col(Account.id) == col(AutoRecharge.account_id))
    .join(LedgerBalance, col(LedgerBalance.account_id) == col(AutoRecharge.account_id))
    .join(Recharge, and_(col(Recharge.account_id) == col(AutoRecharge.account_id), _IN_FLIGHT), isouter=True)
    .where(col(AutoRecharge.account_id) == _ACCOUNT)
    .execution_options(populate_existing=True)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """T and what it is made of, in micros. A recharge that waits for the customer is not in it."""

    available: int
    arriving: int
    """Of recharges in ``processing``."""
    provisional: int

    @property
    def micros(self) -> int:
        """T: what auto-recharge looks at, so that money on its way counts."""
        return self.available + self.arriving - self.provisional


@dataclass(frozen=True, slots=True)
class Look:
    """What a decision begins from, read by one statement."""

    total: Total
    watched: Mapping[int, set[int]]
    """Below which amounts of available a crossing is told to auto-recharge, by kind of threshold."""


@dataclass(frozen=True, slots=True)
class Seen(Look):
    """The same of an account whose owner has chosen settings."""

    row: AutoRecharge
    account: Account
    in_flight: Recharge | None


async def read(session: AsyncSession, account_id: str) -> Seen | None:
    """The settings, their account, its automatic recharge in flight, and T; None where nothing was ever chosen."""
    found = (await session.execute(_READ, {"account": account_id})).one_or_none()
    if found is None:
        return None
    row, account, in_flight, spendable, pending, provisional, awaited_cents, thresholds = found
    stands = _look_of(spendable, pending, provisional, awaited_cents, thresholds)
    return Seen(stands.total, stands.watched, row, account, in_flight)


async def total(session: AsyncSession, account_id: str) -> Total:
    """T of the account: what holds while the caller has its lock, else a look at it. Raises AccountNotOpenError."""
    return (await look(session, account_id)).total


async def look(session: AsyncSession, account_id: str) -> Look:
    """As ``total``, with what is watched. Raises AccountNotOpenError."""
    row = (await session.execute(_LOOK, {"account": account_id})).one_or_none()
    if row is None:
        raise ledger.AccountNotOpenError(account_id)
    return _look_of(*row)


def _look_of(
    spendable: int, pending: int, provisional: int, awaited_cents: int, thresholds: Sequence[tuple[int, int]] | None
) -> Look:
    found = Total(
        available=spendable,
        arriving=pending - Money.from_cents(int(awaited_cents)).micros,
        provisional=-provisional,
    )
    watched: defaultdict[int, set[int]] = defaultdict(set)
    for kind, below in thresholds or ():
        watched[kind].add(below)
    return Look(found, watched)


async def open_recharge(session: AsyncSession, account_id: str) -> Recharge | None:
    """The account's automatic recharge in flight: there is at most one (D5)."""
    return await session.scalar(
        select(Recharge)
        .where(col(Recharge.account_id) == account_id, _IN_FLIGHT)
        .execution_options(populate_existing=True)
    )
