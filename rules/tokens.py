"""API tokens: 256 random bits, shown once; kept as HMAC-SHA256 under the server's pepper (decision 9)."""

import hmac
from collections.abc import Iterable

ENTROPY_BYTES = 32
OPERATOR_PREFIX = "op_"
MAX_VALID = 2
"""How many tokens of an account, or keys of one name, are valid at a time (requirement I6)."""
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LENGTH = 43  # 62 ** 43 > 2 ** 256


def encode(entropy: bytes) -> str:
    """An Auth Token: ENTROPY_BYTES random bytes, drawn by the caller, as 43 letters and digits."""
    if len(entropy) != ENTROPY_BYTES:
        raise ValueError(f"a token is made of {ENTROPY_BYTES} bytes")
    number, token = int.from_bytes(entropy), ""
    for _ in range(_LENGTH):
        number, place = divmod(number, len(_ALPHABET))
        token = _ALPHABET[place] + token
    return token


def encode_operator(entropy: bytes) -> str:
    """An operator's key: a prefix by which scanners find leaked ones, and a token."""
    return OPERATOR_PREFIX + encode(entropy)


def digest(token: str, *, pepper: str) -> str:
    """What is stored of a token, in hexadecimal."""
    return hmac.digest(pepper.encode(), token.encode(), "sha256").hex()


def matches(token: str, digests: Iterable[str], *, pepper: str) -> bool:
    """Whether one of ``digests`` is that of ``token``; each is compared, in constant time."""
    given = digest(token, pepper=pepper)
    found = [hmac.compare_digest(given, stored) for stored in digests]
    return any(found)
