"""What changed an account's posted balance, with the balance after each: as a list, and whole as CSV."""

import csv
import io
from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from typing import Annotated, Literal

from fastapi import Depends, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncSession

import ledger
from api.access import Access, OwnAccount
from api.context import Context, InContext
from api.paging import ListQuery
from api.routing import router as make_router
from api.shapes import Amount, Listing, Moment, Resource, like
from rules.chart import USAGE_KINDS, Kind
from rules.money import CURRENCY, Money
from rules.problems import Problem
from store import subaccounts

router = make_router("Transactions")
_PATH = "/v1/accounts/{account_id}/transactions"
#: Lines that are read and sent at a time: a few milliseconds of this process, which others wait for.
CHUNK = 500
#: A cell that begins so is a formula for a spreadsheet; an apostrophe before it makes it text (OWASP, CSV injection).
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
#: The operations that change posted.
KindName = Literal[
    "usage",
    "fee",
    "tax",
    "rental",
    "hold_captured",
    "adjustment",
    "recharge_settled",
    "withdrawn",
    "reinstated",
    "refund_done",
    "refund_mirrored",
    "refund_reversed",
]
_NAMES = {kind: kind.name.lower() for kind in Kind}
_PAYER = f"^({ledger.MAIN}|SA[0-9A-Z]{{18}})$"
SubaccountFilter = Annotated[
    str,
    like(_PAYER, f"must be `{ledger.MAIN}` or the id of a subaccount (SA…)"),
    Field(json_schema_extra={"pattern": _PAYER}),
]
_KIND = Field(default=None, description="Only this kind")
_SUBACCOUNT = Field(default=None, description="Only this subaccount's, or `main` for the main account's own")


class TransactionsQuery(ListQuery):
    """Filters of the list."""

    kind: KindName | None = _KIND
    subaccount: SubaccountFilter | None = _SUBACCOUNT


class ExportQuery(BaseModel):
    """Filters of the CSV, which is not paged."""

    model_config = ConfigDict(extra="forbid")

    created_gte: Moment | None = Field(default=None, alias="created[gte]", description="Posted at this time or later")
    created_lt: Moment | None = Field(default=None, alias="created[lt]", description="Posted before this time")
    kind: KindName | None = _KIND
    subaccount: SubaccountFilter | None = _SUBACCOUNT


class TransactionView(Resource):
    """An operation that changed ``posted``. It is final."""

    id: str
    account: str
    kind: KindName
    amount: Amount = Field(description="The change of `posted`: below zero for what was charged")
    balance: Amount = Field(description="`posted` after it")
    currency: str
    reference: str | None = Field(description="Yours, of usage or of the hold that was captured")
    source: str | None = Field(description="The id of the recharge, adjustment, hold or refund behind it")
    subaccount: str | None = Field(description="null: the main account's own")
    sender_id: str | None
    settled: bool = Field(description="It had already happened, so that it could take the balance below zero")
    description: str | None
    created_at: Moment


@router.get(_PATH, dependencies=[Depends(Access("read", owner=True))])
async def list_transactions(
    query: Annotated[TransactionsQuery, Query()], account: OwnAccount, context: InContext
) -> Listing[TransactionView]:
    """List what changed ``posted``, newest first, with the balance after each. Holds do not; their captures do."""
    async with context.database.transaction() as session:
        await check_subaccount(session, account.id, query.subaccount)
        page = await ledger.history(
            session,
            account.id,
            limit=query.limit,
            older_than=_cursor(account.id, query.starting_after, "starting_after"),
            newer_than=_cursor(account.id, query.ending_before, "ending_before"),
            posted_from=query.created_gte,
            posted_before=query.created_lt,
            kind=_kind(query.kind),
            subaccount=query.subaccount,
        )
    data = [_shown(line, livemode=context.livemode) for line in page.transactions]
    return Listing(data=data, has_more=page.has_more)


class CsvResponse(StreamingResponse):
    """CSV (RFC 4180), sent as it is read."""

    media_type = "text/csv"


@router.get(f"{_PATH}.csv", dependencies=[Depends(Access("read", owner=True))], response_class=CsvResponse)
async def export_transactions(
    query: Annotated[ExportQuery, Query()], account: OwnAccount, context: InContext
) -> CsvResponse:
    """Export what changed ``posted`` as CSV, newest first, with the columns of the list. A million lines are no limit.

    It is the history as it stands when the request comes. Text that a spreadsheet would take for a formula has an
    apostrophe before it.
    """
    async with context.database.transaction() as session:
        await check_subaccount(session, account.id, query.subaccount)
        whole = await ledger.stretch(
            session,
            account.id,
            posted_from=query.created_gte,
            posted_before=query.created_lt,
            kind=_kind(query.kind),
            subaccount=query.subaccount,
        )
    headers = {"Content-Disposition": f'attachment; filename="transactions-{account.id}.csv"'}
    return CsvResponse(_lines(context, whole), headers=headers)


async def check_subaccount(session: AsyncSession, account_id: str, subaccount: str | None) -> None:
    """Raise Problem ``not_found`` if the filter names none of the account's subaccounts; a deleted one is one."""
    if subaccount is None or subaccount == ledger.MAIN:
        return
    if await subaccounts.find(session, account_id, subaccount) is None:
        raise Problem("not_found", "The account has no such subaccount.", param="subaccount")


async def _lines(context: Context, whole: ledger.Stretch) -> AsyncGenerator[bytes]:
    """The export's text, a chunk at a time. No connection is held while the client reads, however slowly it does."""
    yield _text([list(TransactionView.model_fields)])
    left: ledger.Stretch | None = whole
    while left is not None:
        async with context.exports, context.database.transaction() as session:
            found, left = await ledger.read_on(session, left, rows=CHUNK)
        if found:
            livemode = "true" if context.livemode else "false"
            yield _text([[livemode, *_cells(line)] for line in found])


def _text(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _cells(line: ledger.Transaction) -> tuple[str, ...]:
    """One line in the order of TransactionView's fields, after ``livemode``."""
    return (
        line.id,
        line.account_id,
        _NAMES[line.kind],
        str(Money(line.amount)),
        str(Money(line.posted_after)),
        CURRENCY,
        _harmless(_reference(line)),
        line.source or "",
        line.subaccount_id or "",
        _harmless(line.sender_id),
        "true" if line.settled else "false",
        _harmless(line.description),
        _rfc3339(line.posted_at),
    )


def _harmless(text: str | None) -> str:
    """A customer's text, so that no spreadsheet runs it."""
    if text is None:
        return ""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def _rfc3339(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _reference(line: ledger.Transaction) -> str | None:
    """The integrator's own; the keys of other operations are ours and the processor's."""
    return line.key if line.kind in USAGE_KINDS or line.kind is Kind.HOLD_CAPTURED else None


def _shown(line: ledger.Transaction, *, livemode: bool) -> TransactionView:
    return TransactionView.model_validate(
        {
            "livemode": livemode,
            "id": line.id,
            "account": line.account_id,
            "kind": _NAMES[line.kind],
            "amount": Money(line.amount),
            "balance": Money(line.posted_after),
            "currency": CURRENCY,
            "reference": _reference(line),
            "source": line.source,
            "subaccount": line.subaccount_id,
            "sender_id": line.sender_id,
            "settled": line.settled,
            "description": line.description,
            "created_at": line.posted_at,
        }
    )


def _kind(name: KindName | None) -> Kind | None:
    return None if name is None else Kind[name.upper()]


def _cursor(account_id: str, given: str | None, param: str) -> int | None:
    """The seq that a cursor names. Raises Problem ``invalid_field`` for what is no transaction of the account."""
    if given is None:
        return None
    try:
        owner, seq = ledger.parse_transaction_id(given)
    except ValueError:
        owner, seq = "", 0
    if owner != account_id:
        raise Problem("invalid_field", "It is no id of a transaction of this account.", param=param)
    return seq
