"""H6: a hold that nobody ends is freed by itself, also when everything was down at the time."""

from uuid import uuid4


async def reserve(stack, account, amount="1.00", seconds=1):
    body = {"amount": amount, "reference": uuid4().hex, "expires_in": seconds}
    return await stack.call("POST", f"/v1/accounts/{account}/holds", body)


async def reserved(stack, account, amount="1.00", seconds=1):
    answer = await reserve(stack, account, amount, seconds)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def paying(stack, amount="10.00"):
    account = await stack.account()
    body = {"amount": amount, "kind": "goodwill", "reason": "to begin with"}
    await stack.ok("POST", f"/v1/accounts/{account}/adjustments", body, Idempotency_Key=uuid4().hex)
    return account


async def swept(stack, *accounts):
    """Wait until no hold of the accounts is kept any more, without asking the API for anything."""
    await stack.until_row(
        "the holds to be freed",
        "SELECT NOT EXISTS (SELECT FROM hold WHERE account_id = ANY ($1) AND status = 'open')",
        list(accounts),
    )


async def test_a_hold_that_nobody_ends_is_freed_by_the_worker(stack):
    account = await paying(stack)
    made = await reserved(stack, account, "10.00")
    await swept(stack, account)
    assert await stack.balance(account) == ("10.00", "0.00")
    shown = await stack.ok("GET", f"/v1/accounts/{account}/holds/{made['id']}")
    assert (shown["status"], shown["ended_at"]) == ("expired", made["expires_at"])
    late = await stack.call("POST", f"/v1/accounts/{account}/holds/{made['id']}/capture")
    assert (late.status_code, late.json()["code"]) == (409, "hold_ended")

    async def told() -> bool:
        return "prepay_holds_overdue" in (await stack.http.get(f"{stack.url('worker')}/metrics")).text

    await stack.until(told, "the worker to tell how many holds are overdue")


async def test_holds_that_expired_while_everything_was_down_are_freed_by_the_next_worker(gated):
    stack = gated.stack
    accounts = [await paying(stack) for _ in range(5)]
    kept = [await reserved(stack, account, seconds=3600) for account in accounts]
    await stack.kill("worker")
    for account in accounts:
        for _ in range(8):
            await reserved(stack, account, seconds=2)
    await stack.kill("api")
    await stack.until_row("the short holds to be over", "SELECT max(expires_at) < now() FROM hold WHERE expires_in = 2")
    assert await stack.value("SELECT count(*) FROM hold WHERE status = 'open' AND expires_in = 2") == 40
    await stack.start("worker")
    await stack.until_row(
        "the short holds to be freed", "SELECT NOT EXISTS (SELECT FROM hold WHERE status = 'open' AND expires_in = 2)"
    )
    await stack.start("api")
    for account, hold in zip(accounts, kept, strict=True):
        assert await stack.balance(account) == ("9.00", "0.00"), "what has not expired is still held"
        path = f"/v1/accounts/{account}/holds/{hold['id']}/capture"
        assert (await stack.ok("POST", path))["status"] == "captured"
        assert await stack.balance(account) == ("9.00", "0.00")


async def test_without_any_worker_expired_holds_keep_no_customer_from_spending(gated):
    stack = gated.stack
    account = await paying(stack)
    await stack.kill("worker")
    for _ in range(3):
        await reserved(stack, account, "2.00")
    await reserved(stack, account, "2.00", seconds=3600)
    await stack.until_row(
        "the short holds to be over",
        "SELECT max(expires_at) < now() FROM hold WHERE account_id = $1 AND expires_in = 1",
        account,
    )
    assert (await reserve(stack, account, "8.01")).status_code == 402
    assert (await reserve(stack, account, "8.00")).status_code == 201
    assert await stack.balance(account) == ("0.00", "0.00")
