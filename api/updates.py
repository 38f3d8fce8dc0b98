"""Workflow updates from the door: an answer within five seconds, or a 503 after which the same request joins."""

import asyncio
from typing import Any
from uuid import uuid4

import structlog
from temporalio.client import WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from api.context import Context
from rules.problems import Problem

log = structlog.get_logger("api")
PATIENCE_SECONDS = 5.0
RETRY_AFTER_SECONDS = 5
_ENDED_MEANWHILE = "AcceptedUpdateCompletedWorkflow"


async def update(
    context: Context, *, workflow_id: str, name: str, argument: object | None = None, update_id: str | None = None
) -> str | None:
    """What the running workflow answers to the update ``name``; None when none runs that carries what is asked for.

    With an ``update_id`` of our rows, sending it again has one effect. Raises Problem ``unavailable`` when no worker
    answers in time; the update may still run then.
    """
    client = await context.temporal()
    handle: Any = client.get_workflow_handle(workflow_id)
    arguments = [] if argument is None else [argument]
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await handle.execute_update(
                name, args=arguments, id=update_id or uuid4().hex, result_type=str | None
            )
    except WorkflowUpdateFailedError as error:
        if isinstance(error.cause, ApplicationError) and error.cause.type == _ENDED_MEANWHILE:
            return None
        log.exception("update_failed", workflow_id=workflow_id)
        raise
    except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError) as error:
        raise _unanswered() from error
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise _unanswered() from error
    except RuntimeError as error:
        raise _unanswered() from error


def _unanswered() -> Problem:
    return Problem(
        "unavailable", "No worker has answered yet; the same request again joins this one.",
        retry_after_seconds=RETRY_AFTER_SECONDS,
    )  # fmt: skip
