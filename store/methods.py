"""Payment methods of either kind, as far as a charge needs them."""

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from models.bank_account import BankAccount
from models.card import Card
from models.mandate import Mandate

Kind = Literal["card", "bank"]
_CARD = (
    select(Card)
    .where(col(Card.account_id) == bindparam("account"), col(Card.id) == bindparam("card"))
    .execution_options(populate_existing=True)
)


@dataclass(frozen=True, slots=True)
class ChargeableMethod:
    """A method that may be charged now: its record's id and the processor's."""

    id: str
    kind: Kind
    payment_method: str


@dataclass(frozen=True, slots=True)
class UnusableMethod:
    """A method that may not be charged, and why: ``method_removed``, ``method_blocked``, ``method_not_verified`` …"""

    id: str
    kind: Kind
    reason: str
    status: str


async def find(session: AsyncSession, *, account_id: str, method_id: str) -> ChargeableMethod | UnusableMethod | None:
    """The card or bank account, read anew, with what stands against charging it."""
    if method_id.startswith("card_"):
        card = await session.scalar(_CARD, {"account": account_id, "card": method_id})
        return _card(card) if card else None
    bank = await session.get(BankAccount, (account_id, method_id), populate_existing=True)
    if bank is None:
        return None
    found = _bank(bank)
    if isinstance(found, ChargeableMethod) and not await _live_mandate(session, bank):
        return UnusableMethod(bank.id, "bank", "method_without_mandate", bank.status)
    return found


def _card(card: Card) -> ChargeableMethod | UnusableMethod:
    if card.status == "active" and card.removal_requested_at is None and card.payment_method:
        return ChargeableMethod(card.id, "card", card.payment_method)
    removed = card.status in {"removed", "active"}
    return UnusableMethod(card.id, "card", "method_removed" if removed else f"method_{card.status}", card.status)


def _bank(bank: BankAccount) -> ChargeableMethod | UnusableMethod:
    if bank.status == "verified" and bank.removal_requested_at is None and bank.payment_method:
        return ChargeableMethod(bank.id, "bank", bank.payment_method)
    reasons = {"blocked": "method_blocked", "verification_pending": "method_not_verified"}
    return UnusableMethod(bank.id, "bank", reasons.get(bank.status, "method_removed"), bank.status)


async def _live_mandate(session: AsyncSession, bank: BankAccount) -> bool:
    found = await session.scalar(
        select(col(Mandate.id)).where(
            col(Mandate.account_id) == bank.account_id,
            col(Mandate.bank_account_id) == bank.id,
            col(Mandate.status) == "active",
            col(Mandate.ended_at).is_(None),
        )
    )
    return found is not None
