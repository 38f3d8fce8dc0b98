"""Amounts, dates and payment methods as people in the United States read them."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from rules.declines import ACH_RETURNS, explain
from rules.money import Money


def dollars(cents: int) -> str:
    """``$1,234.50`` for whole cents."""
    whole, rest = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}${whole:,}.{rest:02d}"


def amount(micros: int) -> str:
    """``$1,234.50``, or ``$0.0055`` where there are parts of a cent: an amount of micros as the API gives it."""
    whole, _, places = str(Money(abs(micros))).partition(".")
    return f"{'-' if micros < 0 else ''}${int(whole):,}.{places}"


def day(when: date) -> str:
    """``Thursday, March 5, 2026``."""
    return f"{when:%A, %B} {when.day}, {when.year}"


def moment(when: datetime, zone: str) -> str:
    """``Thursday, March 5, 2026, 3:00 PM PST``: the aware time ``when`` as clocks in ``zone`` show it."""
    local = when.astimezone(ZoneInfo(zone))
    hour, half = local.hour % 12 or 12, "AM" if local.hour < 12 else "PM"
    return f"{day(local.date())}, {hour}:{local:%M} {half} {local:%Z}"


def card(brand: str | None, last4: str | None) -> str:
    """``Visa card ending in 4242``, with what is known of it."""
    return _ending(f"{_BRANDS.get(brand or '', (brand or '').title())} card".strip(), last4)


def bank_account(name: str | None, last4: str | None) -> str:
    """``Example Bank account ending in 6789``, with what is known of it."""
    return _ending(f"{name} account" if name else "bank account", last4)


def bank_trouble(reason: str | None) -> str | None:
    """A sentence for the reason for which a bank account is blocked or was not verified; None when there is none."""
    if reason is None:
        return None
    if sentence := _BANK_TROUBLE.get(reason):
        return sentence
    if words := ACH_RETURNS.get(reason):
        return f"The reason: {words} ({reason})."
    message = explain(code=reason).message
    return f"The reason given: {reason.replace('_', ' ')}." if reason in message else message


def pause_trouble(reason: str) -> str:
    """A sentence for the reason for which auto-recharge is paused: the code of a decline, or what else ended it."""
    if sentence := _PAUSES.get(reason):
        return sentence
    return explain(code=reason, network_decline_code=reason if reason in ACH_RETURNS else None).message


def count(number: int, one: str, many: str) -> str:
    """``1 try``, ``2 tries``."""
    return f"{number} {one if number == 1 else many}"


def _ending(name: str, last4: str | None) -> str:
    return f"{name} ending in {last4}" if last4 else name


_BRANDS = {
    "amex": "American Express",
    "diners": "Diners Club",
    "jcb": "JCB",
    "mastercard": "Mastercard",
    "unionpay": "UnionPay",
}
_PAUSES = {
    "action_expired": "The payment had to be confirmed with the bank, and the time for it is over.",
    "amount_too_large": "The recharge amount is more than may be charged at once.",
    "canceled": "The automatic recharge was canceled.",
    "no_payment_method": "There is no payment method that can be charged.",
    "payment_not_created": "The payment could not be started.",
    "unknown": "The payment was declined.",
}
_BANK_TROUBLE = {
    "attempts_exceeded": "No tries are left.",
    "mandate_inactive": "The authorization for debits is not in force any more.",
    "payment_method_bank_account_blocked": "It cannot be used, because an earlier verification of it failed.",
    "payment_method_microdeposit_failed": "The bank did not accept the small deposit.",
    "payment_method_microdeposit_verification_attempts_exceeded": "No tries are left.",
    "payment_method_microdeposit_verification_timeout": "The time for it is over.",
    "tokenized_account_number_deactivated": "The bank has deactivated the number by which it was debited.",
}
