"""Figures of what waits to be handed on, beside the worker's other metrics."""

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog
from temporalio.common import MetricGauge, MetricMeter

from store import backlog, hold_expiry, webhook_deliveries
from store.backlog import Backlog
from store.database import Database

log = structlog.get_logger(__name__)
EVERY_SECONDS = 10.0


class Watch:
    """Gauges ``prepay_outbox_…``, ``prepay_inbox_…`` and ``prepay_crossings_…``.

    Each box has three: rows that wait, were put off, and the oldest one's age.

    ``prepay_webhooks_pending`` and ``…_retried``: deliveries that have not arrived, and those of them that were tried.
    ``prepay_holds_overdue…``: holds that have expired and were not freed yet, and since when.
    """

    def __init__(self, *, database: Database, meter: MetricMeter, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now
        self._gauges = {box: _gauges(meter, box) for box in ("outbox", "inbox", "crossings")}
        self._pending = meter.create_gauge("prepay_webhooks_pending", "Deliveries of events that have not arrived")
        self._retried = meter.create_gauge("prepay_webhooks_retried", "Those of them that were tried at least once")
        self._overdue = meter.create_gauge("prepay_holds_overdue", "Expired holds that still keep their money")
        self._overdue_seconds = meter.create_gauge("prepay_holds_overdue_seconds", "How long the first of them has")

    async def run(self) -> None:
        """Count for ever."""
        while True:
            try:
                await self.step()
            except ConnectionError as outage:
                log.warning("watch_waits", error=type(outage).__name__)
            except Exception:
                log.exception("watch_failed")
            await asyncio.sleep(EVERY_SECONDS)

    async def step(self) -> None:
        """Count once."""
        async with self._database.transaction() as session:
            overdue, seconds = await hold_expiry.overdue(session, now=self._now())
            pending, retried = await webhook_deliveries.waiting(session)
            found = {
                "outbox": await backlog.outbox(session, now=self._now()),
                "inbox": await backlog.inbox(session, now=self._now()),
                "crossings": await backlog.crossings(session, now=self._now()),
            }
        self._pending.set(pending)
        self._retried.set(retried)
        self._overdue.set(overdue)
        self._overdue_seconds.set(seconds)
        for box, counted in found.items():
            self._show(self._gauges[box], counted)

    @staticmethod
    def _show(gauges: tuple[MetricGauge, MetricGauge, MetricGauge], counted: Backlog) -> None:
        for gauge, figure in zip(gauges, (counted.waiting, counted.put_off, counted.oldest_seconds), strict=True):
            gauge.set(figure)


def _gauges(meter: MetricMeter, box: str) -> tuple[MetricGauge, MetricGauge, MetricGauge]:
    return (
        meter.create_gauge(f"prepay_{box}_waiting", f"Rows of the {box} that are not handed on yet"),
        meter.create_gauge(f"prepay_{box}_put_off", "Those of them that were tried and put off"),
        meter.create_gauge(f"prepay_{box}_oldest_seconds", "Age of the oldest of them"),
    )
