"""The door's own try to hand an outbox row over: the relay starts what this missed (decision 6)."""

import asyncio

import structlog
from temporalio.service import RPCError

from api.context import Context
from rules.problems import Problem
from store import outbox
from store.database import DatabaseUnavailableError
from workflows.starting import hand_over

log = structlog.get_logger("api")
HAND_OVER_SECONDS = 2.0


async def hand_over_now(context: Context, outbox_id: str | None) -> None:
    """Hand over the committed row ``outbox_id``. Failing is no failure: what was committed goes on by itself."""
    if outbox_id is None:
        return
    try:
        async with asyncio.timeout(HAND_OVER_SECONDS):
            client = await context.temporal()
            async with context.database.transaction() as session:
                row = await outbox.claim_one(session, outbox_id)
                if row is None:
                    return
                await hand_over(
                    client,
                    kind=row.kind,
                    workflow_id=row.workflow_id,
                    arguments=row.arguments,
                    task_queue=context.settings.task_queue,
                )
                await outbox.handed(session, [row.id], now=context.now())
    except (Problem, RPCError, RuntimeError, TimeoutError, DatabaseUnavailableError) as error:
        log.warning("left_to_the_relay", outbox_id=outbox_id, error=type(error).__name__)
