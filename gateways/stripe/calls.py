"""One call to Stripe: bounded in time, never retried by the SDK, and its errors told apart."""

from collections.abc import Awaitable
from typing import TypeVar

import stripe

from gateways.processor import Failure, ProcessorOutageError, ProcessorRefusedError

T = TypeVar("T")


def client(*, api_key: str, base: str, transport: stripe.HTTPXClient) -> stripe.StripeClient:
    """A client without retries of its own: Temporal retries, and looks before it does."""
    stripe.enable_telemetry = False
    return stripe.StripeClient(
        api_key,
        base_addresses={"api": base},
        max_network_retries=0,
        http_client=transport,
    )


async def definite(call: Awaitable[T]) -> T:
    """The answer, or ProcessorRefusedError, or ProcessorOutageError; a CardError passes through for the caller."""
    try:
        return await call
    except stripe.CardError:
        raise
    except (stripe.APIConnectionError, stripe.RateLimitError, stripe.APIError) as error:
        raise ProcessorOutageError(f"{type(error).__name__}: {error.user_message}") from error
    except stripe.AuthenticationError as error:
        # A key that is being rotated: waiting is right, failing a payment is not.
        raise ProcessorOutageError("the processor refuses our API key") from error
    except stripe.StripeError as error:
        if error.http_status == 409 or error.code in {"idempotency_key_in_use", "lock_timeout", "rate_limit"}:
            raise ProcessorOutageError(f"busy: {error.code}") from error
        raise ProcessorRefusedError(error.code or type(error).__name__, error.user_message or str(error)) from error


def failure_of(error: stripe.StripeError) -> Failure:
    """The reason inside a decline or a refusal that is an answer."""
    body = error.error
    if body is None:
        return Failure(code=error.code, message=error.user_message)
    return Failure(
        code=body.code,
        decline_code=getattr(body, "decline_code", None),
        network_decline_code=getattr(body, "network_decline_code", None),
        advice_code=getattr(body, "advice_code", None),
        message=body.message,
    )
