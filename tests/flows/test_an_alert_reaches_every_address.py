"""A1 to A7, A9: a charge falls through alerts, and everybody on the list has the mails, whatever dies meanwhile."""

from uuid import uuid4

from workflows.schedules import RECOMMENDATIONS

OWNER, SECOND = "ada@example.com", "grace@example.com"


async def spend(stack, account, amount):
    body = {"amount": amount, "reference": uuid4().hex}
    answer = await stack.call("POST", f"/v1/accounts/{account}/usage", body)
    assert answer.status_code == 201, answer.text


async def with_alerts(stack):
    """120 dollars, an alert of the owner's own beside the built-in ones, and a second address."""
    account = await stack.account(timezone="America/New_York")
    body = {"amount": "120.00", "kind": "goodwill", "reason": "to begin with"}
    await stack.ok("POST", f"/v1/accounts/{account}/adjustments", body, Idempotency_Key=uuid4().hex)
    await stack.ok(
        "PUT", f"/v1/accounts/{account}/balance_alerts", {"thresholds": ["60.00", "100.00"], "emails": [SECOND]}
    )
    return account


async def sent(stack, account, count):
    """The account's alerts, once there are so many and all are sent."""
    found = []

    async def all_sent() -> bool:
        path = f"/v1/accounts/{account}/notices?kind=balance_alert"
        found[:] = (await stack.ok("GET", path))["data"]
        return len(found) >= count and all(one["state"] == "sent" for one in found)

    await stack.until(all_sent, f"{count} alerts to be sent", seen=found)
    return found


def mails_of(stack, notice):
    return [
        (to, mail)
        for to in (OWNER, SECOND)
        for mail in stack.mails(to=to)
        if notice["id"] in mail.headers["Message-ID"]
    ]


async def test_from_a_charge_to_every_address(stack):
    account = await with_alerts(stack)
    await spend(stack, account, "112.00")
    alerts = await sent(stack, account, 3)
    assert sorted(float(one["threshold"]) for one in alerts) == [10, 60, 100]
    assert {one["balance"] for one in alerts} == {"8.00"}
    for one in alerts:
        assert {(row["email"], row["state"]) for row in one["recipients"]} == {(OWNER, "sent"), (SECOND, "sent")}
        assert [to for to, _ in mails_of(stack, one)] == [OWNER, SECOND]
        (_, mail), _ = mails_of(stack, one)
        assert mail.subject == f"Your balance is below ${one['threshold']}"


async def test_a_worker_killed_again_and_again_loses_and_doubles_nothing(gated):
    stack = gated.stack
    account = await with_alerts(stack)
    for amount in ("21.00", "40.00", "50.00"):
        await spend(stack, account, amount)
        await stack.kill("worker")
        await stack.start("worker")
    alerts = await sent(stack, account, 3)
    assert [one["threshold"] for one in alerts] == ["10.00", "60.00", "100.00"]
    for one in alerts:
        mails = mails_of(stack, one)
        assert {to for to, _ in mails} == {OWNER, SECOND}
        assert len({mail.headers["Message-ID"] for _, mail in mails}) == 1, "at least once, under one id"
    told = await stack.rows(
        "SELECT data ->> 'threshold' FROM event WHERE account_id = $1 AND type = 'balance.alert' ORDER BY id", account
    )
    assert [row[0] for row in told] == ["100.00", "60.00", "10.00"]


async def test_the_worker_has_made_the_nightly_schedule(stack):
    client = await stack.temporal()
    found = []

    async def made() -> bool:
        found[:] = [one.id async for one in await client.list_schedules()]
        return RECOMMENDATIONS in found

    await stack.until(made, "the schedule", seen=found)
