"""One act on the world, whole or not at all, at one moment of the banking clock."""

from collections.abc import Callable
from typing import TypeVar

from sandbox.stripe import due
from sandbox.stripe.errors import StripeError
from sandbox.stripe.world import World

T = TypeVar("T")


def perform(world: World, act: Callable[[], T]) -> T:
    """Do everything due by now, then ``act``; what an error with ``keeps`` left behind stays, all else is undone."""
    due.catch_up(world)
    with world.store.transaction():
        world.hold(world.clock.read())
        try:
            done, kept = act(), None
        except StripeError as error:
            if not error.keeps:
                raise
            done, kept = None, error
        finally:
            world.keep_clock()
            world.hold(None)
    if kept is not None:
        raise kept
    return done  # pyright: ignore[reportReturnType] - None only where ``kept`` was raised
