"""A 500 that the processor keeps under its idempotency key ends no verification and makes nobody wait for a day."""

from store import bank_accounts, bank_attempts


async def test_the_setup_and_the_code(house):
    async with house.working():
        await house.add_card()
        for path in ("/v1/setup_intents", "*/verify_microdeposits"):
            await house.control("faults", {"method": "POST", "path": path, "kind": "error", "status": 500, "times": 1})
        bank = await house.add_bank()
        assert bank["microdeposit_type"] == "descriptor_code"
        answer = await house.post(f"bank_accounts/{bank['id']}/verify", {"code": "SM11AA"})
        assert (answer.status_code, answer.json()["status"]) == (200, "verified")
        assert all(one["fired"] == 1 for one in (await house.control("faults", method="GET"))["data"])
        setups = [one async for one in (await house.stripe.v1.setup_intents.list_async()).auto_paging_iter()]
        assert [one.status for one in setups] == ["succeeded"]
        async with house.database.transaction() as session:
            found = await bank_accounts.get(session, account_id=house.account.id, bank_id=bank["id"])
            tries = await bank_attempts.of_bank(session, found)
        assert [one.answer for one in tries] == ["verified"]
