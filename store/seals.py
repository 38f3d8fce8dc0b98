"""Values kept for the moment only: sealed with AES-256-GCM under a key that is not in the database (E3, F7)."""

import base64
import hmac
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
_NONCE_BYTES = 12
_VERSION = b"\x01"


class SealBrokenError(ValueError):
    """The value was sealed with another key, or for another record."""


class Seal:
    """Seals, opens and recognises values. ``key`` is the base64 of 32 bytes; raises ValueError for another one.

    ``parts`` are the ids of the record that a value belongs to: in another record it does not open.
    """

    def __init__(self, key: str) -> None:
        try:
            raw = base64.b64decode(key, validate=True)
        except ValueError:
            raw = b""
        if len(raw) != KEY_BYTES:
            raise ValueError(f"the sealing key must be the base64 of {KEY_BYTES} bytes")
        self._cipher = AESGCM(raw)
        # A key of its own for digests: one key, one use.
        self._digest_key = hmac.digest(raw, b"prepay/digest/1", "sha256")

    def seal(self, value: str, *parts: str) -> bytes:
        """The value, readable with this key and for this record alone."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, value.encode(), _context(parts))

    def open(self, sealed: bytes, *parts: str) -> str:
        """The value again. Raises SealBrokenError."""
        nonce, text = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        if sealed[:1] != _VERSION:
            raise SealBrokenError("the seal is of an unknown version")
        try:
            return self._cipher.decrypt(nonce, text, _context(parts)).decode()
        except (InvalidTag, ValueError):
            raise SealBrokenError("the seal was made with another key or for another record") from None

    def digest(self, value: str, *parts: str) -> str:
        """HMAC-SHA256 in hex: the same value for the same record gives the same digest, and nothing else is told."""
        return hmac.digest(self._digest_key, _context((*parts, value)), "sha256").hex()


def _context(parts: tuple[str, ...]) -> bytes:
    return "\0".join(parts).encode()
