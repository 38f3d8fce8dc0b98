"""The verification of a bank account: its times, its tries, and what the processor's SetupIntent means for us."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

# Requirement E6, counted from the deposit's sending.
EXPIRY = timedelta(days=10)
REMINDERS = (timedelta(days=3), timedelta(days=7))
# Requirement E5, and the processor's own limit for amounts.
AMOUNTS_ATTEMPTS = 3
# The mandate as given: clocks differ, and an acceptance is sent on when it happens, not collected for later.
ACCEPTED_AHEAD = timedelta(minutes=5)
ACCEPTED_AGO = timedelta(hours=24)


class Status(StrEnum):
    """Where a bank account stands."""

    PENDING = "verification_pending"
    VERIFIED = "verified"
    FAILED = "verification_failed"
    EXPIRED = "expired"
    BLOCKED = "blocked"
    REMOVED = "removed"


#: These take the account's one place (requirement E2).
PLACE_HOLDING = (Status.PENDING, Status.VERIFIED, Status.BLOCKED)


class Answer(StrEnum):
    """What an entry came to."""

    VERIFIED = "verified"
    MISMATCH = "mismatch"
    EXHAUSTED = "exhausted"
    """Wrong, and it was the last try."""
    ENDED = "ended"
    """The processor has ended the verification instead of comparing."""
    OTHER_KIND = "other_kind"
    """A code where amounts are asked for, or the other way round; nothing was compared."""
    NOT_TAKEN = "not_taken"
    """The processor did not compare it: it costs nothing."""
    NOT_PENDING = "not_pending"
    """There was nothing to verify any more."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The status behind a SetupIntent, and why where it is not good."""

    status: Status
    reason: str | None = None


_MICRODEPOSIT = "payment_method_microdeposit_"
MISMATCHES = frozenset(
    {
        f"{_MICRODEPOSIT}verification_descriptor_code_mismatch",
        f"{_MICRODEPOSIT}verification_amounts_mismatch",
    }
)
EXCEEDED = f"{_MICRODEPOSIT}verification_attempts_exceeded"
_REASONS = {
    EXCEEDED: "attempts_exceeded",
    f"{_MICRODEPOSIT}verification_timeout": "timed_out",
    f"{_MICRODEPOSIT}failed": "microdeposit_failed",
}
NOT_SUPPORTED = "bank_account_not_supported"
REFUSED = "payment_method_refused"
MANDATE_INACTIVE = "mandate_inactive"
_WORDS = {
    "attempts_exceeded": "No tries are left: the code or the amounts were wrong too often.",
    "timed_out": "The code or the amounts were not entered in time.",
    "microdeposit_failed": "The micro-deposit could not be sent: check the routing and account numbers.",
    "canceled": "The verification was canceled at the processor.",
    "bank_account_unusable": "The bank account cannot be debited.",
    NOT_SUPPORTED: "The token is not that of a US bank account.",
    REFUSED: "The processor does not take this payment method.",
}


def judge(*, setup_status: str, failure_code: str | None) -> Judgement:
    """What a SetupIntent says of its bank account (docs.stripe.com/payments/ach-direct-debit/set-up-payment)."""
    if setup_status == "succeeded":
        return Judgement(Status.VERIFIED)
    if setup_status == "canceled":
        return Judgement(Status.FAILED, "canceled")
    if setup_status == "requires_payment_method":
        reason = _REASONS.get(failure_code or "", failure_code or REFUSED)
        return Judgement(Status.EXPIRED if reason == "timed_out" else Status.FAILED, reason)
    return Judgement(Status.PENDING)


def block_reason(*, blocked_code: str | None, blocked_reason: str | None, mandate_status: str | None) -> str | None:
    """Why a bank account cannot be debited, by its payment method and its mandate at the processor (requirement D8).

    The return code where the processor names one, else its word; None when nothing stands in the way.
    """
    if blocked_code is not None and blocked_code != "unknown":
        return blocked_code
    if blocked_code is not None or blocked_reason is not None:
        return blocked_reason or "bank_account_unusable"
    return MANDATE_INACTIVE if mandate_status == "inactive" else None


def words(reason: str) -> str:
    """A sentence for the reason of a failure."""
    return _WORDS.get(reason, f"The processor refused the bank account ({reason}).")


def attempts_allowed(microdeposit_type: str | None, *, setting: int) -> int:
    """How many wrong entries end the verification (requirements E4, E5)."""
    return min(setting, AMOUNTS_ATTEMPTS) if microdeposit_type == "amounts" else setting


def attempts_left(*, status: str, allowed: int, failed: int) -> int:
    """Tries that are left; none once the verification has failed."""
    return 0 if status == Status.FAILED else max(allowed - failed, 0)


def acceptance_fault(accepted_at: datetime, *, now: datetime) -> str | None:
    """Why a mandate's time of acceptance cannot be true; None when it can."""
    if accepted_at > now + ACCEPTED_AHEAD:
        return "lies in the future"
    if accepted_at < now - ACCEPTED_AGO:
        hours = int(ACCEPTED_AGO.total_seconds() // 3600)
        return f"is more than {hours} hours ago: send the acceptance on when it is given"
    return None
