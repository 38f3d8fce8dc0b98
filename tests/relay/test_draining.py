"""A loop asks again at once only where there may be more, and is woken for what was written since."""

import asyncio

from relay.draining import drain
from store.database import Listener


class Steps:
    """Gives ``moved`` one after another, then nothing; notes how many times it was asked."""

    def __init__(self, *moved: int) -> None:
        self.moved = list(moved)
        self.asked = 0
        self.idle = asyncio.Event()

    async def __call__(self) -> int:
        self.asked += 1
        moved = self.moved.pop(0) if self.moved else 0
        if not self.moved:
            self.idle.set()
        return moved


async def asked(steps: Steps, *, batch: int, meanwhile=None) -> int:
    """How many times until it waits: it would look again by itself in an hour."""
    listener = Listener("postgresql://nowhere")
    if meanwhile is not None:
        steps.idle.clear()
    loop = asyncio.create_task(drain(channel="c", listener=listener, step=steps, batch=batch, look_again=3600))
    await steps.idle.wait()
    for _ in range(10):
        await asyncio.sleep(0)
    if meanwhile is not None:
        await meanwhile(listener)
        for _ in range(10):
            await asyncio.sleep(0)
    loop.cancel()
    await asyncio.gather(loop, return_exceptions=True)
    return steps.asked


async def test_whole_batches_are_followed_by_another_look_and_the_rest_is_waited_for():
    assert await asked(Steps(20, 20, 7), batch=20) == 3
    assert await asked(Steps(20, 20, 0), batch=20) == 3


async def test_one_at_a_time_ends_with_a_look_that_finds_nothing():
    assert await asked(Steps(1, 1), batch=1) == 3


async def test_what_is_told_while_it_rests_or_works_is_looked_for():
    async def told(listener: Listener) -> None:
        listener._heard(None, 0, "c", "id")

    assert await asked(Steps(7), batch=20, meanwhile=told) == 2

    class Telling(Steps):
        async def __call__(self) -> int:
            if self.asked == 0:
                self.listener._heard(None, 0, "c", "id")  # after the claim, before the wait
            return await super().__call__()

    steps = Telling(7)
    steps.listener = Listener("postgresql://nowhere")
    loop = asyncio.create_task(drain(channel="c", listener=steps.listener, step=steps, batch=20, look_again=3600))
    for _ in range(20):
        await asyncio.sleep(0)
    loop.cancel()
    await asyncio.gather(loop, return_exceptions=True)
    assert steps.asked == 2
