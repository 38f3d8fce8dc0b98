"""A card at the processor: attached to the account's customer, or detached from it."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from temporalio import activity

from activities.customers import ensure_customer
from activities.keys import keyed
from gateways.processor import Failure, Method, Processor, ProcessorRefusedError
from rules.declines import explain
from store import cards
from store.database import Database


@dataclass(frozen=True)
class CardRef:
    """Which card, and the workflow's time."""

    account_id: str
    card_id: str
    now: datetime


class Cards:
    """The hands that put cards on file and take them off."""

    def __init__(self, *, database: Database, processor: Processor) -> None:
        self._database = database
        self._processor = processor

    @activity.defn
    async def attach_card(self, ref: CardRef) -> str:
        """Attach the card to the account's customer; gives its status. A decline is an answer: ``failed``."""
        async with self._database.transaction() as session:
            card = await cards.find(session, account_id=ref.account_id, card_id=ref.card_id)
        if card is None or card.status != "attaching":
            return card.status if card else "removed"
        customer = await ensure_customer(self._database, self._processor, ref.account_id)
        answer = await self._attach(card.token, customer=customer, key=card.id)
        status = await self._keep(ref, answer)
        if status == "removed" and isinstance(answer, Method):
            # Taken off while it was being attached: it must not stay there.
            await self._processor.detach_method(answer.id)
        return status

    async def _keep(self, ref: CardRef, answer: Method | Failure) -> str:
        async with self._database.transaction() as session:
            card = await cards.locked(session, account_id=ref.account_id, card_id=ref.card_id)
            if card is None or card.status != "attaching":
                return card.status if card else "removed"
            if isinstance(answer, Method):
                await cards.attached(session, card, _shown(answer), now=ref.now)
            else:
                reason = explain(
                    code=answer.code, decline_code=answer.decline_code, network_decline_code=None,
                    advice_code=answer.advice_code,
                )  # fmt: skip
                await cards.refused(session, card, asdict(reason), now=ref.now)
            return card.status

    async def _attach(self, token: str, *, customer: str, key: str) -> Method | Failure:
        try:
            method = await self._processor.retrieve_method(token)
            if method.kind != "card":
                return Failure(code="payment_method_not_a_card")
            if method.customer == customer:
                return method
            return await keyed(key, lambda key: self._processor.attach_method(token, customer=customer, key=key))
        except ProcessorRefusedError as error:
            return Failure(code=error.code)

    @activity.defn
    async def detach_card(self, ref: CardRef) -> str:
        """Detach the card; gives its status."""
        async with self._database.transaction() as session:
            card = await cards.find(session, account_id=ref.account_id, card_id=ref.card_id)
        if card is None or card.status == "removed":
            return "removed"
        if card.payment_method is not None:
            await self._processor.detach_method(card.payment_method)
        async with self._database.transaction() as session:
            card = await cards.locked(session, account_id=ref.account_id, card_id=ref.card_id)
            if card is not None:
                await cards.removed(session, card, now=ref.now)
        return "removed"

    @activity.defn
    async def refresh_card(self, ref: CardRef) -> str:
        """Read the card anew: networks renew expiry dates, and a card may be detached elsewhere. Gives its status."""
        async with self._database.transaction() as session:
            card = await cards.find(session, account_id=ref.account_id, card_id=ref.card_id)
        if card is None or card.status != "active" or card.payment_method is None:
            return card.status if card else "removed"
        method = await self._retrieve(card.payment_method)
        async with self._database.transaction() as session:
            card = await cards.locked(session, account_id=ref.account_id, card_id=ref.card_id)
            if card is None or card.status != "active":
                return card.status if card else "removed"
            if method is None or method.customer is None:
                await cards.removed(session, card, now=ref.now)
            else:
                await cards.attached(session, card, _shown(method), now=ref.now)
            return card.status

    async def _retrieve(self, payment_method: str) -> Method | None:
        try:
            return await self._processor.retrieve_method(payment_method)
        except ProcessorRefusedError as error:
            if error.code == "resource_missing":
                return None
            raise


def _shown(method: Method) -> dict[str, Any]:
    return {
        "payment_method": method.id,
        "brand": method.brand,
        "last4": method.last4,
        "exp_month": method.exp_month,
        "exp_year": method.exp_year,
        "fingerprint": method.fingerprint,
    }
