"""An operation with its keys, posted by the database's `ledger_post`: all but usage and holds."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ARRAY, BigInteger, Boolean, DateTime, SmallInteger, Text, bindparam, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from ledger.balance import NO_SUCH_ACCOUNT, AccountNotOpenError, Balances, from_columns
from ledger.ids import transaction_id
from rules.chart import Operation

_POST = text(
    "SELECT outcome, first_seq, spendable, pending, provisional, held, at_risk, refund_due, seq FROM ledger_post("
    ":account, :now, :kind, :key, :source, :subaccount, :description, :debits, :credits, :amounts, :may_overdraw)"
).bindparams(
    bindparam("account", type_=Text),
    bindparam("now", type_=DateTime(timezone=True)),
    bindparam("kind", type_=SmallInteger),
    bindparam("key", type_=Text),
    bindparam("source", type_=Text),
    bindparam("subaccount", type_=Text),
    bindparam("description", type_=Text),
    bindparam("debits", type_=ARRAY(SmallInteger)),
    bindparam("credits", type_=ARRAY(SmallInteger)),
    bindparam("amounts", type_=ARRAY(BigInteger)),
    bindparam("may_overdraw", type_=Boolean),
)


class KeyReusedError(Exception):
    """The key was used before for other content. Nothing was posted; the transaction lives on."""


class AlreadyEndedError(Exception):
    """The source (hold, recharge, refund) was ended before by another operation. Nothing was posted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """An operation and its place in the book."""

    account_id: str
    operation: Operation
    now: datetime
    """Aware; stored as the time of posting."""
    key: str | None = None
    """Idempotency key: unique in the account for this kind."""
    source: str | None = None
    """Id of the record that causes it; required for what opens or ends something."""
    subaccount_id: str | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """The operation is in the book: now, or (`replayed`) since an earlier call with the same key and content."""

    seq: int
    """Of its first transfer."""
    replayed: bool
    balances: Balances
    """After this call."""

    @property
    def transaction_id(self) -> str:
        """Its `txn_` id."""
        return transaction_id(self.balances.account_id, self.seq)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Available is too small; nothing was posted."""

    balances: Balances


async def post(session: AsyncSession, posting: Posting) -> Posted | Refused:
    """Post an operation in the caller's transaction; it locks the account's balance row until that ends.

    Usage and holds are not posted here but by `charging` and `spending`. Raises KeyReusedError, AlreadyEndedError, or
    AccountNotOpenError (which aborts the transaction).
    """
    legs = posting.operation.legs
    parameters = {
        "account": posting.account_id,
        "now": posting.now,
        "kind": posting.operation.kind.value,
        "key": posting.key,
        "source": posting.source,
        "subaccount": posting.subaccount_id,
        "description": posting.description,
        "debits": [leg.debit.value for leg in legs],
        "credits": [leg.credit.value for leg in legs],
        "amounts": [leg.amount for leg in legs],
        "may_overdraw": posting.operation.may_overdraw,
    }
    try:
        outcome, seq, *carried = (await session.execute(_POST, parameters)).one()
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) == NO_SUCH_ACCOUNT:
            raise AccountNotOpenError(posting.account_id) from error
        raise
    after = from_columns(posting.account_id, *carried)
    kind = posting.operation.kind.name.lower()
    match outcome:
        case "refused":
            return Refused(balances=after)
        case "conflict":
            raise KeyReusedError(f"{kind} {posting.key} of {posting.account_id} was posted with other content")
        case "ended":
            raise AlreadyEndedError(f"{posting.source} was ended before; {kind} is not posted")
        case _:
            return Posted(seq=seq, replayed=outcome == "replayed", balances=after)


async def post_always(session: AsyncSession, posting: Posting) -> Posted:
    """Post what cannot be refused: it does not debit available, or may overdraw it."""
    result = await post(session, posting)
    if isinstance(result, Refused):
        raise TypeError(f"{posting.operation.kind.name} can be refused: use post")
    return result
