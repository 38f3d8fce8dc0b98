"""The door's own try to hand an outbox row over: the relay starts what this missed (decision 6)."""

import asyncio

import structlog

from api.context import Context
from models.recharge import Recharge
from store import auto_recharge, outbox
from workflows.starting import hand_over

log = structlog.get_logger("api")
HAND_OVER_SECONDS = 2.0
REST_SECONDS = 2.0


async def hand_over_now(context: Context, outbox_id: str | None) -> None:
    """Hand over the committed row ``outbox_id``. Failing is no failure: what was committed goes on by itself.

    After a failure the next seconds' rows are left to the relay untried: behind a Temporal that does not answer, each
    try would keep a connection of the database from those who need it.
    """
    clock = asyncio.get_running_loop().time
    if outbox_id is None or clock() < context.hands_off_until:
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
    except Exception as error:  # noqa: BLE001 - the row is committed: whatever this is, the relay has it next
        context.hands_off_until = clock() + REST_SECONDS
        log.warning("left_to_the_relay", outbox_id=outbox_id, error=type(error).__name__)


async def wake_its_run(context: Context, row: Recharge) -> None:
    """Let an automatic recharge that no run answers for be taken up: its run was lost, or has not begun yet."""
    if row.kind != "auto":
        return
    async with context.database.transaction() as session:
        outbox_id = await auto_recharge.wake(session, row.account_id, now=context.now())
    await hand_over_now(context, outbox_id)
