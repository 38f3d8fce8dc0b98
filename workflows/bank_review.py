"""The processor has news of a bank account on file: its payment method and mandate are read anew (D8)."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.bank_care import BankCare
    from activities.banks import BankRef
    from workflows import attributes
    from workflows.bank_verification import BankRequest
    from workflows.options import processor_call


@workflow.defn(name="BankReview")
class BankReview:
    """Started by the signal ``look``; one that comes while the review runs makes it read once more."""

    @workflow.init
    def __init__(self, request: BankRequest) -> None:
        self._request = request
        self._news = 0

    @workflow.signal
    def look(self) -> None:
        """There is news."""
        self._news += 1

    @workflow.run
    async def run(self, request: BankRequest) -> str:
        """Gives the bank account's status."""
        seen = -1
        status = ""
        # Nothing is awaited between the last check and the end, so that no signal is lost.
        while seen != self._news:
            seen = self._news
            ref = BankRef(request.account_id, request.bank_account_id, workflow.now())
            status = await workflow.execute_activity_method(
                BankCare.review_bank, ref, **processor_call("Read payment method and mandate")
            )
            attributes.show(state=status)
            workflow.set_current_details(f"The bank account is **{status}**.")
        return status
