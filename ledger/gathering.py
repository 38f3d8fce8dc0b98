"""Group work: while one batch is under way, what is asked for gathers for the next. The first to ask never waits."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")

MOST = 1_000
MOST_WAITING = 5_000


class OverloadedError(Exception):
    """More is waiting than can be answered soon. Nothing was begun for this caller, who may come again."""


class Gathering(Generic[Asked, Answer]):
    """Answers many callers with one call of ``work``, which gives an answer or an error for each thing asked.

    One batch at a time, of at most ``most``. A caller that goes away does not stop a batch that has others in it. Where
    callers come one by one, each does the work in its own task: two turns of the event loop less.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Asked]], Awaitable[Sequence[Answer | BaseException]]],
        *,
        most: int = MOST,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self._work = work
        self._most = most
        self._most_waiting = most_waiting
        self._waiting: deque[tuple[Asked, asyncio.Future[Answer]]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._alone: asyncio.Future[None] | None = None
        self._size = 1
        """Of the last batch: whoever comes after a large one may bring others along in the same turn."""
        self.batches = 0

    @property
    def waiting(self) -> int:
        """How many callers wait for the next batch."""
        return len(self._waiting)

    async def ask(self, asked: Asked) -> Answer:
        """The answer to ``asked``. Raises OverloadedError, or the error that ``work`` gave for it."""
        if len(self._waiting) >= self._most_waiting:
            raise OverloadedError(f"{len(self._waiting)} are waiting")
        idle = self._task is None and self._alone is None
        if idle and self._size == 1:
            return await self._ask_alone(asked)
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, future))
        if idle:
            self._task = asyncio.create_task(self._run())
        return await future

    async def close(self) -> None:
        """Wait until everything that was asked for is answered."""
        while (under_way := self._alone or self._task) is not None:
            await asyncio.wait([under_way])

    async def _ask_alone(self, asked: Asked) -> Answer:
        self._alone = over = asyncio.get_running_loop().create_future()
        self.batches += 1
        try:
            (answer,) = await self._work([asked])
        finally:
            self._alone = None
            over.set_result(None)
            if self._waiting:
                self._task = asyncio.create_task(self._run())
        if isinstance(answer, BaseException):
            raise answer
        return answer

    async def _run(self) -> None:
        try:
            while self._waiting:
                self._size = size = min(len(self._waiting), self._most)
                batch = [self._waiting.popleft() for _ in range(size)]
                self.batches += 1
                answers: Sequence[Answer | BaseException]
                try:
                    answers = await self._work([asked for asked, _ in batch])
                except Exception as error:  # noqa: BLE001 - it is raised at every caller
                    answers = [error] * size
                for (_, future), answer in zip(batch, answers, strict=True):
                    if future.done():  # its caller went away
                        continue
                    if isinstance(answer, BaseException):
                        future.set_exception(answer)
                    else:
                        future.set_result(answer)
        finally:
            self._task = None
