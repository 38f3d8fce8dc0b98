"""One notice on its way by mail: tried until the mail server takes it, or until it is too old to be worth reading."""

from dataclasses import dataclass
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.notifying import Delivery, Notifying, Try
    from workflows import attributes
    from workflows.options import HEARTBEAT, UNTIL_ANSWERED

_FIRST_WAIT = timedelta(seconds=10)
_LONGEST_WAIT = timedelta(minutes=30)


@dataclass(frozen=True)
class NoticeRequest:
    """Which notice; kind and account are for those who read the history."""

    notice_id: str
    kind: str
    account_id: str | None


@workflow.defn(name="Notice")
class Notice:
    """From ``pending`` to ``sent``, ``failed`` or ``superseded``."""

    @workflow.run
    async def run(self, request: NoticeRequest) -> str:
        """Gives the notice's state. The activity ends it when it is older than six hours (requirement A9)."""
        wait = _FIRST_WAIT
        delivery = await self._deliver(request)
        while delivery.state == "pending":
            workflow.set_current_details(f"The mail server has not taken it yet; next try in {wait}.")
            await workflow.sleep(wait, summary=f"Mail server down: try {request.kind} again")
            wait = min(wait * 3, _LONGEST_WAIT)
            delivery = await self._deliver(request)
        attributes.show(state=delivery.state)
        workflow.set_current_details(
            f"The notice is **{delivery.state}**: {delivery.sent} of {delivery.recipients} recipients have it."
        )
        return delivery.state

    async def _deliver(self, request: NoticeRequest) -> Delivery:
        try:
            return await workflow.execute_activity_method(
                Notifying.deliver,
                Try(request.notice_id, workflow.now()),
                start_to_close_timeout=timedelta(minutes=2),
                heartbeat_timeout=HEARTBEAT,
                schedule_to_close_timeout=timedelta(minutes=10),  # then look again with a new now
                retry_policy=UNTIL_ANSWERED,
                summary=f"Mail {request.kind}",
            )
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            return Delivery(state="pending")
