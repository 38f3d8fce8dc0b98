"""E3, E4: the code on the statement verifies the bank account, once, whatever dies in between."""

import time

MANDATE = {"ip_address": "203.0.113.7", "user_agent": "Mozilla/5.0", "text_version": "2026-11"}


async def pending(stack, account):
    await stack.card(account)
    body = {
        "payment_method": "pm_usBankAccount_success",
        "mandate": MANDATE | {"accepted_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())},
    }
    made = await stack.ok("POST", f"/v1/accounts/{account}/bank_accounts", body)
    assert (made["status"], made["microdeposit_type"]) == ("verification_pending", "descriptor_code")
    return f"/v1/accounts/{account}/bank_accounts/{made['id']}"


async def test_a_wrong_code_then_the_right_one(stack):
    bank = await pending(stack, await stack.account())
    wrong = await stack.call("POST", f"{bank}/verify", {"code": "SM00AA"})
    assert (wrong.status_code, wrong.json()["code"], wrong.json()["attempts_left"]) == (422, "code_mismatch", 4)
    right = await stack.ok("POST", f"{bank}/verify", {"code": " 11aa "})
    assert (right["status"], right["mandate"]["status"]) == ("verified", "active")
    again = await stack.call("POST", f"{bank}/verify", {"code": "SM00BB"})
    assert (again.status_code, again.json()["code"]) == (409, "verification_not_pending")
    assert (await stack.ok("GET", bank))["status"] == "verified"


async def test_removing_it_ends_its_verification_and_frees_the_place(stack):
    account = await stack.account()
    bank = await pending(stack, account)
    assert (await stack.ok("DELETE", bank))["status"] == "removed"
    assert await pending(stack, account) != bank


async def test_a_return_blocks_it_by_the_processors_event(stack):
    account = await stack.account()
    await stack.card(account)
    bank = await stack.bank(account)
    made = await stack.recharge(account, bank)

    async def submitted():
        return [one["status"] for one in await stack.intents(made["id"])] == ["processing"]

    await stack.until(submitted, f"{made['id']} to be submitted")
    (intent,) = await stack.intents(made["id"])
    await stack.control(f"payment_intents/{intent['id']}/return", {"code": "R02"})
    path = f"/v1/accounts/{account}/bank_accounts/{bank}"

    async def blocked():
        return (await stack.ok("GET", path))["status"] == "blocked"

    await stack.until(blocked, f"{bank} to be blocked")
    assert (await stack.ok("GET", path))["status_reason"] == "R02"
    refused = await stack.ask(account, bank)
    assert (refused.status_code, refused.json()["code"]) == (409, "payment_method_not_usable")


async def test_the_worker_is_killed_and_the_code_that_was_sent_twice_is_one_try(own_stack):
    bank = await pending(own_stack, await own_stack.account())
    await own_stack.kill("worker")
    for _ in range(2):
        answer = await own_stack.call("POST", f"{bank}/verify", {"code": "SM00AA"})
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
    await own_stack.start("worker")

    async def told():
        answer = await own_stack.call("POST", f"{bank}/verify", {"code": "SM00AA"})
        return answer.status_code == 422 and answer.json()["attempts_left"] == 4

    await own_stack.until(told, "the one try to be answered")
    assert (await own_stack.ok("GET", bank))["attempts_left"] == 4
