"""Holds: money reserved before it is used, and ended once: captured, released or expired (requirement H6).

Whoever opens or ends a hold locks its account in the ledger first and reads the hold afterwards, so that of a capture,
a release and the expiry one alone finds it open, and nobody waits in a circle.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

import ledger
from ledger import charge
from models.hold import Hold
from rules.money import Money
from rules.months import month_of
from rules.problems import Problem
from rules.spending import Spender, refusal
from store import spenders
from store.hold_expiry import expire_due, is_due
from store.ids import new_id
from store.paging import Page, fetch

Status = Literal["open", "captured", "released", "expired"]
#: Refusals that may be due to money that expired holds still keep.
EXHAUSTED = frozenset({"balance_exhausted", "budget_exhausted"})


@dataclass(frozen=True, slots=True, kw_only=True)
class NewHold:
    """What a hold is made from."""

    account_id: str
    reference: str
    amount: Money
    expires_in: int
    """Seconds until it expires by itself."""
    subaccount_id: str | None = None
    sender_id: str | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A hold after what was asked of it; ``replayed`` when that had been done before."""

    hold: Hold
    replayed: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """Why nothing was reserved: an error code, and what is available."""

    code: str
    available: Money


async def reserve(session: AsyncSession, new: NewHold, *, now: datetime) -> Kept | Refused:
    """Reserve money, once for each reference; where it does not suffice, what expired holds still keep is freed first.

    A refusal is a value, because the caller commits what was freed. Raises Problem ``not_found`` for an unknown
    subaccount, ``reference_reused``, or ledger.AccountNotOpenError.
    """
    await ledger.lock(session, [new.account_id])
    spender = await spenders.read(session, new.account_id, new.subaccount_id)
    if spender is None:
        raise Problem("not_found", "There is no such subaccount of this account.", param="subaccount")
    row = Hold(
        account_id=new.account_id,
        id=new_id("hold", now),
        subaccount_id=new.subaccount_id,
        reference=new.reference,
        amount_micros=new.amount.micros,
        expires_in=new.expires_in,
        sender_id=new.sender_id,
        description=new.description,
        expires_at=now + timedelta(seconds=new.expires_in),
        created_at=now,
    )
    held = await _post(session, row, spender, now=now)
    while held.outcome in EXHAUSTED and await expire_due(session, now=now, account_id=new.account_id):
        held = await _post(session, row, spender, now=now)
    match held.outcome:
        case charge.POSTED:
            session.add(row)
            await session.flush()
            return Kept(row, replayed=False)
        case charge.REPLAYED | charge.CONFLICT:
            return Kept(await _stored(session, new, held), replayed=True)
        case code:
            return Refused(code, Money(held.spendable))


async def capture(
    session: AsyncSession,
    *,
    account_id: str,
    hold_id: str,
    amount: Money | None,
    settled: bool,
    now: datetime,
    subaccount_id: str | None = None,
) -> Kept:
    """Charge ``amount`` of a hold, or all of it, and free the rest. Whoever reserved in time may capture, whatever has
    become of the account or subaccount since.

    ``subaccount_id`` is that of a caller who sees no other's holds. Raises Problem ``not_found``, ``hold_ended``, or
    ``capture_above_hold`` unless ``settled``.
    """
    row = await _locked(session, account_id=account_id, hold_id=hold_id, subaccount_id=subaccount_id)
    micros = row.amount_micros if amount is None else amount.micros
    if (row.status, row.captured_micros, row.capture_settled) == ("captured", micros, settled):
        return Kept(row, replayed=True)
    _must_be_open(row, now=now)
    if micros > row.amount_micros and not settled:
        held = Money(row.amount_micros)
        detail = f"The hold keeps {held}; more can be captured only as settled usage."
        raise Problem("capture_above_hold", detail, param="amount", held=str(held))
    await ledger.capture(
        session,
        account_id=row.account_id,
        hold_id=row.id,
        held_micros=row.amount_micros,
        captured_micros=micros,
        now=now,
        settled=settled,
        subaccount_id=row.subaccount_id,
        description=row.description,
    )
    row.status, row.captured_micros, row.capture_settled, row.ended_at = "captured", micros, settled, now
    await session.flush()
    return Kept(row, replayed=False)


async def release(
    session: AsyncSession, *, account_id: str, hold_id: str, now: datetime, subaccount_id: str | None = None
) -> Kept:
    """Free a hold without a charge. Raises Problem ``not_found`` or ``hold_ended``."""
    row = await _locked(session, account_id=account_id, hold_id=hold_id, subaccount_id=subaccount_id)
    if row.status == "released":
        return Kept(row, replayed=True)
    _must_be_open(row, now=now)
    await ledger.release(
        session,
        account_id=row.account_id,
        hold_id=row.id,
        held_micros=row.amount_micros,
        now=now,
        subaccount_id=row.subaccount_id,
    )
    row.status, row.ended_at = "released", now
    await session.flush()
    return Kept(row, replayed=False)


async def find(
    session: AsyncSession, *, account_id: str, hold_id: str, subaccount_id: str | None = None
) -> Hold | None:
    """The account's hold, read anew; with ``subaccount_id`` only if it is that subaccount's."""
    row = await session.get(Hold, (account_id, hold_id), populate_existing=True)
    return None if row is None or subaccount_id not in {None, row.subaccount_id} else row


async def page(
    session: AsyncSession,
    page: Page,
    *,
    account_id: str,
    now: datetime,
    status: Status | None = None,
    subaccount_id: str | None = None,
) -> tuple[list[Hold], bool]:
    """The account's holds, or those of one subaccount, newest first."""
    query = select(Hold).where(col(Hold.account_id) == account_id)
    if subaccount_id is not None:
        query = query.where(col(Hold.subaccount_id) == subaccount_id)
    match status:
        case "open":
            query = query.where(col(Hold.status) == "open", col(Hold.expires_at) > now)
        case "expired":
            query = query.where(or_(col(Hold.status) == "expired", is_due(now)))
        case "captured" | "released":
            query = query.where(col(Hold.status) == status)
        case None:
            pass
    return await fetch(session, query, model=Hold, id_column=Hold.id, page=page)


def state(row: Hold, *, now: datetime) -> tuple[Status, datetime | None]:
    """What a hold is at ``now``, and since when it has ended: it expires in time, whenever that is noticed."""
    if row.status == "open" and row.expires_at <= now:
        return "expired", row.expires_at
    status: Status = row.status  # pyright: ignore[reportAssignmentType] - checked by the table
    return status, row.ended_at


async def _post(session: AsyncSession, row: Hold, spender: Spender, *, now: datetime) -> ledger.Held:
    return await ledger.hold(
        session,
        account_id=row.account_id,
        hold_id=row.id,
        reference=row.reference,
        amount_micros=row.amount_micros,
        now=now,
        subaccount_id=row.subaccount_id,
        sender_id=row.sender_id,
        description=row.description,
        budget_month=None if row.subaccount_id is None else month_of(now, spender.timezone),
        refusal=refusal(spender, sender_id=row.sender_id, settled=False, now=now),
    )


async def _stored(session: AsyncSession, new: NewHold, held: ledger.Held) -> Hold:
    """The hold that was made by the same request before. Raises Problem ``reference_reused`` if there is none."""
    row = None
    if held.outcome == charge.REPLAYED and held.hold_id is not None:
        row = await find(session, account_id=new.account_id, hold_id=held.hold_id)
    if row is None or row.expires_in != new.expires_in:
        detail = "This reference was used for other content."
        transaction = ledger.transaction_id(new.account_id, held.seq)
        raise Problem("reference_reused", detail, param="reference", transaction=transaction)
    return row


async def _locked(session: AsyncSession, *, account_id: str, hold_id: str, subaccount_id: str | None) -> Hold:
    await ledger.lock(session, [account_id])
    row = await find(session, account_id=account_id, hold_id=hold_id, subaccount_id=subaccount_id)
    if row is None:
        raise Problem("not_found", "The account has no such hold.")
    return row


def _must_be_open(row: Hold, *, now: datetime) -> None:
    status, ended_at = state(row, now=now)
    if ended_at is None:
        return
    at = ended_at.isoformat(timespec="seconds").replace("+00:00", "Z")
    how = "expired" if status == "expired" else f"was {status}"
    if row.captured_micros is not None:
        how += f" for {Money(row.captured_micros)}"
    raise Problem("hold_ended", f"The hold {how} at {at}.", status_now=status, ended_at=at)
