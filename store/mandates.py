"""Mandates: the proof that debits were authorised, kept with every bank account (requirement E13)."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from models.bank_account import BankAccount
from models.mandate import Mandate
from store.ids import new_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """How the customer accepted: when, from where, by what, which text, and the sentence that bounds each debit."""

    accepted_at: datetime
    ip_address: str
    user_agent: str
    text_version: str
    amount_rule: str


async def add(session: AsyncSession, bank: BankAccount, acceptance: Acceptance, *, now: datetime) -> Mandate:
    """Keep the proof; the mandate is pending until the processor has one too."""
    mandate = Mandate(
        account_id=bank.account_id,
        id=new_id("mndt", now),
        bank_account_id=bank.id,
        accepted_at=acceptance.accepted_at,
        ip_address=acceptance.ip_address,
        user_agent=acceptance.user_agent,
        text_version=acceptance.text_version,
        amount_rule=acceptance.amount_rule,
        created_at=now,
    )
    session.add(mandate)
    await session.flush()
    return mandate


async def of_bank(session: AsyncSession, bank: BankAccount) -> Mandate:
    """The bank account's newest mandate, read anew. Raises LookupError if it has none."""
    found = await session.scalar(
        select(Mandate)
        .where(col(Mandate.account_id) == bank.account_id, col(Mandate.bank_account_id) == bank.id)
        .order_by(col(Mandate.id).desc())
        .limit(1)
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise LookupError(f"no mandate of {bank.id}")
    return found


async def of_banks(session: AsyncSession, account_id: str, bank_ids: list[str]) -> dict[str, Mandate]:
    """The newest mandate of each of an account's bank accounts."""
    rows = await session.scalars(
        select(Mandate)
        .where(col(Mandate.account_id) == account_id, col(Mandate.bank_account_id).in_(bank_ids))
        .order_by(col(Mandate.id))
    )
    return {row.bank_account_id: row for row in rows}


async def by_processor_mandate(session: AsyncSession, processor_mandate: str) -> Mandate | None:
    """The mandate that is this one of the processor."""
    return await session.scalar(select(Mandate).where(col(Mandate.processor_mandate) == processor_mandate))


async def follow(
    session: AsyncSession, mandate: Mandate, *, processor_mandate: str | None, status: str, reason: str, now: datetime
) -> None:
    """Make the mandate what the processor says; one that is ``inactive`` there has ended, for ``reason``."""
    mandate.processor_mandate = processor_mandate or mandate.processor_mandate
    mandate.status = status
    if status == "inactive":
        mandate.ended_at = mandate.ended_at or now
        mandate.ended_reason = mandate.ended_reason or reason
    else:
        mandate.ended_at = mandate.ended_reason = None
    session.add(mandate)
    await session.flush()


async def end(session: AsyncSession, mandate: Mandate, *, reason: str, now: datetime) -> None:
    """No debit is authorised any more; the proof stays for two years."""
    await follow(session, mandate, processor_mandate=None, status="inactive", reason=reason, now=now)
