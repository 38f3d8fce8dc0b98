"""Decision 5: a webhook is taken in when its signature is ours and of now; whatever else comes is refused."""

import json
import time
from uuid import uuid4

import pytest

from rules.signatures import sign

FOREIGN = "whsec_of_another_endpoint"


def event(**fields):
    made = {
        "id": f"evt_{uuid4().hex}",
        "object": "event",
        "type": "payment_intent.succeeded",
        "created": int(time.time()),
        "livemode": False,
        "data": {"object": {"id": f"pi_{uuid4().hex}", "object": "payment_intent"}},
    }
    return made | fields


async def refused(stack, answer, found, *, status, code):
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await stack.value("SELECT count(*) FROM inbox WHERE id = $1", found["id"]) == 0


async def test_a_signed_event_is_stored_once(stack):
    made = event()
    answers = [(await stack.deliver(made)).status_code for _ in range(3)]
    assert answers == [200, 200, 200]
    assert await stack.value("SELECT count(*) FROM inbox WHERE id = $1", made["id"]) == 1


@pytest.mark.parametrize(
    ("why", "more"),
    [("stale", {"age": 301}), ("of the future", {"age": -302}), ("foreign", {"secret": FOREIGN})],
)
async def test_a_stale_future_or_foreign_signature_is_refused(stack, why, more):
    made = event()
    await refused(stack, await stack.deliver(made, **more), made, status=400, code="signature_invalid")


@pytest.mark.parametrize("header", [None, "", "t=1", "v1=00", "t=x,v1=00", f"t={{now}},v1={'0' * 64}"])
async def test_without_a_signature_it_is_refused(stack, header):
    made = event()
    headers = {} if header is None else {"Stripe-Signature": header.format(now=int(time.time()))}
    answer = await stack.http.post(f"{stack.api_url}/webhooks/stripe", content=json.dumps(made), headers=headers)
    await refused(stack, answer, made, status=400, code="signature_invalid")


async def test_a_body_that_was_changed_on_its_way_is_refused(stack):
    made = event()
    raw = json.dumps(made).encode()
    signature = sign(raw, secret=stack.env["PREPAY_STRIPE_WEBHOOK_SECRET"], timestamp=int(time.time()))
    answer = await stack.http.post(
        f"{stack.api_url}/webhooks/stripe", content=raw + b" ", headers={"Stripe-Signature": signature}
    )
    await refused(stack, answer, made, status=400, code="signature_invalid")


async def test_an_event_of_the_other_mode_is_refused(stack):
    made = event(livemode=True)
    await refused(stack, await stack.deliver(made), made, status=400, code="signature_invalid")


NOT_EVENTS = {
    "another object": event(object="charge"),
    "no id": event(id=""),
    "no type": event(type=None),
    "no object in it": event(data={}),
    "its object is text": event(data={"object": "pi_1"}),
    "a time that is none": event(created=10**18),
    "a time in words": event(created="now"),
    "text that cannot be stored": event(type="a\0b"),
    "half a character": event(type="\ud800"),
}


@pytest.mark.parametrize("made", NOT_EVENTS.values(), ids=NOT_EVENTS)
async def test_what_is_signed_and_no_event_is_refused(stack, made):
    answer = await stack.deliver(made)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert await stack.value("SELECT count(*) FROM inbox WHERE id = $1", made["id"]) == 0


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b"NaN"])
async def test_what_is_signed_and_no_json_is_refused(stack, raw):
    answer = await stack.deliver(raw)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


async def test_a_body_that_is_too_large_is_refused(stack):
    made = event(padding="x" * (1 << 20))
    await refused(stack, await stack.deliver(made), made, status=413, code="body_too_large")
