"""Outbox rows to Temporal: each handed over under an id of ours, so that twice has one effect (decision 6)."""

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog
from temporalio.client import Client
from temporalio.service import RPCError

from models.hand_off import Outbox
from store import outbox
from store.database import Database
from workflows.starting import hand_over

log = structlog.get_logger()
BATCH = 20
CALL_SECONDS = 5.0


class OutboxRelay:
    """Hands over what waits; several may run side by side."""

    def __init__(self, *, database: Database, client: Client, task_queue: str, now: Callable[[], datetime]) -> None:
        self._database = database
        self._client = client
        self._task_queue = task_queue
        self._now = now

    async def step(self) -> int:
        """Hand over one batch; how many rows left the outbox."""
        async with self._database.transaction() as session:
            rows = await outbox.claim(session, now=self._now(), limit=BATCH)
            errors = await asyncio.gather(*(self._hand_over(row) for row in rows))
            done = [row.id for row, error in zip(rows, errors, strict=True) if error is None]
            if done:
                await outbox.handed(session, done, now=self._now())
            for row, error in zip(rows, errors, strict=True):
                if error is not None:
                    await outbox.put_off(session, row, error=error, now=self._now())
        return len(done)

    async def _hand_over(self, row: Outbox) -> str | None:
        """None, or why it must be tried again."""
        try:
            async with asyncio.timeout(CALL_SECONDS):
                await hand_over(
                    self._client,
                    kind=row.kind,
                    workflow_id=row.workflow_id,
                    arguments=row.arguments,
                    task_queue=self._task_queue,
                )
        except (RPCError, RuntimeError, TimeoutError, KeyError, TypeError) as error:
            log.warning(
                "outbox_put_off", outbox_id=row.id, kind=row.kind, attempt=row.tries + 1, error=type(error).__name__
            )
            return f"{type(error).__name__}: {error}"
        return None
