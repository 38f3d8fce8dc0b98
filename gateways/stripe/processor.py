"""The ``Processor`` protocol on Stripe's own SDK."""

from collections.abc import AsyncGenerator

import stripe
from stripe.params import EventListParams, PaymentIntentConfirmParams, PaymentIntentListParams

from gateways.processor import (
    Acceptance,
    Failure,
    Intent,
    MandateState,
    Method,
    ProcessorAccount,
    ProcessorEvent,
    ProcessorRefusedError,
    Setup,
)
from gateways.stripe import shapes
from gateways.stripe.calls import client, definite, failure_of, is_replayed

PAGE = 100
# Answers about the code or amounts tried, which are no fault of the request (facts: Stripe's error codes).
_VERIFICATION_ANSWERS = "payment_method_microdeposit_"


class StripeProcessor:
    """Stripe, or the sandbox, spoken to over HTTP by the official SDK."""

    def __init__(self, *, api_key: str, base: str, timeout_seconds: float) -> None:
        self._transport = stripe.HTTPXClient(timeout=timeout_seconds)
        self._stripe = client(api_key=api_key, base=base, transport=self._transport)

    async def close(self) -> None:
        """Give the connections back."""
        await self._transport.close_async()

    async def account(self) -> ProcessorAccount:
        found = await definite(self._stripe.v1.accounts.retrieve_current_async())
        livemode = (await definite(self._stripe.v1.balance.retrieve_async())).livemode
        return ProcessorAccount(id=found.id, livemode=livemode)

    async def create_customer(self, *, account_id: str, key: str) -> str:
        made = await definite(
            self._stripe.v1.customers.create_async({"metadata": {"account": account_id}}, {"idempotency_key": key})
        )
        return made.id

    async def find_customer(self, *, account_id: str) -> str | None:
        page = await definite(self._stripe.v1.customers.list_async({"limit": PAGE}))
        found = [one.id for one in page.data if one.metadata and one.metadata.to_dict().get("account") == account_id]
        return found[-1] if found else None

    async def retrieve_method(self, payment_method: str) -> Method:
        return shapes.method(await definite(self._stripe.v1.payment_methods.retrieve_async(payment_method)))

    async def attach_method(self, payment_method: str, *, customer: str, key: str) -> Method | Failure:
        try:
            attached = await definite(
                self._stripe.v1.payment_methods.attach_async(
                    payment_method, {"customer": customer}, {"idempotency_key": key}
                )
            )
        except stripe.CardError as error:
            return failure_of(error)
        return shapes.method(attached)

    async def detach_method(self, payment_method: str) -> None:
        try:
            await definite(self._stripe.v1.payment_methods.detach_async(payment_method))
        except ProcessorRefusedError:
            if (await self.retrieve_method(payment_method)).customer is not None:
                raise

    async def create_setup(
        self, *, customer: str, payment_method: str, acceptance: Acceptance, metadata: dict[str, str], key: str
    ) -> Setup | Failure:
        try:
            made = await definite(
                self._stripe.v1.setup_intents.create_async(
                    {
                        "customer": customer,
                        "payment_method": payment_method,
                        "allowed_payment_method_types": ["us_bank_account"],
                        # A bank account leads nowhere: without this Stripe wants to know the way back.
                        "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
                        "payment_method_options": {"us_bank_account": {"verification_method": "microdeposits"}},
                        "mandate_data": {
                            "customer_acceptance": {
                                "type": "online",
                                "accepted_at": int(acceptance.accepted_at.timestamp()),
                                "online": {
                                    "ip_address": acceptance.ip_address,
                                    "user_agent": acceptance.user_agent,
                                },
                            }
                        },
                        "usage": "off_session",
                        "confirm": True,
                        "metadata": metadata,
                    },
                    {"idempotency_key": key},
                )
            )
        except stripe.CardError as error:
            return failure_of(error)
        except ProcessorRefusedError as error:
            if error.code.startswith("payment_method_"):
                return Failure(code=error.code, message=error.message)
            raise
        return shapes.setup(made)

    async def retrieve_setup(self, setup_intent: str) -> Setup:
        return shapes.setup(await definite(self._stripe.v1.setup_intents.retrieve_async(setup_intent)))

    async def list_setups(self, *, customer: str) -> list[Setup]:
        page = await definite(self._stripe.v1.setup_intents.list_async({"customer": customer, "limit": PAGE}))
        return [shapes.setup(one) for one in page.data]

    async def cancel_setup(self, setup_intent: str) -> None:
        try:
            await definite(self._stripe.v1.setup_intents.cancel_async(setup_intent))
        except ProcessorRefusedError:
            if (await self.retrieve_setup(setup_intent)).status not in {"canceled", "succeeded"}:
                raise

    async def verify_setup(
        self, setup_intent: str, *, code: str | None, amounts: tuple[int, int] | None, key: str
    ) -> Setup | Failure:
        try:
            verified = await definite(
                self._stripe.v1.setup_intents.verify_microdeposits_async(
                    setup_intent,
                    {"descriptor_code": code} if code is not None else {"amounts": list(amounts or ())},
                    {"idempotency_key": key},
                )
            )
        except stripe.CardError as error:
            return failure_of(error)
        except ProcessorRefusedError as error:
            if error.code.startswith(_VERIFICATION_ANSWERS):
                return Failure(code=error.code, message=error.message)
            raise
        return shapes.setup(verified)

    async def retrieve_mandate(self, mandate: str) -> MandateState:
        return shapes.mandate(await definite(self._stripe.v1.mandates.retrieve_async(mandate)))

    async def create_intent(self, *, customer: str, amount_cents: int, metadata: dict[str, str], key: str) -> Intent:
        made = await definite(
            self._stripe.v1.payment_intents.create_async(
                {
                    "amount": amount_cents,
                    "currency": "usd",
                    "customer": customer,
                    "allowed_payment_method_types": ["card", "us_bank_account"],
                    "metadata": metadata,
                },
                {"idempotency_key": key},
            )
        )
        return shapes.intent(made)

    async def retrieve_intent(self, intent: str) -> Intent:
        return shapes.intent(await definite(self._stripe.v1.payment_intents.retrieve_async(intent)))

    async def list_intents(self, *, customer: str) -> list[Intent]:
        return [one async for one in self._intents({"customer": customer})][::-1]

    async def all_intents(self) -> AsyncGenerator[Intent]:
        async for one in self._intents({}):
            yield one

    async def _intents(self, wanted: PaymentIntentListParams) -> AsyncGenerator[Intent]:
        """Page by page, each a call of its own: the SDK's iterator would raise its own errors."""
        page = await definite(self._stripe.v1.payment_intents.list_async({**wanted, "limit": PAGE}))
        while True:
            for one in page.data:
                yield shapes.intent(one)
            if not page.has_more:
                return
            following: PaymentIntentListParams = {**wanted, "limit": PAGE, "starting_after": page.data[-1].id}
            page = await definite(self._stripe.v1.payment_intents.list_async(following))

    async def confirm_intent(
        self, intent: str, *, payment_method: str, off_session: bool, return_url: str, key: str
    ) -> Intent:
        # Stripe may ask for a return_url whenever a method of the intent could redirect, off session too.
        params: PaymentIntentConfirmParams = {"payment_method": payment_method, "return_url": return_url}
        if off_session:
            params["off_session"] = True
        try:
            confirmed = await definite(
                self._stripe.v1.payment_intents.confirm_async(intent, params, {"idempotency_key": key})
            )
        except stripe.CardError:
            return await self.retrieve_intent(intent)
        except ProcessorRefusedError as error:
            found = await self.retrieve_intent(intent)
            if error.code == "payment_intent_unexpected_state" or found.status in {"canceled", "succeeded"}:
                return found
            raise
        if confirmed.last_response is not None and is_replayed(confirmed.last_response.headers):
            return await self.retrieve_intent(intent)
        return shapes.intent(confirmed)

    async def cancel_intent(self, intent: str) -> Intent:
        try:
            return shapes.intent(await definite(self._stripe.v1.payment_intents.cancel_async(intent)))
        except (stripe.CardError, ProcessorRefusedError):
            return await self.retrieve_intent(intent)

    async def events_after(self, event_id: str | None) -> list[ProcessorEvent]:
        events = self._stripe.v1.events
        if event_id is None:
            page = await definite(events.list_async({"limit": 1}))
            return [_event(one) for one in page.data]
        page = await definite(events.list_async({"limit": PAGE, "ending_before": event_id}))
        return [_event(one) for one in page.data][::-1]

    async def events_before(self, event_id: str | None) -> list[ProcessorEvent]:
        params: EventListParams = {"limit": PAGE}
        if event_id is not None:
            params["starting_after"] = event_id
        page = await definite(self._stripe.v1.events.list_async(params))
        return [_event(one) for one in page.data]


def _event(found: stripe.Event) -> ProcessorEvent:
    return ProcessorEvent(id=found.id, type=found.type, payload=found.to_dict())
