"""Identifiers: prefixed, opaque and sortable by time (Crockford base 32 of milliseconds and random bits)."""

import re
from datetime import datetime

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
_TIME_CHARS = 9  # 45 bits of milliseconds: until the year 3084
ENTROPY_BYTES = 16
ACCOUNT_ID = re.compile(r"MA[0-9A-Z]{18}", re.ASCII)
SUBACCOUNT_ID = re.compile(r"SA[0-9A-Z]{18}", re.ASCII)


def _base32(number: int, chars: int) -> str:
    found = ""
    for _ in range((chars + 1) // 2):
        found = _PAIRS[number & 1023] + found
        number >>= 10
    return found[-chars:]


def make(prefix: str, *, now: datetime, entropy: bytes) -> str:
    """An identifier such as ``rchg_`` and 24 characters: nine of time, fifteen (75 bits) of ``entropy``.

    ``entropy`` is ENTROPY_BYTES random bytes, drawn by the caller because rules draw no lots.
    """
    return f"{prefix}_{_stamp(now)}{_base32(int.from_bytes(entropy), 15)}"


def make_auth_id(prefix: str, *, now: datetime, entropy: bytes) -> str:
    """An Auth ID: ``MA`` or ``SA`` and 18 characters, 20 in all, upper case and digits (requirement F3)."""
    return f"{prefix}{_stamp(now)}{_base32(int.from_bytes(entropy), 9)}"


def _stamp(now: datetime) -> str:
    return _base32(int(now.timestamp() * 1000), _TIME_CHARS)
