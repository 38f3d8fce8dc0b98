"""Cards on file: one row for an account and a token, one default."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

import ledger
from models.base import JSON
from models.card import Card
from store import auto_news, outbox, record_events
from store.ids import new_id
from store.paging import Page, fetch


@dataclass(frozen=True, slots=True)
class Asked:
    """The card's row, and the hand-off that was written with it; None when the row was there before."""

    card: Card
    outbox_id: str | None


async def add(session: AsyncSession, *, account_id: str, token: str, now: datetime) -> Asked:
    """The row of ``token``: a new one with its hand-off, or the one that is being attached or is active already."""
    await ledger.lock(session, [account_id])
    there = await session.scalar(
        select(Card).where(
            col(Card.account_id) == account_id,
            col(Card.token) == token,
            col(Card.status).in_(("attaching", "active")),
        )
    )
    if there is not None:
        return Asked(there, None)
    card = Card(account_id=account_id, id=new_id("card", now), token=token, created_at=now)
    session.add(card)
    await session.flush()
    return Asked(card, await _hand_off(session, card, act="attach", now=now))


async def ask_removal(session: AsyncSession, card: Card, *, now: datetime) -> Asked:
    """Write that the card is to be detached; from here on it is not charged any more."""
    if card.removal_requested_at is not None or card.status == "removed":
        return Asked(card, None)
    card.removal_requested_at = now
    card.is_default = False
    session.add(card)
    await session.flush()
    await _promote(session, card.account_id, now=now)
    return Asked(card, await _hand_off(session, card, act="detach", now=now))


async def ask_refresh(session: AsyncSession, card: Card, *, cause: str, now: datetime) -> None:
    """Write that the processor has news of the card (``cause`` is its event): a new expiry date, or a detachment."""
    if card.status == "active":
        await _hand_off(session, card, act="refresh", suffix=f"/{cause}", now=now)


async def _hand_off(session: AsyncSession, card: Card, *, act: str, now: datetime, suffix: str = "") -> str:
    return await outbox.add(
        session,
        kind="payment_method",
        workflow_id=f"card/{card.id}" if act == "attach" else f"card/{card.id}/{act}{suffix}",
        arguments={"account_id": card.account_id, "card_id": card.id, "act": act},
        now=now,
        account_id=card.account_id,
    )


async def find(session: AsyncSession, *, account_id: str, card_id: str) -> Card | None:
    """The account's card, read anew."""
    return await session.get(Card, (account_id, card_id), populate_existing=True)


async def page(
    session: AsyncSession, page: Page, *, account_id: str, status: str | None = None
) -> tuple[list[Card], bool]:
    """The account's cards, newest first; of one status where given."""
    query = select(Card).where(col(Card.account_id) == account_id)
    if status is not None:
        query = query.where(col(Card.status) == status)
    return await fetch(session, query, model=Card, id_column=Card.id, page=page)


async def locked(session: AsyncSession, *, account_id: str, card_id: str) -> Card | None:
    """The account's card, with the account locked: defaults change one at a time, and T is tested with them."""
    await ledger.lock(session, [account_id])
    return await find(session, account_id=account_id, card_id=card_id)


async def by_payment_method(session: AsyncSession, payment_method: str) -> Card | None:
    """The card that is this method of the processor."""
    return await session.scalar(
        select(Card).where(col(Card.payment_method) == payment_method).order_by(col(Card.id).desc()).limit(1)
    )


async def has_active(session: AsyncSession, account_id: str) -> bool:
    """Whether a card is on file (rule E2)."""
    found = await session.scalar(
        select(col(Card.id))
        .where(
            col(Card.account_id) == account_id,
            col(Card.status) == "active",
            col(Card.removal_requested_at).is_(None),
        )
        .limit(1)
    )
    return found is not None


async def attached(session: AsyncSession, card: Card, shown: Mapping[str, Any], *, now: datetime) -> None:
    """Make the card active with what may be shown of it; the first one is the default."""
    news = "updated" if card.status == "active" else "active"
    told = news == "active" or bool(record_events.changed(card, shown.items()))
    for name, value in shown.items():
        setattr(card, name, value)
    card.status = "active"
    session.add(card)
    await session.flush()
    if told:
        await record_events.of_card(session, card, what=news, now=now)
    if told and news == "updated":
        await auto_news.method_changed(session, card.account_id, card.id, now=now)
    await _promote(session, card.account_id, now=now)


async def refused(session: AsyncSession, card: Card, failure: JSON, *, now: datetime) -> None:
    """The processor did not take the card."""
    card.status, card.failure = "failed", failure
    session.add(card)
    await session.flush()
    await record_events.of_card(session, card, what="failed", now=now)


async def removed(session: AsyncSession, card: Card, *, now: datetime) -> None:
    """The card is detached at the processor."""
    told = card.status != "removed"
    card.status, card.removed_at, card.is_default = "removed", now, False
    session.add(card)
    await session.flush()
    if told:
        await record_events.of_card(session, card, what="removed", now=now)
    await _promote(session, card.account_id, now=now)


async def make_default(session: AsyncSession, card: Card, *, now: datetime) -> None:
    """Make ``card`` the default in place of another, under the account's lock; it lifts a pause of auto-recharge."""
    if card.is_default:
        return
    await session.execute(
        update(Card).where(col(Card.account_id) == card.account_id, col(Card.is_default)).values(is_default=False)
    )
    card.is_default = True
    session.add(card)
    await session.flush()
    await auto_news.lift(session, card.account_id, because="new_default", now=now)


async def _promote(session: AsyncSession, account_id: str, *, now: datetime) -> None:
    """Where no card is the default, the newest active one becomes it."""
    usable = (
        col(Card.account_id) == account_id,
        col(Card.status) == "active",
        col(Card.removal_requested_at).is_(None),
    )
    found = await session.scalars(
        select(Card).where(*usable).order_by(col(Card.is_default).desc(), col(Card.id).desc()).limit(1)
    )
    card = found.first()
    if card is not None and not card.is_default:
        await make_default(session, card, now=now)
