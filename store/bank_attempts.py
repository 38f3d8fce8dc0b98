"""Codes and amounts that customers entered: sealed until they are answered, counted by number."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from models.bank_account import BankAccount
from models.bank_attempt import BankAttempt
from rules.bank_codes import Entry
from rules.bank_verification import Answer
from store.seals import Seal


@dataclass(frozen=True, slots=True)
class Begun:
    """The attempt that is to be answered next; ``same`` says that it is of the entry that was given."""

    attempt: BankAttempt
    same: bool


async def begin(session: AsyncSession, bank: BankAccount, entry: Entry, *, seal: Seal, now: datetime) -> Begun | None:
    """The attempt for ``entry`` at the locked bank account: the newest one, or a new one.

    The same entry is the same attempt until its answer was given to whoever asked. Another entry has to wait for the
    answer of the one before. None when the verification is over and the entry was not the one that ended it.
    """
    newest = await _newest(session, bank)
    digest = seal.digest(entry.text, bank.account_id, bank.id)
    same = newest is not None and newest.digest == digest
    open_still = bank.status == "verification_pending" and bank.removal_requested_at is None
    if newest is not None and same and (newest.told_at is None or not open_still):
        return Begun(newest, same=True)
    if not open_still:
        return None
    if newest is not None and newest.answer is None:
        return Begun(newest, same=False)
    number = newest.number + 1 if newest else 1
    attempt = BankAttempt(
        account_id=bank.account_id,
        bank_account_id=bank.id,
        number=number,
        sealed=seal.seal(entry.text, bank.account_id, bank.id, str(number)),
        digest=digest,
        created_at=now,
    )
    session.add(attempt)
    await session.flush()
    return Begun(attempt, same=True)


async def get(session: AsyncSession, bank: BankAccount, number: int) -> BankAttempt:
    """One attempt, read anew. Raises LookupError if there is none."""
    found = await session.get(BankAttempt, (bank.account_id, bank.id, number), populate_existing=True)
    if found is None:
        raise LookupError(f"no attempt {number} at {bank.id}")
    return found


async def answer(session: AsyncSession, attempt: BankAttempt, given: Answer, *, now: datetime) -> None:
    """Keep the answer and erase what was entered; the first answer stays."""
    if attempt.answer is None:
        attempt.answer, attempt.answered_at, attempt.sealed = given, now, None
        session.add(attempt)
        await session.flush()


async def tell(session: AsyncSession, attempt: BankAttempt, *, now: datetime) -> None:
    """The answer is being given to whoever asked: the same entry from now on is a new attempt."""
    attempt.told_at = attempt.told_at or now
    session.add(attempt)
    await session.flush()


async def close(session: AsyncSession, bank: BankAccount, *, now: datetime) -> None:
    """Answer what is still open with "not pending any more", and erase it."""
    await session.execute(
        update(BankAttempt)
        .where(
            col(BankAttempt.account_id) == bank.account_id,
            col(BankAttempt.bank_account_id) == bank.id,
            col(BankAttempt.answer).is_(None),
        )
        .values(answer=Answer.NOT_PENDING, answered_at=now, sealed=None)
    )


async def of_bank(session: AsyncSession, bank: BankAccount) -> Sequence[BankAttempt]:
    """Every attempt, oldest first."""
    rows = await session.scalars(
        select(BankAttempt)
        .where(col(BankAttempt.account_id) == bank.account_id, col(BankAttempt.bank_account_id) == bank.id)
        .order_by(col(BankAttempt.number))
        .execution_options(populate_existing=True)
    )
    return rows.all()


async def _newest(session: AsyncSession, bank: BankAccount) -> BankAttempt | None:
    rows = await of_bank(session, bank)
    return rows[-1] if rows else None
