"""A year of an account: usage and declines by chance, an owner who sometimes acts, workers that come and go.

Whatever comes, no card is asked too often, no limit is passed, no two recharges are in flight, each charge is credited
once, and auto-recharge never sleeps at or below the minimum while nothing stands in the way.
"""

from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from random import Random

import pytest
from sqlalchemy import select
from sqlmodel import col

import ledger
from models.auto_recharge import AutoRechargeDecision
from rules.recharge_limits import windows
from tests.workflows.auto_recharging import (
    MINUTE,
    available,
    bring_to,
    decline,
    episode,
    put,
    ready,
    recharges_of,
    seen,
    stands,
    tries,
    wait,
)
from tests.workflows.recharging import balance, charges, intents

TURNS = 18
DECLINES = [
    {"code": "insufficient_funds"},
    {"code": "generic_decline"},
    {"code": "do_not_honor", "advice_code": "try_again_later"},
    {"code": "card_decline_rate_limit_exceeded"},
    {"code": "insufficient_funds", "advice_code": "do_not_try_again"},
    {"code": "lost_card"},
]
AWAKE = {"charging", "retrying", "limited"}


class Year:
    """The account's year, as ``chance`` has it."""

    def __init__(self, house, seed: int) -> None:
        self.house = house
        self.chance = Random(seed)
        self.seed = seed
        self.anew: list[datetime] = []
        """When the owner acted: from here on another episode may begin."""
        self.manual = 0
        self.limits = {"daily": "200.00", "weekly": "450.00", "monthly": "900.00"} if seed % 2 else {}
        self.settings = {"minimum": "40.00", "amount": "50.00", "limits": self.limits}

    async def begin(self):
        self.card = await ready(self.house, start="300.00", **self.settings)
        if self.seed % 3 == 0:
            second = await self.house.add_card("pm_card_mastercard")
            self.settings |= {"payment_method": self.card["id"], "backup_payment_method": second["id"]}
            await self.put()

    async def put(self):
        await put(self.house, **self.settings)
        self.anew.append(self.house.time)

    async def by_hand(self):
        self.manual += 1
        await self.house.sync()
        answer = await self.house.owner.post(
            f"/v1/accounts/{self.house.account.id}/recharges",
            json={"amount": "60.00", "payment_method": self.card["id"]},
            headers={"Idempotency-Key": f"by hand {self.manual}"},
        )
        assert answer.status_code == 201, answer.text
        await self.house.hand_over()
        self.anew.append(self.house.time)

    async def turn(self):
        if self.chance.random() < 0.4:
            await decline(self.house, **self.chance.choice(DECLINES), times=self.chance.choice((1, 1, 2, 3, 9)))
        elif self.chance.random() < 0.5:
            await self.house.control("faults", method="DELETE")
        # At zero usage is refused (B1); what was under way may still take it below.
        left = await available(self.house)
        used = min(Decimal(self.chance.randrange(0, 9000)) / 100, max(left + 20, Decimal(0)))
        await bring_to(self.house, str(left - used))
        await self.owner()
        await self.awake()
        hours = self.chance.choice((1, 20, 100, 200, 336, 500))
        await wait(self.house, timedelta(hours=hours) + self.chance.randrange(60) * MINUTE)
        await self.awake()

    async def owner(self):
        act = self.chance.random()
        paused = (await stands(self.house))["state"] == "paused"
        if act < (0.4 if paused else 0.05):
            await self.put()
        elif act < (0.6 if paused else 0.1):
            await self.by_hand()

    async def awake(self):
        """At or below the minimum something is under way, or it is known what stands in the way."""

        async def read():
            return await stands(self.house), await self.house.get("balance")

        def settled(both):
            found, money = both
            total = Decimal(money["available"]) + Decimal(money["pending"])
            if found["state"] == "charging":
                return False  # by card that is a moment
            return found["state"] in {"paused", *AWAKE} or total > Decimal(self.settings["minimum"])

        found, _ = await seen(read, settled)
        if found["state"] in AWAKE:
            assert (await episode(self.house).describe()).status.name == "RUNNING"
        if found["state"] == "retrying":
            assert datetime.fromisoformat(found["next_attempt_at"]) > self.house.time - 5 * MINUTE


@pytest.mark.parametrize("seed", range(10))
async def test_a_year_of_an_account(house, seed):
    year = Year(house, seed)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(house.working(cache=0))
        await year.begin()
        began = house.time
        for number in range(TURNS):
            await year.turn()
            if number % 7 == 6:
                await stack.aclose()
                await stack.enter_async_context(house.working(cache=0))
        await wait(house, max(began + timedelta(days=365) - house.time, timedelta(0)))
        await year.awake()
    await proved(house, year)


async def proved(house, year):
    made = await recharges_of(house)
    assert len(made) >= 5, "something has happened"
    for before, after in pairwise(made):
        assert before.finished_at is not None
        assert before.finished_at <= after.created_at, "never two in flight"
    await no_storm(house, year, made)
    for one in made:
        if one.status == "succeeded":
            await within_limits(house, year, one)
    await every_charge_is_credited_once(house, made)


async def no_storm(house, year, made):
    """At most five confirms of the primary and one of the back-up in an episode, and never soon after a decline."""
    borders = sorted(
        [*year.anew, *await resumed(house)]
        + [one.finished_at for one in made if one.status == "succeeded"]
    )  # fmt: skip
    episodes: dict[int, list] = {}
    for one in await tries(house):
        if one.recharge_id in {found.id for found in made}:
            episodes.setdefault(sum(border <= one.created_at for border in borders), []).append(one)
    for tried in episodes.values():
        primary = [one for one in tried if one.trigger != "backup"]
        assert len(primary) <= 5
        assert len(tried) - len(primary) <= 1
    by_method: dict[str, list] = {}
    for tried in episodes.values():
        for one in tried:
            by_method.setdefault(one.method_id, []).append(one)
    for tried in by_method.values():
        ordered = sorted(tried, key=lambda one: one.created_at)
        for before, after in pairwise(ordered):
            if before.failure:
                span = after.created_at - before.ended_at
                assert span >= timedelta(minutes=15)
                if before.failure["code"] == "card_decline_rate_limit_exceeded":
                    assert span >= timedelta(hours=24)


async def resumed(house):
    async with house.database.transaction() as session:
        found = await session.scalars(
            select(col(AutoRechargeDecision.created_at)).where(
                col(AutoRechargeDecision.account_id) == house.account.id, col(AutoRechargeDecision.what) == "resumed"
            )
        )
        return list(found.all())


async def within_limits(house, year, one):
    counted = [
        other
        for other in await recharges_of(house) + await recharges_of(house, "manual")
        if other.status == "succeeded" and other.created_at <= one.created_at
    ]
    for name, window in windows(one.created_at, "UTC").items():
        if name in year.limits:
            used = sum(other.amount_cents for other in counted if other.created_at >= window.opens_at)
            assert used <= Decimal(year.limits[name]) * 100


async def every_charge_is_credited_once(house, made):
    everything = made + await recharges_of(house, "manual")
    paid = [one for one in everything if one.status == "succeeded"]
    taken = [one for one in await charges(house) if one.status == "succeeded"]
    assert sorted(one.charge for one in paid) == sorted(one.id for one in taken)
    assert len(await intents(house)) == len(everything)
    assert len(await charges(house)) <= len(await tries(house))
    _, pending = await balance(house)
    assert Decimal(pending) == sum(Decimal(one.amount_cents) / 100 for one in everything if one.finished_at is None)
    async with house.database.transaction() as session:
        assert await ledger.verify(session) == []
