"""What we ask of a payment processor, and the values in which it answers.

A decline is a value. Two exceptions exist: ProcessorOutageError when nobody knows what happened (ask again, having
looked), and ProcessorRefusedError when the processor definitely did nothing because of what we asked.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal, Protocol

IntentStatus = Literal[
    "requires_payment_method",
    "requires_confirmation",
    "requires_action",
    "processing",
    "requires_capture",
    "canceled",
    "succeeded",
]
MethodKind = Literal["card", "us_bank_account", "other"]


class ProcessorOutageError(ConnectionError):
    """The call may or may not have had its effect: time-out, lost connection, 429, 5xx, 409.

    ``key_spent``: the processor keeps an answer under the call's idempotency key that is no use to us, such as a 500,
    and would give it again for a day. Another key is needed.
    """

    def __init__(self, message: str, *, key_spent: bool = False) -> None:
        super().__init__(message)
        self.key_spent = key_spent


class ProcessorRefusedError(ValueError):
    """The processor definitely refused: a 4xx other than a decline. ``code`` is its own word.

    ``message`` may quote a token; the error's text does not, for it may end in Temporal's history (requirement I5).
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a confirm, an attach or a verification failed, in the processor's vocabulary."""

    code: str | None = None
    decline_code: str | None = None
    network_decline_code: str | None = None
    advice_code: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class ProcessorAccount:
    """The processor account that our key belongs to, and its mode."""

    id: str
    livemode: bool


@dataclass(frozen=True, slots=True)
class Method:
    """A payment method as far as it may be kept: no number ever is."""

    id: str
    kind: MethodKind
    customer: str | None = None
    brand: str | None = None
    last4: str | None = None
    exp_month: int | None = None
    exp_year: int | None = None
    fingerprint: str | None = None
    bank_name: str | None = None
    routing_last4: str | None = None
    holder_name: str | None = None
    blocked_code: str | None = None
    """The return code for which the bank account is blocked at the processor, such as ``R02``; None if it is not."""
    blocked_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Setup:
    """A SetupIntent: the verification of a bank account."""

    id: str
    status: str
    payment_method: str | None = None
    mandate: str | None = None
    microdeposit_type: Literal["descriptor_code", "amounts"] | None = None
    deposit_arrives_on: date | None = None
    failure: Failure | None = None
    metadata: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Intent:
    """A PaymentIntent."""

    id: str
    status: IntentStatus
    amount_cents: int
    currency: str
    livemode: bool
    customer: str | None
    latest_charge: str | None
    action_url: str | None
    failure: Failure | None
    metadata: dict[str, str] = field(default_factory=dict[str, str])
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Acceptance:
    """The customer's acceptance of a mandate, as the processor asks for it."""

    accepted_at: datetime
    ip_address: str
    user_agent: str


@dataclass(frozen=True, slots=True)
class MandateState:
    """A mandate at the processor."""

    id: str
    status: Literal["active", "inactive", "pending"]
    payment_method: str | None


@dataclass(frozen=True, slots=True)
class ProcessorEvent:
    """An event as listed by the processor; ``payload`` is its whole JSON."""

    id: str
    type: str
    payload: dict[str, Any]


class Processor(Protocol):
    """The processor, as activities see it. Every ``key`` is an idempotency key made from our own rows."""

    async def account(self) -> ProcessorAccount:
        """The account behind our key."""
        ...

    async def create_customer(self, *, account_id: str, key: str) -> str:
        """A customer for ``account_id``; only the id is given, no personal data."""
        ...

    async def find_customer(self, *, account_id: str) -> str | None:
        """The oldest customer that carries ``account_id`` in its metadata among the newest customers."""
        ...

    async def retrieve_method(self, payment_method: str) -> Method:
        """The payment method. Raises ProcessorRefusedError ``resource_missing`` for an unknown token."""
        ...

    async def attach_method(self, payment_method: str, *, customer: str, key: str) -> Method | Failure:
        """Attach to the customer; a card may be declined here."""
        ...

    async def detach_method(self, payment_method: str) -> None:
        """Detach; one that is detached already is no error."""
        ...

    async def create_setup(
        self, *, customer: str, payment_method: str, acceptance: Acceptance, metadata: dict[str, str], key: str
    ) -> Setup | Failure:
        """Create and confirm a SetupIntent that asks for micro-deposits (E3)."""
        ...

    async def retrieve_setup(self, setup_intent: str) -> Setup:
        """The SetupIntent as it stands."""
        ...

    async def list_setups(self, *, customer: str) -> list[Setup]:
        """The customer's SetupIntents, newest first."""
        ...

    async def cancel_setup(self, setup_intent: str) -> None:
        """Cancel; one that is over already is no error."""
        ...

    async def verify_setup(
        self, setup_intent: str, *, code: str | None, amounts: tuple[int, int] | None, key: str
    ) -> Setup | Failure:
        """Try the code of the deposit, or the two amounts in cents; a wrong one is a Failure."""
        ...

    async def retrieve_mandate(self, mandate: str) -> MandateState:
        """The mandate as it stands."""
        ...

    async def create_intent(self, *, customer: str, amount_cents: int, metadata: dict[str, str], key: str) -> Intent:
        """An unconfirmed PaymentIntent for card and us_bank_account."""
        ...

    async def retrieve_intent(self, intent: str) -> Intent:
        """The PaymentIntent as it stands."""
        ...

    async def list_intents(self, *, customer: str) -> list[Intent]:
        """All PaymentIntents of the customer, oldest first."""
        ...

    def all_intents(self) -> AsyncIterator[Intent]:
        """Every PaymentIntent of the processor account, newest first."""
        ...

    async def confirm_intent(
        self, intent: str, *, payment_method: str, off_session: bool, return_url: str, key: str
    ) -> Intent:
        """Confirm; a decline is the intent with its ``failure``."""
        ...

    async def cancel_intent(self, intent: str) -> Intent:
        """Cancel if the processor still lets it be; in any case the intent as it stands afterwards."""
        ...

    async def events_after(self, event_id: str | None) -> list[ProcessorEvent]:
        """Events newer than ``event_id``, oldest first; without it the newest alone, as a place to begin."""
        ...

    async def events_before(self, event_id: str | None) -> list[ProcessorEvent]:
        """Events older than ``event_id``, newest first; without it the newest of all."""
        ...
