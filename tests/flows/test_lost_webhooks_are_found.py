"""Decision 5: every webhook is lost, and the payment ends all the same: the poller reads the processor's list."""


async def test_a_bank_debit_settles_without_any_webhook(stack):
    async with stack.no_webhooks():
        account = await stack.account()
        await stack.card(account)
        made = await stack.recharge(account, await stack.bank(account))
        intent = await stack.until_intent(made["id"], "processing")
        await stack.control(f"payment_intents/{intent['id']}/settle", {})
        await stack.until_status(account, made["id"], "succeeded")
        assert await stack.balance(account) == ("50.00", "0.00")
        told = [one for one in await stack.listed("/events") if one["data"]["object"]["id"] == intent["id"]]
        assert len(told) == 3
        await stack.until_row(
            "the poller to have found them all",
            "SELECT count(*) = 3 FROM inbox WHERE id = ANY($1)", [one["id"] for one in told],
        )  # fmt: skip


async def test_a_payment_that_needs_the_customer_ends_without_any_webhook(stack):
    async with stack.no_webhooks():
        account = await stack.account()
        made = await stack.recharge(account, await stack.card(account, "pm_card_authenticationRequired"))
        assert made["status"] == "requires_action"
        await stack.http.get(made["action_url"])
        intent = await stack.until_intent(made["id"], "requires_action")
        await stack.control(f"payment_intents/{intent['id']}/authenticate", {"outcome": "succeed"})
        await stack.until_status(account, made["id"], "succeeded")
    assert await stack.credits(account) == 1
