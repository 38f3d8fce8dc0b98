"""A letter of each kind with made-up facts: for tests, and to look at."""

from typing import Any

from gateways.letters import Letter, Reader, Story, compose
from rules.auto_recharge import LIFTED
from rules.mandate_text import CURRENT, amount_rule
from rules.notice_kinds import KINDS
from rules.notices import complete

_FACTS: dict[str, Any] = {
    "accepted_at": "2026-11-24T17:05:00+00:00",
    "action_expires_at": "2026-11-25T17:00:00+00:00",
    "amount_cents": 125_000,
    "amount_rule": amount_rule(largest_cents=1_000_000),
    "attempts_left": 5,
    "auto_recharge": "MAEXAMPLE00000000001",
    "balance_micros": 87_412_500,
    "before_amount_cents": 100_000,
    "before_day_of_month": "15",
    "bank_account": "bank_01KAV3D6J7X0T4Q9ZP2M8WYE5R",
    "bank_name": "Example Savings Bank",
    "crossed_at": "2026-11-24T17:05:00+00:00",
    "day_of_month": "31",
    "days_left": 7,
    "deposit_expected_on": "2026-11-25",
    "effective_at": "2026-12-01T17:05:00+00:00",
    "ended_at": "2026-12-24T17:05:00+00:00",
    "ends_at": "2026-12-24T17:05:00+00:00",
    "event": "evt_1QSample",
    "event_type": "charge.dispute.created",
    "expected_on": "2026-12-01",
    "expires_at": "2026-12-04T17:05:00+00:00",
    "failure_code": "R01",
    "failure_message": "The bank returned the debit: insufficient funds in the bank account (R01).",
    "failure_retry": "later",
    "holder_name": "Ada Lovelace",
    "last4": "6789",
    "limit": "weekly",
    "limit_cents": 50_000,
    "limited_until_at": "2026-11-30T08:00:00+00:00",
    "mandate": "mndt_01KAV3D6J7X0T4Q9ZP2M8WYE5R",
    "method_kind": "bank",
    "method_last4": "6789",
    "method_name": "Example Savings Bank",
    "microdeposit_type": "descriptor_code",
    "minimum_micros": 100_000_000,
    "next_attempt_at": "2026-11-25T18:00:00+00:00",
    "next_amount_cents": 125_000,
    "next_debit_on": "2026-12-31",
    "nominal_on": "2026-11-30",
    "notice": "ntc_01KAV3D6J7X0T4Q9ZP2M8WYE5R",
    "object_id": "dp_1QSample",
    "paused_at": "2026-11-24T18:15:00+00:00",
    "payment_intent": "pi_1QSample",
    "reason": "attempts_exceeded",
    "received_at": "2026-11-24T17:05:00+00:00",
    "recommended_micros": 19_000_000,
    "recharge": "rchg_01KAV3D6J7X0T4Q9ZP2M8WYE5R",
    "recharge_kind": "manual",
    "retention": "txn_EXAMPLE000000000010000000042",
    "routing_last4": "0021",
    "started_at": "2026-11-24T17:05:00+00:00",
    "text_version": CURRENT,
    "threshold_micros": 100_000_000,
    "transaction": "txn_EXAMPLE000000000010000000042",
    "why": LIFTED["recharged_by_owner"],
}
_OF_KIND: dict[str, dict[str, Any]] = {
    "action_needed": {"method_kind": "card", "method_name": "visa", "method_last4": "3155"},
    "auto_recharge_declined": {
        "recharge_kind": "auto",
        "method_kind": "card",
        "method_name": "visa",
        "method_last4": "9995",
        "failure_code": "insufficient_funds",
        "failure_message": "Insufficient funds.",
        "amount_cents": 5_000,
    },
    "auto_recharge_limited": {"amount_cents": 5_000},
    "auto_recharge_paused": {"reason": "insufficient_funds", "amount_cents": 5_000},
    "auto_recharge_resumed": {"amount_cents": 5_000},
    "balance_exhausted": {"balance_micros": 0},
    "bank_blocked": {"reason": "R02"},
    "webhook_endpoint_gone": {"webhook_endpoint": "whk_0SAMPLE", "host": "platform.example"},
    "event_unmatched": {"event_type": "payment_intent.succeeded", "object_id": "pi_1QSample"},
    "recharge_canceled": {"failure_message": None},
    "recharge_settled": {
        "recharge_kind": "auto",
        "method_kind": "card",
        "method_name": "visa",
        "method_last4": "4242",
        "declined_kind": "bank",
        "declined_name": "Example Savings Bank",
        "declined_last4": "6789",
        "declined_message": "The bank returned the debit: the bank account is closed (R02).",
        "declined_retry": "other_method",
    },
    "scheduled_debit_skipped": {"reason": "method_blocked"},
    "retention_ended": {"balance_micros": 0},
    "retention_ended_for_operators": {"balance_micros": 0},
    "retention_ending": {"balance_micros": 0},
}
ACCOUNT = Reader(account_id="MAEXAMPLE00000000001", account_name="Ada's Calls & Co", timezone="America/Los_Angeles")


def facts_of(kind: str, **instead: Any) -> dict[str, Any]:
    """Made-up facts of ``kind``; ``instead`` replaces some of them."""
    return complete(kind, _FACTS | _OF_KIND.get(kind, {}) | instead)


def preview(kind: str, *, reader: Reader = ACCOUNT, **facts: Any) -> Letter:
    """The letter of ``kind`` with made-up facts; ``facts`` replace some of them."""
    return compose(
        Story(
            notice_id="ntc_01KAV3D6J7X0T4Q9ZP2M8WYE5R",
            kind=kind,
            facts=facts_of(kind, **facts),
            pay_url=f"https://pay.example.com/pay/{'Zm9yIGV4YW1wbGU' * 3}" if kind == "action_needed" else "",
        ),
        reader=reader,
        company="Example Calls",
        contact="billing@example.com",
    )


def previews() -> dict[str, Letter]:
    """One letter of each kind."""
    return {kind: preview(kind) for kind in KINDS}
