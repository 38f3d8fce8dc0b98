"""Inbox rows to the workflow they concern: the relay only says "look", an activity acts (decision 5)."""

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from models.hand_off import Inbox
from relay.matching import Verdict, match
from store import inbox, notices
from store.database import Database

log = structlog.get_logger()
BATCH = 50
CALL_SECONDS = 5.0


class InboxRelay:
    """Hands on what the processor told us; several may run side by side."""

    def __init__(self, *, database: Database, client: Client, now: Callable[[], datetime]) -> None:
        self._database = database
        self._client = client
        self._now = now

    async def step(self) -> int:
        """Hand on one batch; how many events are dealt with."""
        dealt_with = 0
        async with self._database.transaction() as session:
            for row in await inbox.claim(session, now=self._now(), limit=BATCH):
                dealt_with += await self._deal_with(session, row)
        return dealt_with

    async def _deal_with(self, session: AsyncSession, row: Inbox) -> bool:
        verdict = await match(session, row, now=self._now())
        if verdict.signal is not None and not await self._signal(verdict.signal):
            # The workflow is not there: not started yet, or it ended a moment ago. What is true then is read again.
            verdict = Verdict(state=None)
        if verdict.state is None and not inbox.put_off(row, now=self._now()):
            verdict = Verdict(state="unmatched")
        if verdict.state is not None:
            inbox.settle(row, state=verdict.state, now=self._now())
        if verdict.state in {"kept", "unmatched"}:
            await notices.add(
                session, account_id=verdict.account_id, kind=f"event_{verdict.state}", cause=row.id,
                audience="operators", facts={"event": row.id}, now=self._now(),
            )  # fmt: skip
        session.add(row)
        await session.flush()
        return verdict.state is not None

    async def _signal(self, workflow_id: str) -> bool:
        """Whether a running workflow took the signal."""
        try:
            async with asyncio.timeout(CALL_SECONDS):
                await self._client.get_workflow_handle(workflow_id).signal("look")
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                log.warning("inbox_put_off", workflow_id=workflow_id, error=type(error).__name__)
            return False
        except (RuntimeError, TimeoutError) as error:
            log.warning("inbox_put_off", workflow_id=workflow_id, error=type(error).__name__)
            return False
        return True
