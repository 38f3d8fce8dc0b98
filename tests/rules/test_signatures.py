"""Stripe's webhook signatures: forged, stale, future and foreign ones are refused; the real SDK is asked beside us."""

from datetime import UTC, datetime, timedelta

import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st

from rules.signatures import TOLERANCE_SECONDS, SignatureError, sign, verify

SECRET = "whsec_ours"
OTHER = "whsec_theirs"
NOW = datetime(2026, 11, 21, 15, 0, tzinfo=UTC)
STAMP = int(NOW.timestamp())
BODY = b'{"id": "evt_1", "type": "payment_intent.succeeded"}'


def v1(body: bytes = BODY, *, secret: str = SECRET, timestamp: int = STAMP) -> str:
    return sign(body, secret=secret, timestamp=timestamp).partition("v1=")[2]


def test_ours_is_taken() -> None:
    verify(BODY, sign(BODY, secret=SECRET, timestamp=STAMP), secret=SECRET, now=NOW)


@given(body=st.binary(max_size=300), secret=st.text("abcdefABCDEF0123456789", min_size=1, max_size=40))
def test_any_bytes_are_signed_and_known_again(body: bytes, secret: str) -> None:
    verify(body, sign(body, secret=secret, timestamp=STAMP), secret=secret, now=NOW)


@given(text=st.text(max_size=300), timestamp=st.integers(min_value=1, max_value=2**33))
def test_it_is_the_signature_that_the_sdk_makes_and_takes(text: str, timestamp: int) -> None:
    header = sign(text.encode("utf-8", "ignore"), secret=SECRET, timestamp=timestamp)
    payload = text.encode("utf-8", "ignore").decode()
    assert v1(payload.encode(), timestamp=timestamp) == stripe.WebhookSignature._compute_signature(
        f"{timestamp}.{payload}", SECRET
    )
    assert stripe.WebhookSignature.verify_header(payload, header, SECRET, tolerance=None)


@pytest.mark.parametrize("seconds", [0, TOLERANCE_SECONDS, -TOLERANCE_SECONDS])
def test_five_minutes_either_way_are_allowed(seconds: int) -> None:
    verify(BODY, sign(BODY, secret=SECRET, timestamp=STAMP), secret=SECRET, now=NOW + timedelta(seconds=seconds))


HEADERS = {
    "several v1, one ours": f"t={STAMP},v1={v1(secret=OTHER)},v1={v1()}",
    "ours first": f"t={STAMP},v1={v1()},v1={v1(secret=OTHER)}",
    "with a v0 of test mode": f"t={STAMP},v0={v1(secret=OTHER)},v1={v1()}",
    "spaces after commas": f"t={STAMP}, v1={v1()}",
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_headers_taken(header: str) -> None:
    verify(BODY, header, secret=SECRET, now=NOW)


FORGED = {
    "another body": sign(BODY + b" ", secret=SECRET, timestamp=STAMP),
    "another secret": sign(BODY, secret=OTHER, timestamp=STAMP),
    "another moment": f"t={STAMP + 1},v1={v1()}",
    "ours as v0 only": f"t={STAMP},v0={v1()}",
    "no signature": f"t={STAMP}",
    "an empty one": f"t={STAMP},v1=",
    "half of it": f"t={STAMP},v1={v1()[:32]}",
    "upper case": f"t={STAMP},v1={v1().upper()}",
    "several, none ours": f"t={STAMP},v1={v1(secret=OTHER)},v1={'0' * 64}",
    "not ASCII": f"t={STAMP},v1=\u00e9{v1()}",
}


@pytest.mark.parametrize("header", FORGED.values(), ids=FORGED)
def test_forged_and_foreign_are_refused(header: str) -> None:
    with pytest.raises(SignatureError, match="matches the body and our secret"):
        verify(BODY, header, secret=SECRET, now=NOW)


STAMPLESS = {
    "none": f"v1={v1()}",
    "words": f"t=now,v1={v1()}",
    "negative": f"t=-{STAMP},v1={v1()}",
    "twice": f"t={STAMP},t={STAMP},v1={v1()}",
    "endless": f"t={'9' * 5000},v1={v1()}",
    "digits of another script": f"t=\u0661\u0662,v1={v1()}",
    "nonsense": "nonsense",
    "separators alone": ",,=,=",
}


@pytest.mark.parametrize("header", STAMPLESS.values(), ids=STAMPLESS)
def test_a_header_without_a_timestamp_is_refused(header: str) -> None:
    with pytest.raises(SignatureError, match="no timestamp"):
        verify(BODY, header, secret=SECRET, now=NOW)


@pytest.mark.parametrize("header", [None, ""])
def test_no_header_is_refused(header: str | None) -> None:
    with pytest.raises(SignatureError, match="missing"):
        verify(BODY, header, secret=SECRET, now=NOW)


@pytest.mark.parametrize("seconds", [TOLERANCE_SECONDS + 1, -TOLERANCE_SECONDS - 1, 86_400, -86_400])
def test_stale_and_future_are_refused(seconds: int) -> None:
    """The SDK takes a future moment; we do not: a leaked secret could sign far ahead."""
    with pytest.raises(SignatureError, match="five minutes"):
        verify(BODY, sign(BODY, secret=SECRET, timestamp=STAMP), secret=SECRET, now=NOW + timedelta(seconds=seconds))


@given(header=st.text(max_size=120))
def test_no_header_made_up_gets_in_or_breaks_us(header: str) -> None:
    with pytest.raises(SignatureError):
        verify(BODY, header, secret=SECRET, now=NOW)


items = st.sampled_from([f"t={STAMP}", f"v1={v1()}", "v1=0", "t=1", "v0=1", "=", ""])


@given(header=st.lists(items, max_size=4).map(",".join))
def test_what_we_take_the_sdk_takes_too(header: str) -> None:
    try:
        verify(BODY, header, secret=SECRET, now=NOW)
    except SignatureError:
        return
    assert stripe.WebhookSignature.verify_header(BODY.decode(), header, SECRET, tolerance=None)
