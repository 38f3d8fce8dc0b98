"""Stripe's webhook signature: HMAC-SHA256 over ``t.body``, any ``v1`` may match (docs.stripe.com/webhooks)."""

import hmac
from datetime import datetime
from hashlib import sha256

TOLERANCE_SECONDS = 300


class SignatureError(ValueError):
    """The signature header is missing, malformed, stale, from the future, or made with another secret."""


def sign(body: bytes, *, secret: str, timestamp: int) -> str:
    """The ``Stripe-Signature`` header for ``body`` at ``timestamp`` (Unix seconds)."""
    return f"t={timestamp},v1={_digest(body, secret, timestamp)}"


def verify(body: bytes, header: str | None, *, secret: str, now: datetime) -> None:
    """Check ``header`` against ``body``. Raises SignatureError; a moment of the future is refused as a stale one is."""
    if not header:
        raise SignatureError("the Stripe-Signature header is missing")
    parts = [item.partition("=") for item in header.split(",")]
    stamps = [value for name, _, value in parts if name.strip() == "t"]
    if len(stamps) != 1 or not (stamps[0].isascii() and stamps[0].isdigit() and len(stamps[0]) < 16):
        raise SignatureError("the Stripe-Signature header has no timestamp")
    timestamp = int(stamps[0])
    expected = _digest(body, secret, timestamp).encode()
    given = [value.encode() for name, _, value in parts if name.strip() == "v1"]
    if not any(hmac.compare_digest(expected, value) for value in given):
        raise SignatureError("no signature in the Stripe-Signature header matches the body and our secret")
    if abs(now.timestamp() - timestamp) > TOLERANCE_SECONDS:
        raise SignatureError("the signature's timestamp is more than five minutes from our clock")


def _digest(body: bytes, secret: str, timestamp: int) -> str:
    return hmac.new(secret.encode(), f"{timestamp}.".encode() + body, sha256).hexdigest()
