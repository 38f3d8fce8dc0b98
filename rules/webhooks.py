"""Webhooks that leave here: the schedule of tries, and signatures by the Standard Webhooks convention."""

import base64
import hmac
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

MOST_ENDPOINTS = 16
SECRET_PREFIX = "whsec_"  # noqa: S105 - what secrets begin with
SECRET_BYTES = 32
LONGEST_OVERLAP_HOURS = 168
GONE = 410

#: How long each try waits after the one before it: ten tries in 75 hours and 35 minutes (standardwebhooks.com).
WAITS = (
    timedelta(),
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)

#: Why a try failed (``last_error``), and what that means.
ERRORS: Mapping[str, str] = {
    "status": "It answered, but not with 2xx.",
    "redirect": "It answered with a redirect, which is not followed: give the endpoint its final URL.",
    "gone": "It answered 410 and was disabled.",
    "timeout": "It did not answer within 10 seconds.",
    "connection": "No connection, or it was cut before an answer.",
    "tls": "TLS failed: the certificate is not valid for this name, or not trusted.",
    "unresolved": "The name has no address.",
    "refused_address": "The name leads to an address that is not public; nothing was sent.",
    "endpoint_disabled": "The endpoint was disabled or deleted meanwhile.",
    "secret_unreadable": "Its secret was sealed under another PREPAY_SEAL_KEY: rotate the secret.",
}


def encode_secret(entropy: bytes) -> str:
    """The secret that the receiver is given: ``whsec_`` and the base64 of ``entropy``, SECRET_BYTES random bytes."""
    return SECRET_PREFIX + base64.b64encode(entropy).decode()


def signed_headers(body: bytes, *, event_id: str, secrets: Iterable[str], now: datetime) -> dict[str, str]:
    """The three headers of Standard Webhooks: the message's id, when it is sent, and a signature for each secret."""
    timestamp = int(now.timestamp())
    signed = f"{event_id}.{timestamp}.".encode() + body
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(_signature(signed, secret) for secret in secrets),
    }


def failure_of(status: int) -> str | None:
    """Why an answer with this status is a failure; None for 2xx."""
    if 200 <= status < 300:
        return None
    if status == GONE:
        return "gone"
    return "redirect" if 300 <= status < 400 else "status"


def _signature(signed: bytes, secret: str) -> str:
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
