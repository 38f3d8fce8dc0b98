"""A card put on file, taken off it, or read anew: the row is there first, this makes it agree with the processor."""

from dataclasses import dataclass
from typing import Literal

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.cards import CardRef, Cards
    from workflows import attributes
    from workflows.options import processor_call


@dataclass(frozen=True)
class PaymentMethodRequest:
    """Which card, and what is to happen to it."""

    account_id: str
    card_id: str
    act: Literal["attach", "detach", "refresh"]


@workflow.defn(name="PaymentMethod")
class PaymentMethod:
    """From ``attaching`` to ``active`` or ``failed``, or from there to ``removed``."""

    @workflow.run
    async def run(self, request: PaymentMethodRequest) -> str:
        """Gives the card's status."""
        ref = CardRef(request.account_id, request.card_id, workflow.now())
        step, summary = _STEPS[request.act]
        workflow.set_current_details(f"{summary} at the processor.")
        status = await workflow.execute_activity_method(step, ref, **processor_call(summary))
        attributes.show(state=status)
        workflow.set_current_details(f"The card is **{status}**.")
        return status


_STEPS = {
    "attach": (Cards.attach_card, "Attach the card to the customer"),
    "detach": (Cards.detach_card, "Detach the card"),
    "refresh": (Cards.refresh_card, "Read the card anew"),
}
