"""One event on its way to one endpoint: tried by the schedule of Standard Webhooks until it is taken, or given up."""

from dataclasses import dataclass
from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.webhooks import WebhookAnswer, Webhooks, WebhookTry
    from rules.webhooks import WAITS
    from workflows import attributes
    from workflows.options import HEARTBEAT, UNTIL_ANSWERED


@dataclass(frozen=True)
class WebhookRequest:
    """Which event, for which endpoint; ``round`` counts how often that was asked. The rest is for readers."""

    event_id: str
    endpoint_id: str
    event_type: str
    account_id: str | None
    round: int


def webhook_queue(task_queue: str) -> str:
    """The queue of the tries: receivers that keep us waiting take no place of payments."""
    return f"{task_queue}-webhooks"


@workflow.defn(name="Webhook")
class Webhook:
    """From ``pending`` to ``delivered`` or ``failed``. Asked for again on its way, it begins anew."""

    @workflow.init
    def __init__(self, request: WebhookRequest) -> None:
        self._round = request.round

    @workflow.run
    async def run(self, request: WebhookRequest) -> str:
        """Gives the delivery's state; ``over`` when there was nothing to do (the same was asked for twice)."""
        while True:
            sending = self._round
            state = await self._deliver(request, sending)
            if self._round == sending:
                attributes.show(state=state)
                return state

    @workflow.signal
    def again(self, sending: int) -> None:
        """It was asked for anew: the ``sending``-th time."""
        self._round = max(self._round, sending)

    async def _deliver(self, request: WebhookRequest, sending: int) -> str:
        """All tries of one round; cut short by the next one."""
        for number, wait in enumerate(WAITS, start=1):
            if wait and await self._asked_anew(sending, wait, number):
                return "over"
            answer = await self._send(request, sending, number)
            workflow.set_current_details(_told(answer, number))
            if answer.state != "pending":
                return answer.state
        return "failed"

    async def _asked_anew(self, sending: int, wait: timedelta, number: int) -> bool:
        try:
            await workflow.wait_condition(
                lambda: self._round != sending,
                timeout=wait,
                timeout_summary=f"Try {number} of {len(WAITS)}",
            )
        except TimeoutError:
            return False
        return True

    async def _send(self, request: WebhookRequest, sending: int, number: int) -> WebhookAnswer:
        now = workflow.now()
        last = number == len(WAITS)
        return await workflow.execute_activity_method(
            Webhooks.send,
            WebhookTry(
                event_id=request.event_id,
                endpoint_id=request.endpoint_id,
                round=sending,
                now=now,
                next_try_at=None if last else now + WAITS[number],
            ),
            task_queue=webhook_queue(workflow.info().task_queue),
            start_to_close_timeout=timedelta(seconds=30),
            heartbeat_timeout=HEARTBEAT,
            retry_policy=UNTIL_ANSWERED,
            summary=f"Send {request.event_type}, try {number}",
        )


def _told(answer: WebhookAnswer, number: int) -> str:
    why = f": {answer.error}" if answer.error else ""
    status = f" with HTTP {answer.status}" if answer.status else ""
    if answer.state == "pending":
        return f"Try {number} of {len(WAITS)} failed{status}{why}. Next try in {WAITS[number]}."
    return f"**{answer.state}** at try {number}{status}{why}."
