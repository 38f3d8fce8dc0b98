"""One call to Stripe: bounded in time, never retried by the SDK, and its errors told apart."""

from collections.abc import Awaitable, Mapping
from typing import TypeVar

import stripe

from gateways.processor import Failure, ProcessorOutageError, ProcessorRefusedError

T = TypeVar("T")
_REPLAYED = "idempotent-replayed"


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
    """The answer, or ProcessorRefusedError, or ProcessorOutageError; a CardError passes through for the caller.

    Stripe's own sentences may quote what they are about, and errors stand in Temporal's histories (requirement I5): an
    outage is told by its type, status and code alone.
    """
    try:
        return await call
    except stripe.CardError:
        raise
    except stripe.IdempotencyError as error:
        # The key was used with other parameters: those have changed since, in a setting of ours perhaps.
        raise ProcessorOutageError(_told(error), key_spent=True) from None
    except (stripe.APIConnectionError, stripe.RateLimitError, stripe.APIError) as error:
        raise ProcessorOutageError(_told(error), key_spent=is_replayed(error.headers)) from None
    except stripe.AuthenticationError:
        # A key that is being rotated: waiting is right, failing a payment is not.
        raise ProcessorOutageError("the processor refuses our API key") from None
    except stripe.StripeError as error:
        if error.http_status == 409 or error.code in {"idempotency_key_in_use", "lock_timeout", "rate_limit"}:
            raise ProcessorOutageError(_told(error)) from None
        raise ProcessorRefusedError(error.code or type(error).__name__, error.user_message or str(error)) from None


def is_replayed(headers: Mapping[str, str] | None) -> bool:
    """Whether an answer was kept under its idempotency key, and so tells how things stood then."""
    return {name.lower(): value for name, value in (headers or {}).items()}.get(_REPLAYED) == "true"


def _told(error: stripe.StripeError) -> str:
    return f"{type(error).__name__}: {error.http_status or 'no answer'} {error.code or ''}".rstrip()


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
