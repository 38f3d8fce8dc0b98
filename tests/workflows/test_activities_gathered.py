"""Which activities a worker takes from its hands."""

from temporalio import activity

from activities.gathered import activities_of


class Hand:
    @activity.defn
    async def second(self) -> None: ...

    @activity.defn
    async def first(self) -> None: ...

    async def no_activity(self) -> None: ...


class Other:
    @activity.defn(name="else")
    async def third(self) -> None: ...


def test_every_decorated_method_and_no_other():
    hand, other = Hand(), Other()
    assert activities_of(hand, other) == [hand.first, hand.second, other.third]


def test_a_hand_without_activities_gives_none():
    assert activities_of(object()) == []
