"""Which of our records an event of the processor concerns, and what is to be done with it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy.ext.asyncio import AsyncSession

from models.inbox import Inbox
from models.recharge import Recharge
from store import bank_accounts, cards, recharges

# Money that moves after a payment succeeded: kept, and told to operators (issue of returns, refunds and disputes).
_AFTER_SUCCESS = ("charge.dispute.", "charge.refund", "refund.")
_PAID = frozenset({"payment_intent.succeeded", "charge.succeeded"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be done with an event.

    ``state`` is the one to leave it in, None to look again later; ``signal`` the workflow that is told to look.
    ``happening`` names what operators are told of, the same for all events of it; None: another event tells of it.
    """

    state: Literal["done", "kept"] | None
    signal: str | None = None
    account_id: str | None = None
    recharge_id: str | None = None
    happening: str | None = None


async def match(session: AsyncSession, row: Inbox, *, now: datetime) -> Verdict:
    """What to do with the event. It is a hint alone: no amount or status of it is believed."""
    subject: dict[str, Any] = row.payload["data"]["object"]
    if row.type.startswith("setup_intent."):
        return await _setup(session, row, subject)
    if row.type == "payment_method.attached":
        return Verdict("done")  # attaching reads the method itself
    if row.type.startswith(("mandate.", "payment_method.")):
        return await _method(session, row, subject, now=now)
    if row.type.startswith(("payment_intent.", "charge.", "refund.")):
        return await _payment(session, row, subject)
    return Verdict("done")


async def _setup(session: AsyncSession, row: Inbox, subject: dict[str, Any]) -> Verdict:
    bank = await bank_accounts.by_setup_intent(session, row.object_id)
    if bank is None and (ours := _hints(subject).get("bank_account")):
        bank = await bank_accounts.find(session, account_id=_hints(subject).get("account", ""), bank_id=ours)
    if bank is None:
        return Verdict(None, happening=row.object_id)
    if bank.status != "verification_pending":
        return Verdict("done", account_id=bank.account_id)
    return Verdict("done", signal=f"verify/{bank.id}", account_id=bank.account_id)


async def _method(session: AsyncSession, row: Inbox, subject: dict[str, Any], *, now: datetime) -> Verdict:
    payment_method = subject["id"] if subject.get("object") == "payment_method" else subject.get("payment_method")
    bank = await bank_accounts.by_payment_method(session, str(payment_method))
    if bank is not None:
        await bank_accounts.ask_review(session, bank, cause=row.id, now=now)
        return Verdict("done", account_id=bank.account_id)
    card = await cards.by_payment_method(session, str(payment_method))
    if card is not None:
        await cards.ask_refresh(session, card, cause=row.id, now=now)
        return Verdict("done", account_id=card.account_id)
    # Changed elsewhere, or not stored yet: attaching reads the method itself.
    return Verdict("done")


async def _payment(session: AsyncSession, row: Inbox, subject: dict[str, Any]) -> Verdict:
    recharge = await _recharge(session, row, subject)
    if recharge is None:
        return Verdict(None, happening=_intent_id(row, subject))
    account_id = recharge.account_id
    if row.type.startswith(_AFTER_SUCCESS):
        return Verdict("kept", account_id=account_id, recharge_id=recharge.id, happening=_after_success(row))
    if recharge.finished_at is None:
        return Verdict("done", signal=recharges.workflow_id(recharge), account_id=account_id)
    if row.type in _PAID and recharge.status != "succeeded":
        happening = f"{recharge.payment_intent}/paid"
        return Verdict("kept", account_id=account_id, recharge_id=recharge.id, happening=happening)
    return Verdict("done", account_id=account_id)


def _after_success(row: Inbox) -> str | None:
    """A dispute is told when it is opened and when it is over, a refund when it is made and when it fails."""
    if row.type == "charge.refunded":
        return None  # the refund has events of its own
    over = row.type in {"charge.dispute.closed", "charge.dispute.funds_reinstated"}
    failed = row.type == "refund.failed"
    return row.object_id + ("/closed" if over else "/failed" if failed else "")


def _intent_id(row: Inbox, subject: dict[str, Any]) -> str | None:
    return row.object_id if row.type.startswith("payment_intent.") else subject.get("payment_intent")


async def _recharge(session: AsyncSession, row: Inbox, subject: dict[str, Any]) -> Recharge | None:
    """By the intent's id; before that is stored, by the id of ours that the intent was given."""
    intent_id = _intent_id(row, subject)
    if intent_id is not None:
        found = await recharges.by_intent(session, str(intent_id))
        if found is not None:
            return found
    hint = _hints(subject).get("recharge")
    return await recharges.by_id(session, hint) if hint else None


def _hints(subject: dict[str, Any]) -> dict[str, str]:
    return subject.get("metadata") or {}
