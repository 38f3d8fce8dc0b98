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

    One batch at a time, of at most ``most``. A caller that goes away does not stop the batch.
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
        self.batches = 0

    @property
    def waiting(self) -> int:
        """How many callers wait for the next batch."""
        return len(self._waiting)

    async def ask(self, asked: Asked) -> Answer:
        """The answer to ``asked``. Raises OverloadedError, or the error that ``work`` gave for it."""
        if len(self._waiting) >= self._most_waiting:
            raise OverloadedError(f"{len(self._waiting)} are waiting")
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, future))
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return await future

    async def close(self) -> None:
        """Wait until everything that was asked for is answered."""
        while self._task is not None:
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        try:
            while self._waiting:
                size = min(len(self._waiting), self._most)
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
