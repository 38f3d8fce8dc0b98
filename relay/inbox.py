"""Inbox rows to the workflow they concern: the relay only says "look", an activity acts (decision 5)."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Literal

import structlog
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from models.inbox import Inbox
from relay.matching import Verdict, match
from store import auto_recharge, inbox, notices, recharges
from store.database import Database, is_outage

log = structlog.get_logger(__name__)
BATCH = 100
CALL_SECONDS = 5.0
OUTAGE_WAIT_SECONDS = 4
Heard = Literal["heard", "nobody", "outage"]


class InboxRelay:
    """Hands on what the processor told us; several may run side by side."""

    def __init__(self, *, database: Database, client: Client, now: Callable[[], datetime]) -> None:
        self._database = database
        self._client = client
        self._now = now

    async def step(self) -> int:
        """Hand on one batch; how many events are dealt with.

        Several events for one workflow are one signal: it looks after the last of them.
        """
        async with self._database.transaction() as session:
            rows = await inbox.claim(session, now=self._now(), limit=BATCH)
            verdicts = [await self._judge(session, row) for row in rows]
            wanted = sorted({verdict.signal for verdict in verdicts if verdict.signal is not None})
            heard = dict(zip(wanted, await asyncio.gather(*map(self._signal, wanted)), strict=True))
            await self._wake(session, verdicts, heard)
            ends = [
                await self._end(session, row, verdict, heard=heard.get(verdict.signal or "", "heard"))
                for row, verdict in zip(rows, verdicts, strict=True)
            ]
        return sum(ends)

    async def _judge(self, session: AsyncSession, row: Inbox) -> Verdict:
        """What to do with the event; one that cannot be read stops no other, and is told to operators after a day."""
        try:
            async with session.begin_nested():
                return await match(session, row, now=self._now())
        except Exception as error:
            if is_outage(error):
                raise
            log.exception("inbox_event_unreadable", event_id=row.id, kind=row.type)
            return Verdict(None)

    async def _end(self, session: AsyncSession, row: Inbox, verdict: Verdict, *, heard: Heard) -> bool:
        """Settle the event or put it off; whether it is dealt with."""
        # Nobody there: the workflow is not started yet, or ended a moment ago. What is true then is read again.
        state = verdict.state if heard == "heard" else None
        if state is None and heard != "outage" and inbox.waited_enough(row, now=self._now()):
            state = "unmatched"
        if state is not None and not await self._told(session, row, verdict, state=state):
            state = None
        if state is not None:
            inbox.settle(row, state=state, now=self._now())
        elif heard == "outage":
            inbox.put_off(row, now=self._now(), longest_seconds=OUTAGE_WAIT_SECONDS)
        else:
            inbox.put_off(row, now=self._now())
        session.add(row)
        return state is not None

    async def _told(self, session: AsyncSession, row: Inbox, verdict: Verdict, *, state: str) -> bool:
        """Tell operators of what is kept for them, once for each happening; False when that must be tried again."""
        if state not in {"kept", "unmatched"} or (state == "kept" and verdict.happening is None):
            return True
        facts = {"event": row.id} | ({"recharge": verdict.recharge_id} if verdict.recharge_id else {})
        try:
            async with session.begin_nested():
                await notices.add(
                    session, account_id=verdict.account_id, kind=f"event_{state}", cause=verdict.happening or row.id,
                    audience="operators", facts=facts, now=self._now(),
                )  # fmt: skip
        except Exception as error:
            if is_outage(error):
                raise
            log.exception("inbox_event_untold", event_id=row.id, kind=row.type)
            return False
        return True

    async def _wake(self, session: AsyncSession, verdicts: list[Verdict], heard: dict[str, Heard]) -> None:
        """Wake the auto-recharge of an account whose open recharge nobody carries any more: its run was lost."""
        nobody = {workflow_id for workflow_id, answer in heard.items() if answer == "nobody"}
        accounts = {verdict.account_id for verdict in verdicts if verdict.account_id and verdict.signal in nobody}
        lost = {one for one in accounts if recharges.workflow_of(kind="auto", account_id=one, recharge_id="") in nobody}
        for account_id in sorted(lost):
            await auto_recharge.wake(session, account_id, now=self._now())

    async def _signal(self, workflow_id: str) -> Heard:
        """Tell the workflow to look; ``nobody`` when none of that id runs."""
        try:
            async with asyncio.timeout(CALL_SECONDS):
                await self._client.get_workflow_handle(workflow_id).signal("look")
        except (RPCError, RuntimeError, TimeoutError) as error:
            if isinstance(error, RPCError) and error.status is RPCStatusCode.NOT_FOUND:
                return "nobody"
            log.warning("inbox_put_off", workflow_id=workflow_id, error=type(error).__name__)
            return "outage"
        return "heard"
