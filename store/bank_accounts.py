"""Bank accounts: one at a time for an account, verified before it can be debited (requirements E1-E6)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

import ledger
from models.bank_account import BankAccount
from models.base import JSON
from rules.bank_verification import PLACE_HOLDING, Status, words
from rules.problems import Problem
from store import accounts, auto_news, bank_attempts, cards, mandates, outbox, record_events
from store.ids import new_id
from store.mandates import Acceptance
from store.paging import Page, fetch


@dataclass(frozen=True, slots=True)
class Asked:
    """The bank account's row, and the hand-off that was written with it; None when nothing new was asked."""

    bank: BankAccount
    outbox_id: str | None


async def add(
    session: AsyncSession, *, account_id: str, token: str, acceptance: Acceptance, attempts_allowed: int, now: datetime
) -> Asked:
    """Row, mandate and hand-off of ``token``; or the row of the same token that waits for its verification already.

    Raises Problem ``bank_account_exists`` or ``card_required`` (requirement E2).
    """
    await accounts.lock(session, account_id)
    there = await holder(session, account_id)
    if there is not None:
        if (there.token, there.status, there.removal_requested_at) == (token, Status.PENDING, None):
            return Asked(there, None)
        raise Problem(
            "bank_account_exists", "Remove the bank account that is there to add another.", bank_account=there.id
        )
    if not await cards.has_active(session, account_id):
        raise Problem("card_required", "Add a card first: a bank account is the second way to pay.")
    bank = BankAccount(
        account_id=account_id,
        id=new_id("bank", now),
        token=token,
        attempts_allowed=attempts_allowed,
        created_at=now,
    )
    session.add(bank)
    await session.flush()
    await mandates.add(session, bank, acceptance, now=now)
    await record_events.of_bank_account(session, bank, before=None, now=now)
    return Asked(
        bank, await _hand_off(session, bank, kind="bank_verification", workflow_id=f"verify/{bank.id}", now=now)
    )


async def ask_removal(session: AsyncSession, bank: BankAccount, *, now: datetime) -> Asked:
    """Write that the locked bank account is to be detached; from here on it is not debited any more."""
    if bank.removal_requested_at is not None or bank.status == Status.REMOVED:
        return Asked(bank, None)
    bank.removal_requested_at = now
    session.add(bank)
    await session.flush()
    return Asked(
        bank, await _hand_off(session, bank, kind="bank_removal", workflow_id=f"bank-removal/{bank.id}", now=now)
    )


async def ask_review(session: AsyncSession, bank: BankAccount, *, cause: str, now: datetime) -> str:
    """Write that the processor has news of the bank account or its mandate (``cause``: its event). Gives the outbox id.

    The workflow is signalled with start, so that news during a review is looked at too.
    """
    return await _hand_off(
        session, bank, kind="bank_review", workflow_id=f"bank-review/{bank.id}", now=now, cause=cause
    )


async def _hand_off(
    session: AsyncSession, bank: BankAccount, *, kind: str, workflow_id: str, now: datetime, **more: str
) -> str:
    return await outbox.add(
        session,
        kind=kind,
        workflow_id=workflow_id,
        arguments={"account_id": bank.account_id, "bank_account_id": bank.id} | more,
        now=now,
        account_id=bank.account_id,
    )


async def holder(session: AsyncSession, account_id: str) -> BankAccount | None:
    """The bank account that takes the account's one place."""
    return await session.scalar(
        select(BankAccount)
        .where(col(BankAccount.account_id) == account_id, col(BankAccount.status).in_(PLACE_HOLDING))
        .execution_options(populate_existing=True)
    )


async def find(session: AsyncSession, *, account_id: str, bank_id: str) -> BankAccount | None:
    """The account's bank account, read anew."""
    return await session.get(BankAccount, (account_id, bank_id), populate_existing=True)


async def get(session: AsyncSession, *, account_id: str, bank_id: str) -> BankAccount:
    """The account's bank account. Raises LookupError if there is none."""
    bank = await find(session, account_id=account_id, bank_id=bank_id)
    if bank is None:
        raise LookupError(f"no bank account {bank_id} of {account_id}")
    return bank


async def locked(session: AsyncSession, *, account_id: str, bank_id: str) -> BankAccount:
    """The bank account, with its account and its own row locked in that order. Raises LookupError if there is none."""
    await ledger.lock(session, [account_id])
    bank = await session.get(BankAccount, (account_id, bank_id), populate_existing=True, with_for_update=True)
    if bank is None:
        raise LookupError(f"no bank account {bank_id} of {account_id}")
    return bank


async def by_setup_intent(session: AsyncSession, setup_intent: str) -> BankAccount | None:
    """The bank account that this SetupIntent verifies."""
    return await session.scalar(select(BankAccount).where(col(BankAccount.setup_intent) == setup_intent))


async def by_payment_method(session: AsyncSession, payment_method: str) -> BankAccount | None:
    """The bank account that is this method of the processor."""
    return await session.scalar(
        select(BankAccount)
        .where(col(BankAccount.payment_method) == payment_method)
        .order_by(col(BankAccount.id).desc())
        .limit(1)
    )


async def page(
    session: AsyncSession, page: Page, *, account_id: str, status: str | None = None
) -> tuple[list[BankAccount], bool]:
    """An account's bank accounts, newest first; of one status where given."""
    query = select(BankAccount).where(col(BankAccount.account_id) == account_id)
    if status is not None:
        query = query.where(col(BankAccount.status) == status)
    return await fetch(session, query, model=BankAccount, id_column=BankAccount.id, page=page)


async def keep(session: AsyncSession, bank: BankAccount, fields: Mapping[str, Any]) -> None:
    """Set columns of the locked row: what the processor says of the bank account or of its verification."""
    for name, value in fields.items():
        setattr(bank, name, value)
    session.add(bank)
    await session.flush()


async def move(
    session: AsyncSession, bank: BankAccount, status: Status, *, reason: str | None = None, now: datetime
) -> None:
    """Move the locked bank account to ``status``; where its use ends, open entries and the mandate end too.

    Unblocked, it lifts a pause of auto-recharge.
    """
    before = bank.status
    bank.status, bank.status_reason = status, reason
    if status in {Status.FAILED, Status.EXPIRED}:
        bank.failure = _failure(reason or status)
    if status is Status.VERIFIED:
        bank.verified_at = bank.verified_at or now
    if status is Status.REMOVED:
        bank.removed_at = now
    session.add(bank)
    await session.flush()
    if status not in {Status.VERIFIED, Status.BLOCKED}:
        await mandates.end(session, await mandates.of_bank(session, bank), reason=reason or status, now=now)
    await bank_attempts.close(session, bank, now=now)
    await record_events.of_bank_account(session, bank, before=before, now=now)
    if status is Status.VERIFIED and before == Status.BLOCKED:
        await auto_news.method_changed(session, bank.account_id, bank.id, now=now)


def _failure(reason: str) -> JSON:
    return {"code": reason, "message": words(reason)}
