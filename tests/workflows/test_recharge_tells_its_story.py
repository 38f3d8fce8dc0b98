"""I2: the Temporal UI tells each payment without anybody reading code; I5: and without anything personal."""

import json
from datetime import UTC, datetime, time

import pytest
from pydantic import SecretStr
from temporalio.api.enums.v1 import EventType
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from sandbox.stripe.server import Server
from settings import Settings
from tests.replay.recording import texts
from tests.workflows.house import open_house
from tests.workflows.recharging import (
    ask,
    at_noon,
    bank_on_file,
    becomes,
    ended,
    handle,
    submitted,
    times_told,
    to_the_watchdog,
)
from workflows import attributes


async def details(house, recharge):
    """What the UI shows of a running workflow: it asks a worker for it."""
    found = await handle(house, recharge).query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    return found.current_details


async def attributes_of(house, recharge):
    found = (await handle(house, recharge).describe()).typed_search_attributes
    keys = (attributes.ACCOUNT, attributes.KIND, attributes.STATE, attributes.AMOUNT, attributes.EXPECTED_ON)
    return {key.name: found.get(key) for key in keys}


async def summaries(house, recharge):
    """The summaries of activities and timers, in the order in which they were begun."""
    history = await handle(house, recharge).fetch_history()
    convert = house.temporal.data_converter.payload_converter.from_payload
    begun = {EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED, EventType.EVENT_TYPE_TIMER_STARTED}
    return [convert(one.user_metadata.summary, str) for one in history.events if one.event_type in begun]


async def states_shown(house, recharge):
    """Each value of PrepayState, from the start on."""
    history = await handle(house, recharge).fetch_history()
    upserts = [
        one.upsert_workflow_search_attributes_event_attributes.search_attributes.indexed_fields
        for one in history.events
        if one.event_type == EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES
    ]
    start = history.events[0].workflow_execution_started_event_attributes.search_attributes.indexed_fields
    return [one["PrepayState"].data.decode().strip('"') for one in (start, *upserts)]


async def test_a_bank_debit_in_flight_and_its_end(house):
    async with house.working():
        bank = await bank_on_file(house)
        await at_noon(house)
        recharge = await ask(house, bank)
        found = await submitted(house, recharge)
        shown = await handle(house, recharge).describe()
        assert await shown.static_summary() == "$50.00 by bank debit (ACH)"
        assert await shown.static_details() == f"Recharge `{recharge['id']}` of account `{house.account.id}`, manual."
        assert await details(house, recharge) == (
            "**$50.00** by bank debit (ACH), manual.\n\n"
            f"Submitted. The answer is expected on **{found.expected_on}**; until then the money is pending."
        )
        assert await attributes_of(house, recharge) == {
            "PrepayAccount": house.account.id,
            "PrepayKind": "recharge_bank",
            "PrepayState": "processing",
            "PrepayAmount": 5000,
            "PrepayExpectedOn": datetime.combine(found.expected_on, time(), tzinfo=UTC),
        }
        await to_the_watchdog(house, found)
        assert await times_told(house, "recharge_overdue", 1)
        await house.control(f"payment_intents/{found.payment_intent}/settle")
        await house.deliver_events()
        assert await ended(house, recharge) == "succeeded"
        assert await summaries(house, recharge) == [
            "Create the PaymentIntent, unconfirmed",
            "Confirm the payment, attempt 1",
            "Ask the processor: the bank's answer is due",
            "Look at the payment",
            "Tell operators: no answer yet",
            "Ask the processor: the bank's answer is due",
            "Look at the payment",
            "Credit the balance",
        ]
        assert await details(house, recharge) == "**$50.00** by bank debit (ACH), manual.\n\nFinished: **succeeded**."
        assert (await attributes_of(house, recharge))["PrepayState"] == "succeeded"


async def test_a_card_payment_that_waits_for_the_customer_and_is_given_up(house):
    async with house.working():
        card = await house.add_card("pm_card_authenticationRequired")
        recharge = await ask(house, card, amount="1234.56")
        assert (await details(house, recharge)).startswith("**$1234.56** by card, manual.\n\nThe customer must confirm")
        assert (await attributes_of(house, recharge))["PrepayState"] == "requires_action"
        assert await ended(house, recharge) == "canceled"
        assert await summaries(house, recharge) == [
            "Create the PaymentIntent, unconfirmed",
            "Confirm the payment, attempt 1",
            "Cancel if the customer has not confirmed by then",
            "Cancel: the customer did not confirm",
            "Take the pending money out again",
        ]
        assert await states_shown(house, recharge) == ["processing", "requires_action", "canceled", "canceled"]


async def test_a_declined_payment_says_why(house):
    async with house.working():
        card = await house.add_card("pm_card_chargeCustomerFail")
        recharge = await ask(house, card)
        assert await ended(house, recharge) == "failed"
        assert await states_shown(house, recharge) == ["processing", "declined", "canceled", "failed"]
        assert "Finished: **failed**" in await details(house, recharge)


CANARIES = ("Canary", "canary", "hideout", "pm_", "http:", "https:", "127.0.0.1", "visa", "client_secret")
FAULTS = (
    {"method": "POST", "path": "/v1/payment_intents", "kind": "rate_limit", "times": 1},
    {"method": "GET", "path": "/v1/payment_intents/*", "kind": "error", "status": 404, "times": 1},
)


@pytest.fixture
async def real_house(database, temporal_server):
    """With the real server: it writes down why a try failed, the one that skips time does not."""
    client = await Client.connect(temporal_server.address, data_converter=pydantic_data_converter)
    async with Server() as sandbox:
        settings = Settings(
            database_url=SecretStr(database.app_url), sandbox_url=sandbox.url, public_url="http://prepay.test"
        )
        environment = WorkflowEnvironment.from_client(client)
        async with open_house(settings=settings, environment=environment, sandbox=sandbox) as house:
            yield house


async def test_nothing_personal_is_in_a_history_whatever_fails(real_house):
    """Failed tries tell their errors in the history: not in Stripe's sentences, nor in the driver's."""
    house = real_house
    house.account = await house.api.open_account(name="Canary Calls", email="canary@hideout.example")
    house.owner = house.api.client(account=house.account)
    async with house.working():
        card = await house.add_card("pm_card_authenticationRequired")
        for fault in FAULTS:
            await house.control("faults", fault)
        told = {"return_url": "https://hideout.example/back", "metadata": {"canary": "Canary"}}
        recharge = await ask(house, card, key="the canary's key", **told)
        await becomes(house, recharge, lambda found: found.status == "requires_action")
        link = (await house.get(f"recharges/{recharge['id']}"))["action_url"]
        await house.api.anyone.get(link.removeprefix("http://prepay.test"))
        await house.deliver_events()
        await house.post(f"recharges/{recharge['id']}/cancel", {})
        assert await handle(house, recharge).result() == "canceled"
    history = json.loads((await handle(house, recharge).fetch_history()).to_json())
    assert set(texts(history)) >= {"ProcessorOutageError", "ProcessorRefusedError"}
    token = link.rsplit("/", 1)[1]
    for text in texts(history):
        for canary in (*CANARIES, token):
            assert canary not in text, text
    await house.record("recharge/tries_that_failed", f"recharge/{recharge['id']}")
