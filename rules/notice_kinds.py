"""The kinds of notice: when each is written, the facts that it needs and whom it is for."""

from dataclasses import dataclass
from typing import Literal

Audience = Literal["owner", "operators"]
Subject = Literal[
    "recharge", "auto_recharge", "bank_account", "mandate", "event", "balance", "retention", "webhook_endpoint"
]  # fmt: skip

_BANK = frozenset({"bank_account"})
_DEPOSIT = _BANK | {"attempts_left", "expires_at"}
_RECHARGE = frozenset({"recharge", "amount_cents", "recharge_kind", "method_kind"})
_AUTO_RECHARGE = frozenset({"auto_recharge", "minimum_micros", "amount_cents"})
_BANK_NAMES = frozenset({"bank_name", "last4"})
_METHOD_NAMES = frozenset({"method_name", "method_last4"})
_RUNNING = frozenset({"running"})
_RETENTION_ENDED = frozenset({"retention", "balance_micros", "started_at", "ended_at"})
_EVENT = frozenset({"event", "event_type", "object_id"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of notice.

    ``needs`` are the facts that must be known, ``may`` those that may be missing. Names tell the type: ``…_cents``
    whole cents, ``…_micros`` millionths of a dollar, ``…_on`` an ISO date, ``…_at`` an ISO time in UTC, ``…_left`` a
    number; all others are text. ``only_while`` are the statuses of the subject in which there is still a reason to
    tell; empty: there always is. ``widely``: to the addresses that were added for balance alerts too (A2).
    """

    when: str
    subject: Subject
    needs: frozenset[str]
    may: frozenset[str] = frozenset()
    only_while: frozenset[str] = frozenset()
    audience: Audience = "owner"
    widely: bool = False
    unsent: str = ""
    """The kind by which operators are told that one of this kind, which must reach the customer, was not mailed."""


KINDS: dict[str, Kind] = {
    "balance_exhausted": Kind(
        when="Available reached zero: usage is refused, and the retention clock starts (requirement B2).",
        subject="retention",
        needs=frozenset({"retention", "balance_micros", "crossed_at", "ends_at"}),
        only_while=_RUNNING,
        widely=True,
    ),
    "retention_ending": Kind(
        when="Seven days and one day before the retention clock ends.",
        subject="retention",
        needs=frozenset({"retention", "balance_micros", "ends_at", "days_left"}),
        only_while=_RUNNING,
        widely=True,
    ),
    "retention_ended": Kind(
        when="The retention clock ran out.", subject="retention", needs=_RETENTION_ENDED, widely=True
    ),
    "bank_deposit_sent": Kind(
        when="The processor has sent the micro-deposit that verifies a bank account.",
        subject="bank_account",
        needs=_DEPOSIT | {"microdeposit_type"},
        may=_BANK_NAMES | {"deposit_expected_on"},
        only_while=frozenset({"verification_pending"}),
    ),
    "bank_reminder": Kind(
        when="Three and seven days after the bank account was added, while it is not verified.",
        subject="bank_account",
        needs=_DEPOSIT | {"microdeposit_type"},
        may=_BANK_NAMES | {"deposit_expected_on"},
        only_while=frozenset({"verification_pending"}),
    ),
    "bank_verified": Kind(
        when="The bank account is verified and can pay.", subject="bank_account", needs=_BANK, may=_BANK_NAMES
    ),
    "bank_verification_failed": Kind(
        when="The last try was wrong, or the micro-deposit could not be sent.",
        subject="bank_account",
        needs=_BANK,
        may=_BANK_NAMES | {"reason"},
    ),
    "bank_expired": Kind(
        when="Ten days have passed without the code or amounts.", subject="bank_account", needs=_BANK, may=_BANK_NAMES
    ),
    "bank_removed": Kind(
        when="The bank account was removed and its authorisation has ended.",
        subject="bank_account",
        needs=_BANK,
        may=_BANK_NAMES,
    ),
    "bank_blocked": Kind(
        when="The bank or the processor refuses further debits from the bank account.",
        subject="bank_account",
        needs=_BANK,
        may=_BANK_NAMES | {"reason"},
        only_while=frozenset({"blocked"}),
    ),
    "mandate_copy": Kind(
        when="Debits from a bank account were authorised: the copy that the customer keeps (requirement E13).",
        subject="mandate",
        needs=frozenset({"mandate", "bank_account", "accepted_at", "text_version", "amount_rule"}),
        may=_BANK_NAMES | {"holder_name", "routing_last4"},
        unsent="mandate_copy_unsent",
    ),
    "recharge_settled": Kind(
        when="A recharge succeeded and its money can be spent.",
        subject="recharge",
        needs=_RECHARGE,
        may=_METHOD_NAMES | {"declined_kind", "declined_name", "declined_last4", "declined_message", "declined_retry"},
    ),
    "recharge_failed": Kind(
        when="A recharge failed for good.",
        subject="recharge",
        needs=_RECHARGE,
        may=_METHOD_NAMES | {"failure_code", "failure_message", "failure_retry"},
    ),
    "recharge_canceled": Kind(
        when="A recharge was canceled: on request, or because its action was not taken in time.",
        subject="recharge",
        needs=_RECHARGE,
        may=_METHOD_NAMES | {"failure_message"},
    ),
    "action_needed": Kind(
        when="The bank of the card asks the customer to confirm a payment; the mail carries the link.",
        subject="recharge",
        needs=_RECHARGE | {"action_expires_at"},
        may=_METHOD_NAMES,
        only_while=frozenset({"requires_action"}),
    ),
    "auto_recharge_declined": Kind(
        when="An automatic recharge was declined and is tried again: when, and what changes that.",
        subject="recharge",
        needs=_RECHARGE | {"next_attempt_at"},
        may=_METHOD_NAMES | {"failure_code", "failure_message"},
        only_while=frozenset({"processing"}),
    ),
    "auto_recharge_limited": Kind(
        when="A limit stands in the way of an automatic recharge: once for each window of the limit.",
        subject="auto_recharge",
        needs=_AUTO_RECHARGE | {"limit", "limit_cents", "limited_until_at"},
        only_while=frozenset({"limited"}),
    ),
    "auto_recharge_paused": Kind(
        when="Nothing is recharged by itself any more: why, and what lifts the pause.",
        subject="auto_recharge",
        needs=_AUTO_RECHARGE | {"reason", "paused_at"},
        may=frozenset({"recharge"}),
        only_while=frozenset({"paused"}),
    ),
    "auto_recharge_resumed": Kind(
        when="The pause of auto-recharge was lifted: by what.",
        subject="auto_recharge",
        needs=_AUTO_RECHARGE | {"why"},
        only_while=frozenset({"active"}),
    ),
    "balance_alert": Kind(
        when="Available went below a watched amount: built-in, recommended or the owner's own.",
        subject="balance",
        needs=frozenset({"threshold_micros", "balance_micros", "transaction", "crossed_at"}),
        may=frozenset({"recommended_micros"}),
        only_while=frozenset({"below"}),
        widely=True,
    ),
    "payment_schedule_changed": Kind(
        when="Another amount or day was set for the payment schedule: told seven days ahead (requirement E13).",
        subject="bank_account",
        needs=_BANK | {"amount_cents", "day_of_month", "effective_at"},
        may=_BANK_NAMES | {"before_amount_cents", "before_day_of_month", "next_debit_on", "next_amount_cents"},
        unsent="payment_schedule_change_unsent",
    ),
    "scheduled_debit_skipped": Kind(
        when="The debit of a payment schedule was due, and something stood against it: nothing was debited.",
        subject="bank_account",
        needs=_BANK | {"amount_cents", "nominal_on", "reason"},
        may=_BANK_NAMES | {"next_debit_on", "next_amount_cents"},
    ),
    "retention_ended_for_operators": Kind(
        when="A retention clock ran out: operators decide about the account's numbers; nothing is deleted here.",
        subject="retention",
        needs=_RETENTION_ENDED,
        audience="operators",
    ),
    "recharge_overdue": Kind(
        when="21:00 Eastern of the expected date has passed without an answer (requirement E10).",
        subject="recharge",
        needs=_RECHARGE | {"expected_on"},
        may=_METHOD_NAMES | {"payment_intent"},
        only_while=frozenset({"processing"}),
        audience="operators",
    ),
    "recharge_altered": Kind(
        when="The payment at the processor is for another amount than its recharge; nothing is booked by it.",
        subject="recharge",
        needs=_RECHARGE,
        may=_METHOD_NAMES | {"payment_intent"},
        audience="operators",
    ),
    "event_kept": Kind(
        when="A dispute, return or refund came after success; it is kept and not posted yet.",
        subject="event",
        needs=_EVENT,
        may=frozenset({"recharge", "amount_cents", "received_at"}),
        only_while=frozenset({"new", "kept"}),
        audience="operators",
    ),
    "event_unmatched": Kind(
        when="An event of the processor has matched nothing of ours for a day.",
        subject="event",
        needs=_EVENT,
        may=frozenset({"received_at"}),
        only_while=frozenset({"new", "unmatched"}),
        audience="operators",
    ),
    "webhook_endpoint_gone": Kind(
        when="A webhook endpoint answered 410 Gone and was disabled: it hears of nothing any more.",
        subject="webhook_endpoint",
        needs=frozenset({"webhook_endpoint", "host"}),
        only_while=frozenset({"disabled"}),
        audience="operators",
    ),
    "mandate_copy_unsent": Kind(
        when="The copy of an authorisation could not be mailed; it has to reach the customer in another way.",
        subject="mandate",
        needs=frozenset({"mandate", "bank_account", "accepted_at", "text_version", "notice"}),
        may=_BANK_NAMES,
        audience="operators",
    ),
    "payment_schedule_change_unsent": Kind(
        when="The word of a changed payment schedule could not be mailed; it has to reach the customer in another way.",
        subject="bank_account",
        needs=_BANK | {"amount_cents", "day_of_month", "effective_at", "notice"},
        may=_BANK_NAMES,
        audience="operators",
    ),
}
