"""One try of one webhook: signed, sent, and what came of it kept."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import structlog
from temporalio import activity

from gateways.webhooks import Answer, WebhookSender
from models.event import Event
from rules.webhooks import signed_headers
from store import deployment, events, notices, webhook_deliveries, webhook_endpoints
from store.database import Database
from store.seals import Seal, SealBrokenError
from store.webhook_deliveries import Open

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class WebhookTry:
    """Which delivery, for the how often it was asked for (``round``); when the next try is, None for the last one."""

    event_id: str
    endpoint_id: str
    round: int
    now: datetime
    next_try_at: datetime | None


@dataclass(frozen=True)
class WebhookAnswer:
    """How the delivery stands: ``pending`` (try again), ``delivered``, ``failed``, or ``over``: asked for anew."""

    state: str
    status: int | None = None
    error: str | None = None


class Webhooks:
    """The hand that sends. ``clock`` is wall time: receivers compare signatures with theirs."""

    def __init__(self, *, database: Database, sender: WebhookSender, seal: Seal, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._sender = sender
        self._seal = seal
        self._clock = clock

    @activity.defn(name="send_webhook")
    async def send(self, this: WebhookTry) -> WebhookAnswer:
        """Send once. A receiver that is down or refuses is an answer; the workflow decides about the next try."""
        async with self._database.transaction() as session:
            found = await webhook_deliveries.opened(session, this.event_id, this.endpoint_id)
            if found.delivery.round != this.round or found.delivery.state != "pending":
                return WebhookAnswer("over")
            deployed = await deployment.read(session)
            unsent = self._why_not(found)
            if unsent is not None:
                await webhook_deliveries.settle(session, found.delivery, error=unsent, next_try_at=None, now=this.now)
                return WebhookAnswer("failed", error=unsent)
        body = _body(found.event, livemode=deployed is not None and deployed.livemode)
        clock = self._clock()
        secrets = webhook_endpoints.valid_secrets(found.endpoint, seals=self._seal, now=clock)
        headers = signed_headers(body, event_id=this.event_id, secrets=secrets, now=clock)
        answer = await self._sender.send(found.endpoint.url, body, headers)
        return await self._keep(this, answer)

    def _why_not(self, found: Open) -> str | None:
        if found.endpoint.status != "enabled":
            return "endpoint_disabled"
        try:
            webhook_endpoints.valid_secrets(found.endpoint, seals=self._seal, now=self._clock())
        except SealBrokenError:
            log.exception("webhook_secret_unreadable", endpoint=found.endpoint.id)
            return "secret_unreadable"
        return None

    async def _keep(self, this: WebhookTry, answer: Answer) -> WebhookAnswer:
        async with self._database.transaction() as session:
            row = (await webhook_deliveries.opened(session, this.event_id, this.endpoint_id)).delivery
            if row.round != this.round or row.state != "pending":
                return WebhookAnswer("over", answer.status, answer.error)
            next_try_at = None if answer.error == "gone" else this.next_try_at
            await webhook_deliveries.answered(
                session, row, status=answer.status, error=answer.error, next_try_at=next_try_at, now=this.now
            )
            if answer.error == "gone":
                await self._give_up_endpoint(session, this)
            state = row.state
        if answer.error is not None:
            log.warning(
                "webhook_not_taken", event_id=this.event_id, endpoint=this.endpoint_id, status=answer.status,
                error=answer.error, state=state,
            )  # fmt: skip
        return WebhookAnswer(state, answer.status, answer.error)

    @staticmethod
    async def _give_up_endpoint(session: Any, this: WebhookTry) -> None:
        """Its owner has said that it is gone for good (410): it is disabled; operators and endpoints are told."""
        endpoint = await webhook_endpoints.find_locked(session, this.endpoint_id)
        if endpoint is not None and endpoint.status == "enabled":
            await webhook_endpoints.disable(session, endpoint, reason="gone")
            await notices.add(
                session,
                account_id=None,
                kind="webhook_endpoint_gone",
                cause=f"{this.event_id}/{this.round}/{endpoint.id}",
                facts={"webhook_endpoint": endpoint.id, "host": urlsplit(endpoint.url).hostname},
                now=this.now,
            )
            await events.add(
                session,
                type="webhook_endpoint.disabled",
                account_id=None,
                data={"endpoint": endpoint.id, "reason": "gone"},
                now=this.now,
            )


def _body(event: Event, *, livemode: bool) -> bytes:
    """The payload: the same bytes for every try and every endpoint."""
    shown = {
        "id": event.id,
        "type": event.type,
        "timestamp": event.created_at.isoformat().replace("+00:00", "Z"),
        "account": event.account_id,
        "livemode": livemode,
        "data": event.data,
    }
    return json.dumps(shown, separators=(",", ":"), sort_keys=True).encode()
