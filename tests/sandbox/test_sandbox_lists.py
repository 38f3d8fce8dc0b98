"""Lists with cursors, filters, and expanded answers."""

import pytest
from sandbox_client import Sandbox


async def test_pages_run_newest_first_and_back(sandbox: Sandbox):
    made = [await sandbox.customer() for _ in range(5)]
    newest = list(reversed(made))
    first = await sandbox.get("/v1/customers", limit=2)
    assert ([one["id"] for one in first["data"]], first["has_more"]) == (newest[:2], True)
    second = await sandbox.get("/v1/customers", limit=2, starting_after=newest[1])
    assert ([one["id"] for one in second["data"]], second["has_more"]) == (newest[2:4], True)
    last = await sandbox.get("/v1/customers", limit=2, starting_after=newest[3])
    assert ([one["id"] for one in last["data"]], last["has_more"]) == (newest[4:], False)
    back = await sandbox.get("/v1/customers", limit=2, ending_before=newest[3])
    assert ([one["id"] for one in back["data"]], back["has_more"]) == (newest[1:3], True)
    assert len((await sandbox.get("/v1/customers"))["data"]) == 5


async def test_a_page_has_ten_unless_told(sandbox: Sandbox):
    for _ in range(11):
        await sandbox.customer()
    page = await sandbox.get("/v1/customers")
    assert (len(page["data"]), page["has_more"], page["url"]) == (10, True, "/v1/customers")


async def test_cursors_that_make_no_sense(sandbox: Sandbox):
    customer = await sandbox.customer()
    both = await sandbox.get("/v1/customers", starting_after=customer, ending_before=customer)
    assert both.status == 400
    unknown = await sandbox.get("/v1/customers", starting_after="cus_none")
    assert (unknown.status, unknown.error["code"]) == (400, "resource_missing")
    assert (await sandbox.get("/v1/charges", starting_after=customer)).status == 400


async def test_filters(sandbox: Sandbox):
    first, second = await sandbox.customer(), await sandbox.customer()
    mine = await sandbox.intent(first, await sandbox.card(first))
    await sandbox.intent(second, await sandbox.card(second))
    intents = await sandbox.get("/v1/payment_intents", customer=first)
    assert [one["id"] for one in intents["data"]] == [mine["id"]]
    charges = await sandbox.get("/v1/charges", payment_intent=mine["id"])
    assert [one["id"] for one in charges["data"]] == [mine["latest_charge"]]
    assert len((await sandbox.get("/v1/payment_methods", customer=first, type="card"))["data"]) == 1
    assert (await sandbox.get("/v1/payment_methods", customer=first, type="us_bank_account"))["data"] == []
    assert len((await sandbox.get(f"/v1/customers/{first}/payment_methods"))["data"]) == 1
    succeeded = await sandbox.get("/v1/events", types=["charge.succeeded", "charge.failed"])
    assert {event["type"] for event in succeeded["data"]} == {"charge.succeeded"}
    assert len((await sandbox.get("/v1/events", type="customer.created"))["data"]) == 2


async def test_created_is_a_time_or_bounds(sandbox: Sandbox):
    early = await sandbox.customer()
    moved = await sandbox.control("clock", {"advance_hours": 1})
    late = await sandbox.customer()
    at = moved["unix"]
    assert [one["id"] for one in (await sandbox.get("/v1/customers", created=at))["data"]] == [late]
    assert [one["id"] for one in (await sandbox.get("/v1/customers", created={"lt": at}))["data"]] == [early]
    both = await sandbox.get("/v1/customers", created={"gte": at - 3600, "lte": at})
    assert len(both["data"]) == 2
    assert (await sandbox.get("/v1/customers", created={"before": 1})).status == 400


async def test_what_is_expanded_is_whole(sandbox: Sandbox):
    customer = await sandbox.customer()
    paid = await sandbox.intent(customer, await sandbox.card(customer), expand=["latest_charge", "payment_method"])
    assert paid["latest_charge"]["payment_intent"] == paid["id"]
    assert paid["payment_method"]["card"]["last4"] == "4242"
    deep = await sandbox.retrieve(paid["id"], "latest_charge.balance_transaction.source.customer", "customer")
    assert deep["latest_charge"]["balance_transaction"]["source"]["customer"]["id"] == customer
    listed = await sandbox.get("/v1/payment_intents", expand=["data.customer", "data.latest_charge.payment_intent"])
    assert listed["data"][0]["customer"]["id"] == customer
    assert listed["data"][0]["latest_charge"]["payment_intent"]["id"] == paid["id"]


async def test_what_is_null_stays_null_when_expanded(sandbox: Sandbox):
    intent = await sandbox.intent(await sandbox.customer())
    shown = await sandbox.retrieve(intent["id"], "latest_charge.balance_transaction", "payment_method")
    assert (shown["latest_charge"], shown["payment_method"]) == (None, None)


@pytest.mark.parametrize("path", ["status", "foo", "data.customer", "customer.foo", "a.b.c.d.e"])
async def test_what_cannot_be_expanded_is_refused(sandbox: Sandbox, path):
    intent = await sandbox.intent(await sandbox.customer())
    answer = await sandbox.retrieve(intent["id"], path)
    assert answer.status == 400
    assert "expand" in answer.error["message"]


async def test_a_refused_expansion_undoes_the_request(sandbox: Sandbox):
    assert (await sandbox.post("/v1/customers", {"expand": ["foo"]})).status == 400
    assert "customer" not in await sandbox.counts()


async def test_the_mandate_of_a_debit_and_its_setup(sandbox: Sandbox):
    customer = await sandbox.customer()
    waiting = await sandbox.setup(customer)
    shown = await sandbox.retrieve(waiting["id"], "mandate.payment_method", "latest_attempt")
    assert shown["mandate"]["payment_method"]["type"] == "us_bank_account"
    assert shown["latest_attempt"]["status"] == "requires_action"
    await sandbox.verify(waiting["id"], descriptor_code="SM11AA")
    paid = await sandbox.intent(customer, waiting["payment_method"])
    charge = await sandbox.retrieve(paid["id"], "latest_charge.payment_method_details.us_bank_account.mandate")
    assert charge["latest_charge"]["payment_method_details"]["us_bank_account"]["mandate"]["status"] == "active"


async def test_a_deleted_customer(sandbox: Sandbox):
    customer = await sandbox.customer()
    card = await sandbox.card(customer)
    await sandbox.post(f"/v1/customers/{customer}", {"invoice_settings": {"default_payment_method": card}})
    assert (await sandbox.delete(f"/v1/customers/{customer}"))["deleted"] is True
    assert (await sandbox.get(f"/v1/customers/{customer}"))["deleted"] is True
    assert (await sandbox.get("/v1/customers"))["data"] == []
    assert (await sandbox.get(f"/v1/payment_methods/{card}"))["customer"] is None
    assert (await sandbox.post(f"/v1/customers/{customer}", {"name": "B"})).status == 404
    assert (await sandbox.intent(customer)).error["code"] == "resource_missing"
