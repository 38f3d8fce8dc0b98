"""A bank account taken off: detached at the processor, its mandate ended, a running verification told."""

from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from activities.bank_care import BankCare
    from activities.banks import BankRef
    from rules.bank_verification import Status
    from workflows import attributes
    from workflows.bank_verification import BankRequest, BankVerification
    from workflows.options import processor_call


@workflow.defn(name="BankRemoval")
class BankRemoval:
    """From the request to ``removed``. Debits in flight stay in flight."""

    @workflow.run
    async def run(self, request: BankRequest) -> str:
        """Gives the bank account's status: ``removed``."""
        workflow.set_current_details("The bank account is being detached at the processor.")
        ref = BankRef(request.account_id, request.bank_account_id, workflow.now())
        before = await workflow.execute_activity_method(
            BankCare.remove_bank, ref, **processor_call("Cancel its verification, detach it")
        )
        # "removed": an earlier try of this step did it, and what it was before is not known any more.
        if before in {Status.PENDING, Status.REMOVED}:
            await self._tell_verification(request)
        attributes.show(state=Status.REMOVED)
        workflow.set_current_details(f"The bank account is **removed**; it was {before}.")
        return Status.REMOVED

    @staticmethod
    async def _tell_verification(request: BankRequest) -> None:
        verification = workflow.get_external_workflow_handle_for(
            BankVerification.run, f"verify/{request.bank_account_id}"
        )
        try:
            await verification.signal(BankVerification.look)
        except FailureError:
            # It has ended, or was not started: then it will find the bank account removed.
            workflow.logger.info("no verification to be told")
