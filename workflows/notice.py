"""One notice on its way by mail: tried until the mail server takes it, or until it is too old to be worth reading."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.notifying import NoticeRef, Notifying
    from rules.notices import LATEST
    from workflows import attributes
    from workflows.options import book_entry

_LATER_AND_LATER = RetryPolicy(
    initial_interval=timedelta(seconds=2), backoff_coefficient=2.0, maximum_interval=timedelta(minutes=5)
)
# Longer than the longest interval and one try: the last try finds the notice too old and ends it.
_LAST_LOOK = timedelta(minutes=10)


@workflow.defn(name="Notice")
class Notice:
    """From ``pending`` to ``sent``, ``failed`` or ``superseded``."""

    @workflow.run
    async def run(self, notice: NoticeRef) -> str:
        """Gives the notice's state."""
        workflow.set_current_details(f"Mailing `{notice.kind}`. While the mail server is down it is tried for 6 hours.")
        try:
            delivery = await workflow.execute_activity_method(
                Notifying.deliver,
                notice,
                start_to_close_timeout=timedelta(minutes=2),
                schedule_to_close_timeout=LATEST + _LAST_LOOK,
                retry_policy=_LATER_AND_LATER,
                summary=f"Mail {notice.kind}",
            )
        except ActivityError:
            delivery = await workflow.execute_activity_method(
                Notifying.close_notice, notice, **book_entry("Keep that it was not mailed")
            )
        attributes.show(state=delivery.state)
        workflow.set_current_details(
            f"The notice is **{delivery.state}**: {delivery.sent} of {delivery.recipients} recipients have it."
        )
        return delivery.state
