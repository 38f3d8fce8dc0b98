"""D3: what may be charged at once bounds each try, the back-up's too: a mandate is never gone beyond."""

import pytest
from sqlalchemy import update
from sqlmodel import col

from models.mandate import Mandate
from rules.mandate_text import amount_rule
from tests.workflows.auto_recharging import (
    at_processor,
    bring_to,
    decline,
    episode_ended,
    put,
    ready,
    recharges_of,
    seen,
    stands,
    tries,
)
from tests.workflows.recharging import at_noon, balance, bank_on_file


async def allow(house, cents):
    """The customer's mandate as if they had accepted another bound."""
    async with house.database.transaction() as session:
        rule = amount_rule(largest_cents=cents)
        await session.execute(
            update(Mandate).where(col(Mandate.account_id) == house.account.id).values(amount_rule=rule)
        )


async def with_a_bank_behind_the_card(house):
    """A card that is lost at its first try, and a bank account as its back-up."""
    bank = await bank_on_file(house)
    card = (await house.get("cards"))["data"][0]
    await bring_to(house, "100.00")
    await put(house, payment_method=card["id"], backup_payment_method=bank["id"])
    await at_noon(house)
    await decline(house, "lost_card", method=await at_processor(house, card))
    return bank


@pytest.mark.parametrize("cents", [5_000, 1_000_000])
async def test_a_back_up_whose_mandate_allows_the_amount_is_debited(house, cents):
    async with house.working():
        bank = await with_a_bank_behind_the_card(house)
        await allow(house, cents)
        await bring_to(house, "20.00")
        await seen(lambda: tries(house), lambda found: [one.outcome for one in found][-1:] == ["processing"])
        assert [one.method_id for one in await tries(house)][1:] == [bank["id"]]
        assert await balance(house) == ("20.00", "50.00")


async def test_a_back_up_whose_mandate_allows_less_is_not(house):
    async with house.working():
        await with_a_bank_behind_the_card(house)
        await allow(house, 4_999)
        await bring_to(house, "20.00")
        await episode_ended(house)
        assert len(await tries(house)) == 1
        shown = await stands(house)
        assert (shown["state"], shown["paused_reason"]) == ("paused", "lost_card")


async def test_an_amount_above_what_may_be_charged_now_pauses_and_charges_nothing(house, monkeypatch):
    """The deployment's bound was lowered after the owner had chosen."""
    async with house.working():
        await ready(house)
    monkeypatch.setattr(house.settings, "max_recharge", "49.99")
    async with house.working():
        await bring_to(house, "20.00")
        await episode_ended(house)
        shown = await stands(house)
        assert (shown["state"], shown["paused_reason"]) == ("paused", "amount_too_large")
        assert "$49.99" in shown["why"]
        assert await recharges_of(house) == []
        assert (await balance(house))[1] == "0.00"
