"""Webhook deliveries: signed, at least once, retried with back-off, kept over restarts.

They run in wall time, in the background and at most ``AT_ONCE`` together. What the settings ask for (drop, duplicate,
reorder, delay) is decided by seed and count alone, so that a run can be repeated.
"""

import asyncio
import hashlib
import hmac
import json
import ssl
import time
from contextlib import suppress
from functools import cache
from random import Random

import httpx2

from sandbox.stripe.storage import Object, Store
from sandbox.stripe.world import HIDDEN, public

AT_ONCE = 32
TIMEOUT = 10.0
GRACE = 1.0
FIRST_RETRY, LAST_RETRY = 0.5, 60.0
ABANDONED_AFTER = 3 * 24 * 3600
SPREAD = 0.5
QUIET: Object = {"drop": 0.0, "duplicate": 1, "reorder": False, "delay_seconds": 0.0, "seed": 0, "drawn": 0}


@cache
def _tls() -> ssl.SSLContext:
    # Reading the certificates takes longer than all else that a start does: once per process.
    return ssl.create_default_context()


def sign(payload: bytes, secret: str, at: int) -> str:
    """The ``Stripe-Signature`` header: HMAC-SHA256 over time and raw body (docs.stripe.com/webhooks)."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + payload, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


class Webhooks:
    """The background worker that sends what ``World.emit`` left to be delivered."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._work = asyncio.Event()
        self._progress = asyncio.Event()
        self._sending: set[asyncio.Task[None]] = set()
        # What was being sent when the process died was perhaps received: it is sent again.
        store.db.execute("UPDATE deliveries SET state = 'waiting' WHERE state = 'sending'")

    def wake(self) -> None:
        """There may be something to send."""
        self._work.set()

    async def run(self) -> None:
        """Send until canceled."""
        limits = httpx2.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE)
        async with httpx2.AsyncClient(timeout=TIMEOUT, limits=limits, trust_env=False, verify=_tls()) as client:
            try:
                while True:
                    self._work.clear()
                    self._plan()
                    self._start(client)
                    with suppress(TimeoutError):
                        # Not ``wait_for``: in Python 3.11 it loses a cancellation that comes with the event.
                        async with asyncio.timeout(self._pause()):
                            await self._work.wait()
            finally:
                await self._finish()

    async def first_deliveries(self, seconds: float) -> bool:
        """Wait until everything due now was sent once, at most so long; whether it was."""
        self._plan()
        self.wake()
        due = time.time()
        sql = "SELECT 1 FROM deliveries WHERE state IN ('waiting', 'sending') AND attempts = 0 AND next_at <= ? LIMIT 1"
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._store.db.execute(sql, (due,)).fetchone() is not None:
                    self._progress.clear()
                    await self._progress.wait()
                return True
        return False

    def counts(self) -> dict[str, int]:
        """Webhooks sent (attempts), acknowledged (answered 2xx), dropped on purpose, waiting and abandoned."""
        sql = "SELECT state, count(*), total(attempts) FROM deliveries GROUP BY state"
        rows = {state: (count, int(attempts)) for state, count, attempts in self._store.db.execute(sql)}
        waiting = sum(rows.get(state, (0, 0))[0] for state in ("new", "waiting", "sending"))
        return {
            "sent": sum(attempts for _, attempts in rows.values()),
            "acknowledged": rows.get("acknowledged", (0, 0))[0],
            "dropped": rows.get("dropped", (0, 0))[0],
            "waiting": waiting,
            "abandoned": rows.get("abandoned", (0, 0))[0],
        }

    def _plan(self) -> None:
        """Decide what becomes of new deliveries: dropped, doubled, delayed."""
        rows = self._store.db.execute(
            "SELECT seq, event, endpoint, next_at FROM deliveries WHERE state = 'new'"
        ).fetchall()
        if not rows:
            return
        settings = {**QUIET, **self._store.fact("webhooks", {})}
        with self._store.transaction():
            for seq, event, endpoint, made in rows:
                draw = Random(f"{settings['seed']}/{settings['drawn']}")  # noqa: S311 - reproducible by design
                settings["drawn"] += 1
                if draw.random() < settings["drop"]:
                    self._store.db.execute("UPDATE deliveries SET state = 'dropped' WHERE seq = ?", (seq,))
                    continue
                self._store.db.execute("DELETE FROM deliveries WHERE seq = ?", (seq,))
                for _ in range(max(1, settings["duplicate"])):
                    at = made + settings["delay_seconds"] + (draw.random() * SPREAD if settings["reorder"] else 0)
                    sql = "INSERT INTO deliveries (event, endpoint, state, next_at) VALUES (?, ?, 'waiting', ?)"
                    self._store.db.execute(sql, (event, endpoint, at))
            self._store.set_fact("webhooks", settings)

    def _start(self, client: httpx2.AsyncClient) -> None:
        free = AT_ONCE - len(self._sending)
        sql = (
            "SELECT seq, event, endpoint, attempts FROM deliveries WHERE state = 'waiting' AND next_at <= ? "
            "ORDER BY next_at, seq LIMIT ?"
        )
        rows = self._store.db.execute(sql, (time.time(), free)).fetchall()
        for seq, event, endpoint, attempts in rows:
            self._store.db.execute("UPDATE deliveries SET state = 'sending' WHERE seq = ?", (seq,))
            task = asyncio.create_task(self._deliver(client, seq, event, endpoint, attempts))
            self._sending.add(task)
            task.add_done_callback(self._sent)

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        self._progress.set()
        self.wake()

    def _pause(self) -> float | None:
        if len(self._sending) >= AT_ONCE:
            return None
        row = self._store.db.execute("SELECT min(next_at) FROM deliveries WHERE state = 'waiting'").fetchone()
        return None if row[0] is None else max(0.0, row[0] - time.time())

    async def _deliver(
        self, client: httpx2.AsyncClient, seq: int, event_id: str, endpoint_id: str, attempts: int
    ) -> None:
        endpoint, event = self._store.get(endpoint_id), self._store.get(event_id)
        if endpoint is None or event is None or endpoint["status"] != "enabled":
            self._note(seq, "abandoned", attempts, time.time())
            return
        payload = json.dumps(public(event), indent=2).encode()
        signature = sign(payload, endpoint[HIDDEN]["secret"], int(time.time()))
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": signature,
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        }
        try:
            response = await client.post(endpoint["url"], content=payload, headers=headers)
            acknowledged = response.is_success
        except (httpx2.HTTPError, httpx2.InvalidURL):
            acknowledged = False
        if acknowledged:
            self._note(seq, "acknowledged", attempts + 1, time.time())
            self._acknowledge(event_id)
            return
        pause = min(FIRST_RETRY * 2**attempts, LAST_RETRY)
        # The sum of all pauses so far is about the age: past three days Stripe gives up too.
        abandoned = attempts * LAST_RETRY > ABANDONED_AFTER
        self._note(seq, "abandoned" if abandoned else "waiting", attempts + 1, time.time() + pause)

    async def _finish(self) -> None:
        """Let deliveries under way end by themselves: a connection that is canceled while it closes stays open."""
        if not self._sending:
            return
        _, left = await asyncio.wait(self._sending, timeout=GRACE)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _note(self, seq: int, state: str, attempts: int, next_at: float) -> None:
        sql = "UPDATE deliveries SET state = ?, attempts = ?, next_at = ? WHERE seq = ?"
        self._store.db.execute(sql, (state, attempts, next_at, seq))

    def _acknowledge(self, event_id: str) -> None:
        sql = (
            "SELECT count(DISTINCT endpoint) FROM deliveries WHERE event = ?1 AND endpoint NOT IN "
            "(SELECT endpoint FROM deliveries WHERE event = ?1 AND state = 'acknowledged')"
        )
        (pending,) = self._store.db.execute(sql, (event_id,)).fetchone()
        event = self._store.get(event_id)
        if event is not None:
            event["pending_webhooks"] = pending
            event[HIDDEN]["delivered"] = pending == 0
            self._store.update(event)
