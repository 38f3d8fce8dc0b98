"""Outbox rows to Temporal: each handed over under an id of ours, so that twice has one effect (decision 6)."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog
from temporalio.client import Client
from temporalio.service import RPCError

from models.outbox import Outbox
from store import outbox
from store.database import Database
from workflows.starting import hand_over

log = structlog.get_logger(__name__)
BATCH = 20
CALL_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a row must be tried again; ``outage`` when that is no fault of the row."""

    error: str
    outage: bool


class OutboxRelay:
    """Hands over what waits; several may run side by side."""

    def __init__(self, *, database: Database, client: Client, task_queue: str, now: Callable[[], datetime]) -> None:
        self._database = database
        self._client = client
        self._task_queue = task_queue
        self._now = now

    async def step(self) -> int:
        """Hand over one batch; how many rows left the outbox."""
        return (await self._batch())[1]

    async def hand_on(self) -> int:
        """The same, but nothing where fewer than a batch were due: what has been written since wakes (``drain``)."""
        due, left = await self._batch()
        return left if due == BATCH else 0

    async def _batch(self) -> tuple[int, int]:
        """How many rows were due, and how many of them left."""
        async with self._database.transaction() as session:
            rows = await outbox.claim(session, now=self._now(), limit=BATCH)
            refusals = await asyncio.gather(*(self._hand_over(row) for row in rows))
            done = [row.id for row, refusal in zip(rows, refusals, strict=True) if refusal is None]
            if done:
                await outbox.handed(session, done, now=self._now())
            for row, refusal in zip(rows, refusals, strict=True):
                if refusal is not None:
                    await outbox.put_off(
                        session, row, error=refusal.error, outage=refusal.outage, now=self._now()
                    )  # fmt: skip
        return len(rows), len(done)

    async def _hand_over(self, row: Outbox) -> Refusal | None:
        """None, or why it must be tried again: a poisoned row stops no other one."""
        try:
            async with asyncio.timeout(CALL_SECONDS):
                await hand_over(
                    self._client,
                    kind=row.kind,
                    workflow_id=row.workflow_id,
                    arguments=row.arguments,
                    task_queue=self._task_queue,
                )
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one row, the others go on
            name = type(error).__name__
            outage = isinstance(error, RPCError | RuntimeError | TimeoutError)
            log.warning("outbox_put_off", outbox_id=row.id, kind=row.kind, attempt=row.tries + 1, error=name)
            return Refusal(f"{name}: {error}", outage)
        return None
