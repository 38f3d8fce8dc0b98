"""A recharge by bank debit, as business days pass: real workflow, database and sandbox; only time is skipped."""

import pytest
from tests.workflows.recharging import (
    ask,
    at_noon,
    balance,
    bank_on_file,
    charges,
    ended,
    row,
    shown,
    submitted,
    to_the_watchdog,
)

from rules.settlement import expected_on


async def test_settled_on_day_four_as_the_processor_says(house):
    async with house.working():
        bank = await bank_on_file(house)
        await at_noon(house)
        recharge = await ask(house, bank)
        found = await submitted(house, recharge)
        assert found.expected_on == expected_on(house.time).on
        assert (recharge["status"], await balance(house)) == ("processing", ("0.00", "50.00"))
        await house.pass_days(3)
        await house.control("clock", {"advance_business_days": 4})
        await house.deliver_events()
        assert await ended(house, recharge) == "succeeded"
        assert await balance(house) == ("50.00", "0.00")
        assert (await shown(house, recharge))["expected_on"] == found.expected_on.isoformat()
        assert [one.status for one in await charges(house)] == ["succeeded"]
        assert (await house.notices())[-1] == "recharge_settled"
        await house.record("recharge/settled_on_day_4", f"recharge/{recharge['id']}")
