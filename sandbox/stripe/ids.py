"""Identifiers in Stripe's fashion: a prefix and 24 letters and digits."""

import secrets

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
PREFIXES = {
    "account": "acct_",
    "balance_transaction": "txn_",
    "charge": "ch_",
    "customer": "cus_",
    "dispute": "dp_",
    "event": "evt_",
    "mandate": "mandate_",
    "payment_intent": "pi_",
    "payment_method": "pm_",
    "refund": "re_",
    "request": "req_",
    "setup_attempt": "setatt_",
    "setup_intent": "seti_",
    "webhook_endpoint": "we_",
}


def letters(count: int) -> str:
    """``count`` random letters and digits."""
    number = secrets.randbits(count * 6)
    picked: list[str] = []
    for _ in range(count):
        number, rest = divmod(number, 62)
        picked.append(_ALPHABET[rest])
    return "".join(picked)


def new(kind: str) -> str:
    """A fresh identifier for an object of this kind."""
    return PREFIXES[kind] + letters(24)
