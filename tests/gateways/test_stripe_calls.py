"""Errors of Stripe, told apart: what nobody knows, what was refused, and which idempotency key is of no more use."""

from collections.abc import AsyncGenerator

import httpx2
import pytest

from gateways.processor import ProcessorOutageError, ProcessorRefusedError
from gateways.stripe import StripeProcessor
from sandbox.stripe.server import Server

METADATA = {"account": "MA1", "recharge": "rchg_1"}


class Stripe:
    """The processor on a sandbox of its own."""

    def __init__(self, processor: StripeProcessor, url: str) -> None:
        self.processor = processor
        self.url = url

    async def fault(self, **fault: object) -> None:
        async with httpx2.AsyncClient(trust_env=False) as client:
            answer = await client.post(f"{self.url}/_sandbox/faults", json=fault)
        assert answer.status_code == 200, answer.text

    async def create(self, *, customer: str, amount_cents: int = 5000, key: str = "one"):
        return await self.processor.create_intent(
            customer=customer, amount_cents=amount_cents, metadata=METADATA, key=key
        )


@pytest.fixture
async def stripe() -> AsyncGenerator[Stripe]:
    async with Server() as server:
        processor = StripeProcessor(api_key="sk_test_sandbox", base=server.url, timeout_seconds=10)
        yield Stripe(processor, server.url)
        await processor.close()


@pytest.fixture
async def customer(stripe) -> str:
    return await stripe.processor.create_customer(account_id="MA1", key="customer")


@pytest.mark.parametrize("kind", ["rate_limit", "lock_timeout", "drop_before", "drop_after", "error"])
async def test_an_outage_leaves_the_key_as_good_as_it_was(stripe, customer, kind):
    await stripe.fault(kind=kind, path="/v1/payment_intents", times=1)
    with pytest.raises(ProcessorOutageError) as outage:
        await stripe.create(customer=customer)
    assert not outage.value.key_spent


async def test_a_500_that_is_kept_spends_its_key_and_no_other(stripe, customer):
    await stripe.fault(kind="error", status=500, path="/v1/payment_intents", times=1)
    for spent in (False, True, True):
        with pytest.raises(ProcessorOutageError) as outage:
            await stripe.create(customer=customer)
        assert outage.value.key_spent is spent
    assert (await stripe.create(customer=customer, key="two")).status == "requires_payment_method"


async def test_a_key_that_was_used_with_other_parameters_is_spent(stripe, customer):
    await stripe.create(customer=customer)
    with pytest.raises(ProcessorOutageError) as outage:
        await stripe.create(customer=customer, amount_cents=6000)
    assert outage.value.key_spent


async def test_a_kept_answer_to_a_confirm_is_read_anew(stripe, customer):
    """The customer has acted since: what the processor kept under the key is how things stood before."""
    method = await stripe.processor.attach_method("pm_card_authenticationRequired", customer=customer, key="attach")
    intent = await stripe.create(customer=customer)

    async def confirm():
        return await stripe.processor.confirm_intent(
            intent.id, payment_method=method.id, off_session=False, return_url="https://prepay.test", key="confirm"
        )

    assert (await confirm()).status == "requires_action"
    async with httpx2.AsyncClient(trust_env=False) as client:
        await client.post(
            f"{stripe.url}/_sandbox/payment_intents/{intent.id}/authenticate", json={"outcome": "succeed"}
        )
    assert (await confirm()).status == "succeeded"


async def test_errors_quote_nothing(stripe):
    """I5: the text of an error may end in Temporal's history."""
    with pytest.raises(ProcessorRefusedError) as refused:
        await stripe.processor.retrieve_method("pm_somebody")
    assert "pm_somebody" in refused.value.message
    assert (str(refused.value), refused.value.code) == ("resource_missing", "resource_missing")
    assert refused.value.__cause__ is None
    await stripe.fault(kind="drop_before", path="*", times=1)
    with pytest.raises(ProcessorOutageError) as outage:
        await stripe.processor.retrieve_method("pm_somebody")
    assert str(outage.value) == "APIConnectionError: no answer"
    assert outage.value.__cause__ is None


async def test_the_second_page_of_a_list_fails_like_the_first(stripe, customer, monkeypatch):
    monkeypatch.setattr("gateways.stripe.processor.PAGE", 2)
    made = [(await stripe.create(customer=customer, key=str(n))).id for n in range(5)]
    assert [one.id for one in await stripe.processor.list_intents(customer=customer)] == made
    assert [one.id async for one in stripe.processor.all_intents()] == made[::-1]
    listing = stripe.processor.all_intents()
    assert [(await anext(listing)).id for _ in range(2)] == made[:2:-1]
    await stripe.fault(kind="error", status=500, path="/v1/payment_intents", times=1)
    with pytest.raises(ProcessorOutageError):
        await anext(listing)
