"""D2: the minimum is reached while a part is down: usage goes on, and the recharge comes by itself, once."""

import pytest


@pytest.fixture
async def reached(wired):
    """From an account at 30.00 to one recharge, with what is down and what brings it up again."""
    stack = wired.stack
    account = await stack.recharging("30.00", minimum="20.00", amount="25.00")

    async def reach(*, down, up):
        await down()
        await stack.used(account, "11.00")
        await stack.used(account, "1.00")
        assert await stack.credits(account) == 0
        await up()
        await stack.until_available(account, "43.00")
        recharge, = await stack.recharges(account)  # fmt: skip
        assert (recharge["kind"], recharge["amount"], recharge["status"]) == ("auto", "25.00", "succeeded")
        assert len(await stack.charges(recharge["id"])) == 1, "charges counted at the processor"
        assert await stack.credits(account) == 1
        assert (await stack.auto(account))["state"] == "watching"

    return reach


async def test_no_worker(wired, reached):
    await reached(down=lambda: wired.stack.kill("worker"), up=lambda: wired.stack.start("worker"))


async def test_temporal_swallows_everything(wired, reached):
    await reached(down=lambda: wired.temporal.set("swallow"), up=lambda: wired.temporal.set("pass"))


async def test_the_processor_answers_with_errors(wired, reached):
    stack = wired.stack

    async def down():
        await stack.control("faults", {"path": "/v1/*", "kind": "error", "status": 500, "rate": 1.0})

    await reached(down=down, up=lambda: stack.control("faults", method="DELETE"))


async def test_the_processor_is_not_reached(wired, reached):
    await reached(down=lambda: wired.sandbox.set("refuse"), up=lambda: wired.sandbox.set("pass"))


async def test_no_mail_server(wired):
    """What is told does not stand in the way of what is paid."""
    stack = wired.stack
    account = await stack.recharging("30.00", minimum="20.00", amount="25.00")
    await wired.smtp.set("refuse")
    await stack.used(account, "11.00")
    await stack.until_available(account, "44.00")
    await wired.smtp.set("pass")
    told = "SELECT count(*) FROM notice WHERE account_id = $1 AND kind = 'recharge_settled' AND state = 'sent'"
    await stack.until_row("its mail", told, account)
    assert len(await stack.payments(account)) == 1


async def test_postgres_goes_away_in_the_middle(wired):
    stack = wired.stack
    account = await stack.recharging("30.00", minimum="20.00", amount="25.00")
    hold = wired.gate.hold("POST", r"/v1/payment_intents/pi_\w+/confirm", "after")
    await stack.used(account, "11.00")
    await hold.reached.wait()
    await wired.postgres.set("refuse")
    wired.gate.release()
    answer = await stack.use(account, "0.01")
    assert answer.status_code == 503, "the book is away: nothing is charged"
    await wired.postgres.set("pass")
    await stack.until_available(account, "44.00")
    (recharge,) = await stack.recharges(account)
    assert len(await stack.charges(recharge["id"])) == 1
    assert await stack.credits(account) == 1
