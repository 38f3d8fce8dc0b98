"""Idempotency keys of steps that run until they are answered."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from temporalio import activity

from gateways.processor import ProcessorOutageError

T = TypeVar("T")


async def keyed(key: str, call: Callable[[str], Awaitable[T]]) -> T:
    """Call with ``key``; with a fresh one where the processor would only repeat what it keeps under that.

    Stripe keeps the first answer to a key for a day, a 500 too, and a payment must not wait a day for the next try. The
    key guards against two calls at once; what guards against two charges is the look that every step begins with, and
    that one PaymentIntent succeeds once (decision 3). The fresh key is the same for the same try of the step.
    """
    try:
        return await call(key)
    except ProcessorOutageError as outage:
        if not outage.key_spent:
            raise
        return await call(f"{key}/try-{activity.info().attempt}")
