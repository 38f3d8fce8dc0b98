"""Group work: the first goes at once, the rest gathers; nobody's fault or absence is another's."""

import asyncio

import pytest

from ledger.gathering import Gathering, OverloadedError


class Work:
    """Answers with the doubled number when it is let; keeps the batches."""

    def __init__(self):
        self.batches = []
        self.let = asyncio.Event()
        self.began = asyncio.Event()

    async def __call__(self, asked):
        self.batches.append(list(asked))
        self.began.set()
        await self.let.wait()
        return [ValueError(f"{number}") if number < 0 else number * 2 for number in asked]


async def test_what_comes_while_one_batch_is_under_way_is_the_next():
    work = Work()
    group = Gathering(work, most=3)
    first = asyncio.create_task(group.ask(1))
    await work.began.wait()
    rest = [asyncio.create_task(group.ask(number)) for number in range(2, 7)]
    await asyncio.sleep(0)
    assert group.waiting == 5
    work.let.set()
    assert await first == 2
    assert await asyncio.gather(*rest) == [4, 6, 8, 10, 12]
    assert work.batches == [[1], [2, 3, 4], [5, 6]]
    await group.close()


async def test_an_error_is_its_own_callers():
    work = Work()
    work.let.set()
    group = Gathering(work)
    answers = await asyncio.gather(group.ask(1), group.ask(-2), group.ask(3), return_exceptions=True)
    assert answers[0::2] == [2, 6]
    assert isinstance(answers[1], ValueError)


async def test_a_batch_that_fails_as_a_whole_is_told_to_all_and_the_next_goes_on():
    async def work(asked):
        await asyncio.sleep(0)
        if 13 in asked:
            raise RuntimeError("no")
        return asked

    group = Gathering(work)
    answers = await asyncio.gather(*map(group.ask, (0, 1, 13)), return_exceptions=True)
    assert answers[0] == 0
    assert [type(answer) for answer in answers[1:]] == [RuntimeError, RuntimeError]
    assert await group.ask(2) == 2
    with pytest.raises(RuntimeError):
        await group.ask(13)
    assert await group.ask(3) == 3
    await group.close()


async def test_a_caller_that_goes_away_does_not_stop_the_batch():
    work = Work()
    group = Gathering(work)
    asked = [asyncio.create_task(group.ask(number)) for number in (1, 2, 3)]
    await work.began.wait()
    work.began.clear()
    work.let.set()
    assert await asked[0] == 2
    work.let.clear()
    await work.began.wait()
    asked[1].cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked[1]
    work.let.set()
    assert await asked[2] == 6
    assert work.batches == [[1], [2, 3]]


async def test_one_who_is_alone_and_goes_away_leaves_the_way_free():
    work = Work()
    group = Gathering(work)
    gone, stays = asyncio.create_task(group.ask(1)), asyncio.create_task(group.ask(2))
    await work.began.wait()
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    work.let.set()
    assert await stays == 4
    assert work.batches == [[1], [2]]
    await group.close()


async def test_those_who_come_together_go_together_but_for_the_first():
    """After a batch of many its callers come again in one turn: nobody goes ahead alone then."""
    sizes = []

    async def work(asked):
        sizes.append(len(asked))
        await asyncio.sleep(0)
        return asked

    async def caller(number):
        for _ in range(3):
            await group.ask(number)

    group = Gathering(work)
    await asyncio.gather(*map(caller, range(8)))
    assert sizes[0] == 1
    assert len(sizes) <= 6
    assert sum(sizes) == 24


async def test_closing_waits_for_one_who_is_alone():
    work = Work()
    group = Gathering(work)
    asked = asyncio.create_task(group.ask(1))
    await work.began.wait()
    closing = asyncio.create_task(group.close())
    await asyncio.sleep(0)
    assert not closing.done()
    work.let.set()
    await closing
    assert asked.done() or await asked == 2


async def test_too_many_waiting_are_turned_away_before_anything_is_begun():
    work = Work()
    group = Gathering(work, most_waiting=2)
    first = asyncio.create_task(group.ask(1))
    await work.began.wait()
    waiting = [asyncio.create_task(group.ask(number)) for number in (2, 3)]
    await asyncio.sleep(0)
    with pytest.raises(OverloadedError):
        await group.ask(4)
    work.let.set()
    assert await asyncio.gather(first, *waiting) == [2, 4, 6]
    assert await group.ask(5) == 10
    assert work.batches == [[1], [2, 3], [5]]
