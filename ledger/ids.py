"""Transaction ids: `txn_`, the account's 18 characters, and the first transfer's seq in base 36.

They are made from the key of the journal, so they need no column, and sort like the account's history.
"""

import re

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_WIDTH = 10  # 3.6e15 transfers an account
_BEYOND = len(_DIGITS) ** _WIDTH
_PAIRS = [first + second for first in _DIGITS for second in _DIGITS]  # two digits at a time, for long exports
_PATTERN = re.compile(r"txn_([0-9A-Z]{18})([0-9A-Z]{10})", re.ASCII)


def transaction_id(account_id: str, seq: int) -> str:
    """The id of the operation whose first transfer is (`account_id`, `seq`)."""
    if not 0 < seq < _BEYOND:
        raise ValueError(f"seq {seq} is out of range")
    digits = ""
    while seq:
        seq, pair = divmod(seq, len(_PAIRS))
        digits = _PAIRS[pair] + digits
    digits = digits.rjust(_WIDTH, "0")
    return f"txn_{account_id.removeprefix('MA')}{digits}"


def parse_transaction_id(text: str) -> tuple[str, int]:
    """The account and seq of a transaction id. Raises ValueError if `text` is none."""
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise ValueError("not a transaction id")
    return f"MA{match[1]}", int(match[2], 36)
