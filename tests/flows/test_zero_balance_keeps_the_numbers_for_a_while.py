"""B1 to B3: at zero service stops at once, the retention clock runs where operators see it, a recharge ends it."""

from uuid import uuid4

from temporalio.client import WorkflowExecutionStatus


async def spend(stack, account, amount, **more):
    body = {"amount": amount, "reference": uuid4().hex, **more}
    return await stack.call("POST", f"/v1/accounts/{account}/usage", body)


async def with_money(stack, amount):
    account = await stack.account(timezone="America/New_York")
    body = {"amount": amount, "kind": "goodwill", "reason": "to begin with"}
    await stack.ok("POST", f"/v1/accounts/{account}/adjustments", body, Idempotency_Key=uuid4().hex)
    return account


async def notices(stack, account, kind):
    return (await stack.ok("GET", f"/v1/accounts/{account}/notices?kind={kind}"))["data"]


async def mailed(stack, account, kind):
    """The account's notice of this kind and its mails, once it is sent."""
    found = []

    async def sent() -> bool:
        found[:] = await notices(stack, account, kind)
        return bool(found) and all(one["state"] == "sent" for one in found)

    await stack.until(sent, f"{kind} to be sent", seen=found)
    return found, [mail for mail in stack.mails(to="ada@example.com") if found[0]["id"] in mail.headers["Message-ID"]]


async def clock_runs(stack, account):
    """The balance that shows the clock's end."""
    found = []

    async def runs() -> bool:
        found[:] = [await stack.ok("GET", f"/v1/accounts/{account}/balance")]
        return found[0]["retention_ends_at"] is not None

    await stack.until(runs, "the clock to run", seen=found)
    return found[0]


async def workflow_becomes(stack, account, status):
    handle = (await stack.temporal()).get_workflow_handle(f"retention/{account}")
    found = []

    async def is_so() -> bool:
        found[:] = [await handle.describe()]
        return found[0].status is status

    await stack.until(is_so, f"the workflow to be {status}", seen=found)
    return found[0]


async def until_begun(stack, account):
    await stack.until_row(
        "the workflow to be told of the clock",
        "SELECT count(*) = 1 FROM outbox WHERE workflow_id = $1 AND handed_at IS NOT NULL",
        f"retention/{account}",
    )


async def test_from_zero_to_the_mail_the_clock_and_back(stack):
    account = await with_money(stack, "2.00")
    assert (await spend(stack, account, "2.00")).status_code == 201
    refused = await spend(stack, account, "0.01")
    assert (refused.status_code, refused.json()["code"]) == (402, "balance_exhausted"), "at once"

    shown = await clock_runs(stack, account)
    assert shown["status"] == "exhausted"
    (notice,), (mail,) = await mailed(stack, account, "balance_exhausted")
    assert [one["email"] for one in notice["recipients"]] == ["ada@example.com"]
    assert mail.subject == "Your balance is used up: calls and messages have stopped"
    assert "Numbers kept until:" in mail.body("plain")

    await until_begun(stack, account)
    workflow = await workflow_becomes(stack, account, WorkflowExecutionStatus.RUNNING)
    assert "kept for a while" in await workflow.static_summary()
    assert account in await workflow.static_details()

    made = await stack.recharge(account, await stack.card(account), "25.00")
    assert made["status"] == "succeeded"
    assert (await spend(stack, account, "0.01")).status_code == 201, "in the transaction that posts it (B3)"
    assert (await stack.ok("GET", f"/v1/accounts/{account}/balance"))["retention_ends_at"] is None
    await workflow_becomes(stack, account, WorkflowExecutionStatus.COMPLETED)
    assert await stack.rows("SELECT outcome FROM retention_clock WHERE account_id = $1", account) == [("canceled",)]


async def test_a_crossing_while_every_worker_is_dead_starts_the_clock_at_its_own_time(gated):
    stack = gated.stack
    await stack.kill("worker")
    account = await with_money(stack, "1.00")
    assert (await spend(stack, account, "1.00")).status_code == 201
    assert (await spend(stack, account, "1.00")).status_code == 402
    await stack.start("worker")
    await clock_runs(stack, account)
    assert await stack.value(
        "SELECT started_at = crossed_at FROM retention_clock JOIN ledger_crossing USING (account_id, seq)"
        " WHERE account_id = $1 AND kind = 2",
        account,
    )
    await until_begun(stack, account)
    await workflow_becomes(stack, account, WorkflowExecutionStatus.RUNNING)


async def test_a_worker_killed_while_the_clock_runs_and_the_money_that_came_meanwhile(gated):
    stack = gated.stack
    account = await with_money(stack, "1.00")
    assert (await spend(stack, account, "1.00")).status_code == 201
    await clock_runs(stack, account)
    await mailed(stack, account, "balance_exhausted")
    await until_begun(stack, account)
    await stack.kill("worker")
    body = {"amount": "3.00", "kind": "goodwill", "reason": "meanwhile"}
    await stack.ok("POST", f"/v1/accounts/{account}/adjustments", body, Idempotency_Key=uuid4().hex)
    assert (await stack.ok("GET", f"/v1/accounts/{account}/balance"))["retention_ends_at"] is None
    await stack.start("worker")
    await workflow_becomes(stack, account, WorkflowExecutionStatus.COMPLETED)
    assert await stack.rows("SELECT outcome FROM retention_clock WHERE account_id = $1", account) == [("canceled",)]
    assert len(await notices(stack, account, "balance_exhausted")) == 1
    kinds = await stack.rows(
        "SELECT type, count(*) FROM event WHERE account_id = $1 AND type LIKE 'account.retention%' GROUP BY type",
        account,
    )
    assert {tuple(row) for row in kinds} == {("account.retention_started", 1), ("account.retention_canceled", 1)}


async def test_restored_before_the_mail_could_go_it_is_listed_and_not_mailed(gated):
    stack = gated.stack
    await stack.kill("worker")
    account = await with_money(stack, "1.00")
    assert (await spend(stack, account, "1.00")).status_code == 201
    body = {"amount": "3.00", "kind": "goodwill", "reason": "meanwhile"}
    await stack.ok("POST", f"/v1/accounts/{account}/adjustments", body, Idempotency_Key=uuid4().hex)
    await stack.start("worker")
    found = []

    async def over() -> bool:
        found[:] = await notices(stack, account, "balance_exhausted")
        return bool(found) and found[0]["state"] != "pending"

    await stack.until(over, "the notice to be done with", seen=found)
    assert (found[0]["state"], found[0]["superseded_reason"]) == ("superseded", "retention_canceled")
    assert await stack.value("SELECT count(*) FROM retention_clock WHERE account_id = $1", account) == 0
    assert not [mail for mail in stack.mails(to="ada@example.com") if found[0]["id"] in mail.headers["Message-ID"]]
