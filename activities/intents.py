"""What the processor's PaymentIntent says of our recharge."""

from gateways.processor import Intent
from models.recharge import Recharge
from rules.declines import Decline, explain

_WAITS_FOR_CONFIRM = frozenset({"requires_payment_method", "requires_confirmation"})


def waits_for_confirm(intent: Intent) -> bool:
    """Whether a confirm of ours would be taken: none is under way, none has succeeded."""
    return intent.status in _WAITS_FOR_CONFIRM


def altered(row: Recharge, intent: Intent) -> bool:
    """Whether the intent could take other money than the recharge is for; a canceled one takes none."""
    return intent.status != "canceled" and (intent.amount_cents, intent.currency) != (row.amount_cents, row.currency)


def decline(intent: Intent) -> Decline | None:
    """Why its latest confirm failed; None where it did not."""
    if intent.failure is None:
        return None
    return explain(
        code=intent.failure.code,
        decline_code=intent.failure.decline_code,
        network_decline_code=intent.failure.network_decline_code,
        advice_code=intent.failure.advice_code,
    )
