"""D6: a method that was refused for good is not asked at each recharge that its back-up pays, until somebody acts."""

import pytest

from tests.workflows.auto_recharging import at_processor, bring_to, decline, episode_ended, put, ready, stands, tries
from tests.workflows.recharging import balance


async def lost(house):
    """A primary that is refused for good whenever it is asked, and a back-up that pays. Gives both cards."""
    primary = await ready(house)
    backup = await house.add_card("pm_card_mastercard")
    settings = {"payment_method": primary["id"], "backup_payment_method": backup["id"]}
    await put(house, **settings)
    await decline(house, "lost_card", times=9, method=await at_processor(house, primary))
    return primary, backup, settings


async def recharged(house):
    await bring_to(house, "20.00")
    await episode_ended(house)
    assert await balance(house) == ("70.00", "0.00")


async def asked(house):
    return [(one.trigger, one.method_id) for one in await tries(house)]


async def test_it_is_asked_once_however_often_the_back_up_pays(house):
    async with house.working():
        primary, backup, _ = await lost(house)
        for _ in range(3):
            await recharged(house)
        by_backup = ("backup", backup["id"])
        assert await asked(house) == [("first", primary["id"]), by_backup, by_backup, by_backup]
        told = [one["why"] for one in (await stands(house))["decisions"] if one["what"] == "charged"]
        assert "refused for good (lost_card)" in told[0]


@pytest.mark.parametrize("act", ["put", "own recharge"])
async def test_once_the_owner_has_acted_it_is_asked_again(house, act):
    async with house.working():
        primary, backup, settings = await lost(house)
        await recharged(house)
        if act == "put":
            await put(house, **settings)
        else:
            answer = await house.owner.post(
                f"/v1/accounts/{house.account.id}/recharges",
                json={"amount": "25.00", "payment_method": backup["id"]},
                headers={"Idempotency-Key": "by hand"},
            )
            assert answer.json()["status"] == "succeeded", answer.text
        await recharged(house)
        assert [method for _, method in await asked(house) if method == primary["id"]] == [primary["id"]] * 2


async def test_a_decline_that_may_pass_is_no_refusal(house):
    async with house.working():
        primary, backup, _ = await lost(house)
        await house.control("faults", method="DELETE")
        await decline(house, times=4, method=await at_processor(house, primary))
        await recharged(house)
        assert (await asked(house))[-1] == ("backup", backup["id"])
        await recharged(house)
        assert (await asked(house))[-1] == ("first", primary["id"])
