"""The facts of a notice, read from the records that it is about."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

import ledger
from models.bank_account import BankAccount
from models.inbox import Inbox
from models.mandate import Mandate
from models.recharge import Recharge
from models.retention import RetentionClock
from models.webhook_endpoint import WebhookEndpoint
from rules.notice_kinds import KINDS
from rules.thresholds import Threshold
from store import recharge_facts

Facts = dict[str, Any]


async def known(session: AsyncSession, *, account_id: str | None, given: Mapping[str, object]) -> Facts:
    """What the records say that ``given`` names: a ``recharge``, ``mandate``, ``bank_account``, ``event``, or the
    ``auto_recharge`` of an account, named by the account's id.
    """
    facts: Facts = {}
    if auto_id := given.get("auto_recharge"):
        facts |= await recharge_facts.of_auto_recharge(session, account_id=str(auto_id))
    if event_id := given.get("event"):
        facts |= await _event(session, event_id=str(event_id))
    if account_id and (mandate_id := given.get("mandate")):
        facts |= await _mandate(session, account_id=account_id, mandate_id=str(mandate_id))
    if account_id and (bank_id := given.get("bank_account") or facts.get("bank_account")):
        facts |= await _bank_account(session, account_id=account_id, bank_id=str(bank_id))
    if account_id and (recharge_id := given.get("recharge")):
        facts = await recharge_facts.of_recharge(session, account_id=account_id, recharge_id=str(recharge_id)) | facts
    return facts | dict(given)


async def status_of_subject(
    session: AsyncSession, *, account_id: str | None, kind: str, facts: Mapping[str, object]
) -> str | None:
    """The status, now, of the record that a notice of ``kind`` is about."""
    subject = KINDS[kind].subject
    if subject == "balance":
        return await _balance(session, account_id=str(account_id), facts=facts)
    if subject == "retention":
        return await _retention(session, account_id=str(account_id), transaction=str(facts["retention"]))
    if subject == "auto_recharge":
        return await recharge_facts.auto_recharge_status(session, account_id=str(account_id))
    subject_id = str(facts.get(subject))
    if subject == "event":
        return await session.scalar(select(col(Inbox.state)).where(col(Inbox.id) == subject_id))
    if subject == "webhook_endpoint":
        status = select(col(WebhookEndpoint.status))
        return await session.scalar(
            status.where(col(WebhookEndpoint.id) == subject_id, col(WebhookEndpoint.deleted_at).is_(None))
        )
    model = {"recharge": Recharge, "bank_account": BankAccount, "mandate": Mandate}[subject]
    return await session.scalar(
        select(col(model.status)).where(col(model.account_id) == account_id, col(model.id) == subject_id)
    )


async def _balance(session: AsyncSession, *, account_id: str, facts: Mapping[str, object]) -> str:
    """``below`` while available has not been at the threshold again since; a later fall below it tells of itself."""
    threshold = int(str(facts["threshold_micros"]))
    _, seq = ledger.parse_transaction_id(str(facts["transaction"]))
    book = await ledger.balances(session, account_id)
    again = await ledger.crossed_again(session, account_id, Threshold.ALERT, threshold, after_seq=seq)
    return "below" if book is not None and book.available < threshold and not again else "restored"


async def _retention(session: AsyncSession, *, account_id: str, transaction: str) -> str | None:
    """``running``, or how the clock ended that this transaction started; the ledger knows first that money came."""
    _, seq = ledger.parse_transaction_id(transaction)
    clock = select(col(RetentionClock.outcome)).where(
        col(RetentionClock.account_id) == account_id, col(RetentionClock.seq) == seq
    )
    found = (await session.execute(clock)).one_or_none()
    if (found is None or found.outcome is None) and await ledger.risen_after(session, account_id, seq):
        return "canceled"
    return None if found is None else found.outcome or "running"


# Columns, not entities: what is in the database now, whatever the session has loaded before.


async def _bank_account(session: AsyncSession, *, account_id: str, bank_id: str) -> Facts:
    found = await session.execute(
        select(
            col(BankAccount.bank_name),
            col(BankAccount.last4),
            col(BankAccount.routing_last4),
            col(BankAccount.holder_name),
            col(BankAccount.microdeposit_type),
            col(BankAccount.attempts_allowed),
            col(BankAccount.attempts_failed),
            col(BankAccount.deposit_expected_on),
            col(BankAccount.expires_at),
            col(BankAccount.status_reason),
        ).where(col(BankAccount.account_id) == account_id, col(BankAccount.id) == bank_id)
    )
    row = found.one()
    return {
        "bank_account": bank_id,
        "bank_name": row.bank_name,
        "last4": row.last4,
        "routing_last4": row.routing_last4,
        "holder_name": row.holder_name,
        "microdeposit_type": row.microdeposit_type,
        "attempts_left": max(row.attempts_allowed - row.attempts_failed, 0),
        "deposit_expected_on": row.deposit_expected_on,
        "expires_at": row.expires_at,
        "reason": row.status_reason,
    }


async def _mandate(session: AsyncSession, *, account_id: str, mandate_id: str) -> Facts:
    found = await session.execute(
        select(
            col(Mandate.bank_account_id),
            col(Mandate.accepted_at),
            col(Mandate.text_version),
            col(Mandate.amount_rule),
        ).where(col(Mandate.account_id) == account_id, col(Mandate.id) == mandate_id)
    )
    row = found.one()
    return {
        "bank_account": row.bank_account_id,
        "accepted_at": row.accepted_at,
        "text_version": row.text_version,
        "amount_rule": row.amount_rule,
    }


async def _event(session: AsyncSession, *, event_id: str) -> Facts:
    found = await session.execute(
        select(col(Inbox.type), col(Inbox.object_id), col(Inbox.created_at)).where(col(Inbox.id) == event_id)
    )
    row = found.one()
    return {"event_type": row.type, "object_id": row.object_id, "received_at": row.created_at}
